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

_DEPOSIT_TOLD = """
    INSERT INTO outbox_events (owner_id, tx_id, event_no, event_type, sequence, data, created_at)
    SELECT %s, gen_random_uuid(), 1, told.event_type, 1, '{}', told.created_at::TIMESTAMPTZ
    FROM (SELECT %s AS created_at, %s AS event_type) AS told
"""


@contextmanager
def nameless(installation: Installation, player: Player) -> Iterator[None]:
    """Give a player's events a type that no message can be sent under, for a while."""
    with installation.connect(autocommit=True) as connection:
        connection.execute(
            """
            CREATE FUNCTION misname() RETURNS TRIGGER LANGUAGE plpgsql AS $$
            BEGIN
                NEW.event_type := repeat('x', 300);
                RETURN NEW;
            END
            $$
            """
        )
        connection.execute(
            "CREATE TRIGGER misname BEFORE INSERT ON outbox_events FOR EACH ROW"
            f" WHEN (NEW.owner_id = {player.player_id}) EXECUTE FUNCTION misname()"  # type: ignore[arg-type]
        )
        yield
        connection.execute("DROP TRIGGER misname ON outbox_events")
        connection.execute("UPDATE outbox_events SET event_type = 'wallet.deposit.applied' WHERE event_type LIKE 'xx%'")


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
    player = Player()
    with nameless(platform.installation, player):
        platform.wallet.applied(player.deposit("5"))
        wait_until(lambda: f'"owner_id": "{player.player_id}"' in platform.relay.log, what="its owner is set aside")
        platform.wallet.applied(player.deposit("6"))
        others_are_told(platform)
        assert outbox_of(platform.installation, player) == 2
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
        with platform.installation.connect() as connection:
            connection.execute(
                """
                INSERT INTO outbox_events (owner_id, tx_id, event_no, event_type, sequence, data, created_at)
                SELECT owner_id, gen_random_uuid(), 1, 'wallet.deposit.applied', 1, '{}', now()
                FROM unnest(%s::BIGINT[]) AS owner_id
                """,
                [list(owners)],
            )
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
    with platform.installation.connect(autocommit=True) as connection:
        connection.execute(_DEPOSIT_TOLD, [player.player_id, "infinity", "wallet.deposit.applied"])
        wait_until(lambda: f'"owner_id": "{player.player_id}"' in platform.relay.log, what="its owner is set aside")
        others_are_told(platform)
        assert outbox_of(platform.installation, player) == 1
        connection.execute("UPDATE outbox_events SET created_at = now() WHERE owner_id = %s", [player.player_id])
    emptied(platform, player)
    platform.events_of(player, 2)


def test_an_event_over_which_the_broker_closes_the_channel(platform: Platform, broker: Broker) -> None:
    """It may not be published by this login: the broker tells so by closing the channel, and not which event it was."""
    if broker.ctl is None:
        pytest.skip("rabbitmqctl does not reach this broker")
    parts = urlsplit(platform.bus.amqp_url)
    rights = ("-p", parts.path.removeprefix("/"), str(parts.username), NAMES.events_exchange)
    broker.ctl("set_topic_permissions", *rights, r"^wallet\.(?!forbidden)", ".*")
    player = Player()
    with platform.installation.connect(autocommit=True) as connection:
        connection.execute(_DEPOSIT_TOLD, [player.player_id, "now()", "wallet.forbidden"])
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
