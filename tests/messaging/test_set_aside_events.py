"""Events that cannot be published, removed or taken again keep nothing else waiting, and end no process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from support.broker import Broker
from support.database import Installation
from support.events import NAMES, Platform, withdrawal_settled
from support.poison import poisoned
from support.requests import Player
from support.waiting import wait_until


@contextmanager
def inserted_with(installation: Installation, table: str, player: Player, assignment: str) -> Iterator[None]:
    """Change a player's rows of a table as they are inserted, for a while: as no lane of ours would write them."""
    with installation.connect(autocommit=True) as connection:
        connection.execute(
            f"""
            CREATE OR REPLACE FUNCTION distort() RETURNS TRIGGER LANGUAGE plpgsql AS $$
            BEGIN
                {assignment};
                RETURN NEW;
            END
            $$
            """  # type: ignore[arg-type]
        )
        connection.execute(
            f"CREATE TRIGGER distort BEFORE INSERT ON {table} FOR EACH ROW"
            f" WHEN (NEW.owner_id = {player.player_id}) EXECUTE FUNCTION distort()"  # type: ignore[arg-type]
        )
        yield
        connection.execute(f"DROP TRIGGER distort ON {table}")  # type: ignore[arg-type]


def outbox_of(installation: Installation, player: Player) -> int:
    ((count,),) = installation.rows("SELECT count(*) FROM outbox_events WHERE owner_id = %s", player.player_id)
    return int(count)


def emptied(platform: Platform, player: Player) -> None:
    wait_until(lambda: outbox_of(platform.installation, player) == 0, what="the outbox is empty", timeout_s=120)


def others_are_told(platform: Platform) -> None:
    """Assert that another player's events go out and are removed."""
    other = platform.wallet.player("100")
    platform.events_of(other, 1)
    emptied(platform, other)


def test_an_event_that_cannot_be_sent(platform: Platform) -> None:
    """Its transaction has no event of its number."""
    player = Player()
    with inserted_with(platform.installation, "outbox_events", player, "NEW.event_no := 300"):
        platform.wallet.applied(player.deposit("5"))
        wait_until(lambda: f'"owner_id": "{player.player_id}"' in platform.relay.log, what="its owner is set aside")
        platform.wallet.applied(player.deposit("6"))
        others_are_told(platform)
        assert outbox_of(platform.installation, player) == 2
    with platform.installation.connect() as connection:
        connection.execute("UPDATE outbox_events SET event_no = 1 WHERE event_no = 300")
    assert [event["data"]["amountMinor"] for event in platform.events_of(player, 2)] == ["5", "6"]
    emptied(platform, player)
    assert platform.relay.runs


def test_an_event_that_cannot_be_removed(platform: Platform) -> None:
    player = Player()
    with poisoned(platform.installation, "outbox_events", "DELETE", f"OLD.owner_id = {player.player_id}"):
        platform.wallet.applied(player.deposit("5"))
        wait_until(lambda: f'"owner_id": "{player.player_id}"' in platform.relay.log, what="its owner is set aside")
        others_are_told(platform)
        assert outbox_of(platform.installation, player) == 1
    emptied(platform, player)
    assert len({event["id"] for event in platform.events_of(player, 1)}) == 1  # again, but the same
    assert platform.relay.runs


def test_many_events_that_cannot_be_removed(platform: Platform) -> None:
    """The others are told once: they are found between those, however many there are."""
    first = 2**62  # above every player's of the other tests
    owners = range(first, first + 160)
    every_second = f"OLD.owner_id >= {first} AND OLD.owner_id % 2 = 0"
    with poisoned(platform.installation, "outbox_events", "DELETE", every_second):
        platform.wallet.batch([Player(player_id=owner_id).deposit("5") for owner_id in owners])
        others_are_told(platform)
        left = platform.installation.rows("SELECT owner_id FROM outbox_events WHERE owner_id >= %s", first)
        assert sorted(owner_id for (owner_id,) in left) == [owner_id for owner_id in owners if owner_id % 2 == 0]
        told = Counter(int(message.event["subject"]) for message in list(platform.bus.received))
        assert {told[owner_id] for owner_id in owners if owner_id % 2} == {1}
    wait_until(
        lambda: platform.installation.rows("SELECT FROM outbox_events WHERE owner_id >= %s", first) == [],
        what="the outbox is empty",
        timeout_s=120,
    )


def test_an_event_of_a_time_that_nobody_can_tell(platform: Platform) -> None:
    player = platform.wallet.player("100")
    platform.events_of(player, 1)
    with inserted_with(platform.installation, "ledger_transactions", player, "NEW.created_at := 'infinity'"):
        platform.wallet.applied(player.deposit("5"))
    wait_until(lambda: f'"owner_id": "{player.player_id}"' in platform.relay.log, what="its owner is set aside")
    others_are_told(platform)
    assert outbox_of(platform.installation, player) == 1
    with platform.installation.connect() as connection:
        connection.execute("SET session_replication_role = replica")  # past the trigger, as only a superuser can
        connection.execute("UPDATE ledger_transactions SET created_at = now() WHERE created_at = 'infinity'")
    emptied(platform, player)
    platform.events_of(player, 2)


def test_an_event_over_which_the_broker_closes_the_channel(platform: Platform, broker: Broker) -> None:
    """It may not be published by this login: the broker tells so by closing the channel, and not which event it was."""
    if broker.ctl is None:
        pytest.skip("rabbitmqctl does not reach this broker")
    parts = urlsplit(platform.bus.amqp_url)
    rights = ("-p", parts.path.removeprefix("/"), str(parts.username), NAMES.events_exchange)
    broker.ctl("set_topic_permissions", *rights, r"^wallet\.(?!adjustment)", ".*")
    player = Player()
    platform.wallet.applied(player.adjust("5"))
    wait_until(lambda: f'"owner_id": "{player.player_id}"' in platform.relay.log, what="its owner is set aside")
    for _ in range(3):
        others_are_told(platform)
    assert outbox_of(platform.installation, player) == 1
    broker.ctl("clear_topic_permissions", *rights[:3])
    emptied(platform, player)
    assert platform.relay.runs


def test_an_event_that_cannot_be_taken_again(platform: Platform) -> None:
    wallet = platform.wallet
    player = wallet.player("100")
    withdrawals = [player.reserve("10") for _ in range(2)]
    early = [withdrawal_settled(withdrawal.withdrawal_id) for withdrawal in withdrawals]
    for event in early:
        platform.settled(event, "WAITING")
    poison = early[0].message_id
    with poisoned(platform.installation, "inbox_events", "UPDATE", f"NEW.event_id = '{poison}'"):
        for withdrawal in withdrawals:
            wallet.applied(withdrawal)
        platform.becomes(early[1], "APPLIED")
        wait_until(lambda: f'"event_id": "{poison}"' in platform.consumer.log, what="the other is set aside")
        late = player.reserve("10")
        event = withdrawal_settled(late.withdrawal_id)
        platform.settled(event, "WAITING")
        wallet.applied(late)
        platform.becomes(event, "APPLIED")
    wait_until(lambda: platform.inbox(poison or "")[0][0] in {"APPLIED", "PARKED"}, what="it is taken", timeout_s=120)
    assert platform.consumer.runs
