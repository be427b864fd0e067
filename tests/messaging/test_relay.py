"""The relay against a real broker: what subscribers see, what no queue takes, and how several share the work."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.broker import Broker, new_vhost
from support.database import Installation
from support.events import NAMES, Bus, Platform, Worker
from support.requests import Player, fail, settle
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.store.queues.outbox import PARTITIONS

EVENT_TYPES = [
    "wallet.deposit.applied",
    "wallet.bet.placed",
    "wallet.win.credited",
    "wallet.transaction.rolled_back",
    "wallet.bet.placed",
    "wallet.win.credited",
    "wallet.withdrawal.reserved",
    "wallet.withdrawal.settled",
    "wallet.withdrawal.reserved",
    "wallet.withdrawal.failed",
    "wallet.adjustment.applied",
    "wallet.player.state_changed",
]


def one_of_each(wallet: Wallet) -> Player:
    """Let a player go through every kind of mutation."""
    player = Player()
    wallet.applied(player.deposit("1000", tx_hash="0xabc", output_index=1))
    bet = player.bet("10")
    wallet.applied(bet)
    win = player.win("20", of=bet)
    wallet.applied(win)
    wallet.applied(player.rollback(win))
    wallet.applied(player.bet_and_win("5", "7"))
    settled, failed = player.reserve("40"), player.reserve("50")
    wallet.applied(settled)
    wallet.applied(settle(settled, "1"))
    wallet.applied(failed)
    wallet.applied(fail(failed))
    wallet.applied(player.adjust("5"))
    wallet.send(player.state(pb.PLAYER_STATE_BLOCKED))
    return player


def test_every_kind_of_event_arrives_in_order_with_its_facts(platform: Platform) -> None:
    player = one_of_each(platform.wallet)
    events = platform.events_of(player, len(EVENT_TYPES))
    assert [event["type"] for event in events] == EVENT_TYPES
    assert len({event["id"] for event in events}) == len(events)
    # MAIN changes with every posting to it; a settlement posts to the hold only. A state belongs to no balance: its
    # sequence counts the player's mutations.
    assert [event["sequence"] for event in events] == [1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11]
    for event in events:
        assert event["specversion"] == "1.0"
        assert event["environment"] == "TEST"
        assert event["data"]["playerId"] == player.player_id
        assert event["time"] == event["data"]["occurredAt"]
    deposit = events[0]["data"]
    assert deposit["amountMinor"] == "1000"
    assert (deposit["balanceAfterMinor"], deposit["currency"], deposit["network"]) == ("1000", "USDT", "TRON")
    assert events[0]["id"].startswith(deposit["txId"])


def test_messages_are_as_subscribers_expect_them(platform: Platform) -> None:
    player = platform.wallet.player("100")
    platform.events_of(player, 1)
    (message,) = [one for one in platform.bus.received if one.event["subject"] == str(player.player_id)]
    assert message.content_type == "application/cloudevents+json"
    assert message.message_id == message.event["id"]
    assert message.routing_key == message.event["type"]
    assert message.persistent


def test_published_rows_are_removed(platform: Platform) -> None:
    platform.events_of(platform.wallet.player("100"), 1)
    wait_until(lambda: platform.installation.rows("SELECT FROM outbox_events") == [], what="the outbox is empty")


def test_a_traceparent_goes_through(platform: Platform) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    player = Player()
    stub, credentials = platform.wallet.payments.stub, platform.wallet.payments.credentials
    stub.ApplyDepositSettlement(player.deposit("5"), metadata=(*credentials, ("traceparent", traceparent)), timeout=10)
    (event,) = platform.events_of(player, 1)
    assert event["traceparent"] == traceparent


@pytest.fixture
def lonely(new_installation: Callable[[], Installation], broker: Broker) -> Iterator[tuple[Wallet, Installation, Bus]]:
    """A wallet whose exchange has no subscriber of its own choosing yet."""
    installation = new_installation()
    with Bus(new_vhost(broker)) as bus, WalletServer(installation) as server:
        yield server.wallet(), installation, bus


def parked(installation: Installation) -> list[dict]:
    return json.loads(installation.command("outbox", "list", "--parked", "--json"))


def named(row: dict[str, Any]) -> list[str]:
    """Name an event of the outbox as commands do: each cell numbers its own."""
    return [str(row["outbox_id"]), "--cell", str(row["cell"])]


def test_an_unroutable_event_is_kept_for_replay_and_blocks_nobody(
    lonely: tuple[Wallet, Installation, Bus],
) -> None:
    wallet, installation, bus = lonely

    async def only_deposits(channel) -> None:  # noqa: ANN001
        queue = await channel.get_queue("test.subscriber")
        await queue.unbind(NAMES.events_exchange, "#")
        await queue.bind(NAMES.events_exchange, "wallet.deposit.*")

    bus.run(only_deposits)
    bus.subscribe()
    with Worker("relay", installation, bus.amqp_url) as relay:
        player = wallet.player("100")
        wallet.applied(player.bet("10"))
        wallet.fund(player, "5")
        bus.until(2)
        assert [one.event["sequence"] for one in bus.received] == [1, 3]
        wait_until(lambda: len(parked(installation)) == 1, what="the bet's event is parked")
        (row,) = parked(installation)
        assert row["event_type"] == "wallet.bet.placed"
        assert row["failure"].startswith("UNROUTABLE")
        assert "events_unroutable" in relay.log
        shown = json.loads(installation.command("outbox", "show", *named(row), "--json"))
        assert shown["data"]["amountMinor"] == "10"

        async def everything(channel) -> None:  # noqa: ANN001
            await (await channel.get_queue("test.subscriber")).bind(NAMES.events_exchange, "#")

        bus.run(everything)
        installation.command("outbox", "replay", "--parked")
        bus.until(3)
        assert bus.received[-1].event["id"] == row["event_id"]
        assert parked(installation) == []


def test_a_parked_event_can_be_discarded_and_a_waiting_one_cannot(lonely: tuple[Wallet, Installation, Bus]) -> None:
    wallet, installation, _ = lonely
    wallet.player("100")
    (row,) = json.loads(installation.command("outbox", "list", "--json"))
    refused = installation.run("outbox", "discard", *named(row))
    assert (refused.returncode, "is not parked" in refused.stderr) == (1, True)
    with installation.connect() as connection:
        connection.execute("UPDATE outbox_events SET parked_at = now(), failure = 'by hand'")
    installation.command("outbox", "discard", *named(row))
    assert json.loads(installation.command("outbox", "list", "--json")) == []


def test_relays_share_the_owners_and_take_over(lonely: tuple[Wallet, Installation, Bus]) -> None:
    wallet, installation, bus = lonely
    bus.subscribe()

    def shares() -> list[int]:
        """How many partitions each session holds."""
        return sorted(
            count
            for (count,) in installation.rows(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE locktype = 'advisory' AND classid = %s AND datname = current_database() GROUP BY pid",
                0x57414C50,
            )
        )

    with (
        Worker("relay", installation, bus.amqp_url) as first,
        Worker("relay", installation, bus.amqp_url) as second,
    ):
        wait_until(lambda: shares() == [PARTITIONS // 2] * 2 * installation.cells, what="each holds half")
        players = [wallet.player("100") for _ in range(20)]
        bus.until(20)
        first.kill()
        wait_until(lambda: shares() == [PARTITIONS] * installation.cells, what="the second holds all")
        for player in players:
            wallet.applied(player.bet("1"))
        bus.until(40)
        first.start()
        wait_until(lambda: shares() == [PARTITIONS // 2] * 2 * installation.cells, what="each holds half again")
        for player in players:
            wallet.applied(player.bet("1"))
        bus.until(60)
        assert first.stop() == second.stop() == 0
    for player in players:
        assert [event["sequence"] for event in bus.events_of(player)] == [1, 2, 3]


def test_a_backlog_goes_out_in_order(lonely: tuple[Wallet, Installation, Bus]) -> None:
    wallet, installation, bus = lonely
    players = [wallet.player("1000") for _ in range(4)]
    wallet.batch([player.bet("1") for _ in range(200) for player in players])
    bus.subscribe()
    with Worker("relay", installation, bus.amqp_url, WALLET_RELAY_ROUND_EVENTS_MAX="37"):
        bus.until(4 * 201)
    for player in players:
        assert [event["sequence"] for event in bus.events_of(player)] == list(range(1, 202))
