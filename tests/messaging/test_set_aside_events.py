"""Events that cannot be published, removed or taken again keep nothing else waiting, and end no process."""

from collections.abc import Iterator
from contextlib import contextmanager

from support.database import Installation
from support.events import Platform, withdrawal_settled
from support.poison import poisoned
from support.requests import Player
from support.waiting import wait_until


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
