"""The consumer against a real broker: what is kept, what is parked, what goes to the dead letters."""

import json

import pytest
from support.events import Platform, Published, Worker, deposit_settled, withdrawal_failed, withdrawal_settled
from support.refusals import Refusal
from support.requests import UNKNOWN_NETWORK, Player, changed, fresh_id
from support.waiting import wait_until
from support.wallet import at_once

_NEW_NETWORK = 79


def test_the_data_alone_is_accepted_under_its_message_id(platform: Platform) -> None:
    player = Player()
    data = json.loads(deposit_settled(player.deposit("50")).body)["data"]
    event = Published.bare("payments.deposit.settled", data, message_id=fresh_id("event"))
    platform.settled(event, "APPLIED")
    assert platform.wallet.main(player) == "50"
    assert platform.installation.rows("SELECT source FROM inbox_events WHERE event_id = %s", event.message_id) == [
        ("payments",)
    ]


def test_the_same_delivery_again_changes_nothing(platform: Platform) -> None:
    player = Player()
    event = deposit_settled(player.deposit("50"))
    platform.settled(event, "APPLIED")
    platform.handled(event, event)
    platform.settled(event, "APPLIED")
    assert platform.wallet.main(player) == "50"


def test_one_id_with_two_bodies_is_parked_beside_the_first(platform: Platform) -> None:
    player = Player()
    event_id = fresh_id("event")
    platform.settled(deposit_settled(player.deposit("50"), id=event_id), "APPLIED")
    other = deposit_settled(player.deposit("60"), id=event_id)
    (_, (_, reason)) = platform.settled(other, "APPLIED", "PARKED")
    assert reason == "IDEMPOTENCY_KEY_REUSED"
    platform.handled(other)
    assert [state for state, _ in platform.inbox(event_id)] == ["APPLIED", "PARKED"]
    assert platform.wallet.main(player) == "50"


def test_one_id_with_two_bodies_at_the_same_moment(platform: Platform) -> None:
    for _ in range(5):
        event_id = fresh_id("event")
        players = [Player(), Player()]
        platform.bus.publish(*(deposit_settled(player.deposit("50"), id=event_id) for player in players))
        wait_until(
            lambda event_id=event_id: [state for state, _ in platform.inbox(event_id)] == ["APPLIED", "PARKED"],
            what="one is applied, the other parked",
        )
        assert sorted(platform.wallet.main(player) for player in players) == ["0", "50"]


def test_one_id_of_two_sources_is_two_events(platform: Platform) -> None:
    player = Player()
    event_id = fresh_id("event")
    first = deposit_settled(player.deposit("50"), id=event_id, source="/one")
    second = deposit_settled(player.deposit("60"), id=event_id, source="/two")
    platform.bus.publish(first, second)
    platform.becomes(first, "APPLIED", "APPLIED")
    assert platform.wallet.main(player) == "110"


def test_an_event_that_is_parked_is_not_waited_for_as_if_it_came_late(platform: Platform) -> None:
    """Nor one that is applied where it should not be: CI takes what was waited for in vain for a busy machine."""
    player = Player()
    applied, parked = player.deposit("50"), changed(player.deposit("50"), currency_network_id=UNKNOWN_NETWORK)
    with pytest.raises(AssertionError) as wrong:
        platform.settled(deposit_settled(parked), "APPLIED")
    assert wrong.type is AssertionError
    with pytest.raises(AssertionError) as wrong:
        platform.settled(deposit_settled(applied), "WAITING")
    assert wrong.type is AssertionError


def test_an_early_event_that_contradicts_another_early_one_is_parked(platform: Platform) -> None:
    withdrawal_id, event_id = fresh_id("payout"), fresh_id("event")
    platform.settled(withdrawal_settled(withdrawal_id, "1", id=event_id), "WAITING")
    platform.settled(withdrawal_settled(withdrawal_id, "2", id=event_id), "WAITING", "PARKED")


def test_a_withdrawal_ends_in_a_network_that_its_consumer_never_heard_of(platform: Platform) -> None:
    platform.settled(deposit_settled(Player().deposit("1")), "APPLIED")  # it works, and has read what there was
    installation = platform.installation
    installation.command("currencies", "add", "DASH", "DASH", "--decimals", "8", "--id", str(_NEW_NETWORK))
    player = Player(currency_network_id=_NEW_NETWORK)
    deposit = player.deposit("100")
    wait_until(lambda: not isinstance(platform.wallet.attempt(deposit), Refusal), what="the server knows it")
    settled, failed = player.reserve("40"), player.reserve("30")
    for reservation in (settled, failed):
        platform.wallet.applied(reservation)
    platform.settled(withdrawal_settled(settled.withdrawal_id), "APPLIED")
    platform.settled(withdrawal_failed(failed.withdrawal_id), "APPLIED")
    assert platform.wallet.main(player) == "60"


def test_both_endings_before_their_reservation(platform: Platform) -> None:
    """One of them is applied, the other contradicts it."""
    player = platform.wallet.player("100")
    reservation = player.reserve("40")
    endings = [withdrawal_settled(reservation.withdrawal_id), withdrawal_failed(reservation.withdrawal_id)]
    for ending in endings:
        platform.settled(ending, "WAITING")
    platform.wallet.applied(reservation)
    wait_until(
        lambda: sorted(platform.inbox(ending.message_id)[0][0] for ending in endings) == ["APPLIED", "PARKED"],
        what="one is applied, the other parked",
    )
    assert platform.wallet.balance(player).withdraw_hold_minor == "0"


def test_events_in_any_order_and_more_than_once(platform: Platform) -> None:
    """Endings before reservations, everything twice: the money is where the last of them leaves it."""
    players = [platform.wallet.player("100") for _ in range(10)]
    reservations = [player.reserve("40") for player in players]
    events = [
        (withdrawal_settled if index % 2 else withdrawal_failed)(reservation.withdrawal_id)
        for index, reservation in enumerate(reservations)
    ]
    platform.bus.publish(*events, *events)
    at_once(*(lambda reservation=one: platform.wallet.applied(reservation) for one in reservations))
    platform.bus.publish(*events)
    for event in events:
        platform.becomes(event, "APPLIED")
    for index, player in enumerate(players):
        assert platform.wallet.main(player) == ("60" if index % 2 else "100")


def test_an_unknown_currency_network_is_parked_since_it_may_be_added(platform: Platform) -> None:
    event = deposit_settled(changed(Player().deposit("50"), currency_network_id=UNKNOWN_NETWORK))
    ((_, reason),) = platform.settled(event, "PARKED")
    assert reason == "UNKNOWN_CURRENCY_NETWORK"


DEAD = {
    "garbage": (b"\x00\xff\x13", "application/cloudevents+json", "payments.deposit.settled"),
    "1 MB": (b'{"specversion":"1.0","data":"' + b"x" * 1_000_000 + b'"}', None, "payments.deposit.settled"),
    "1 MB of garbage": (b"\x01" * 1_000_000, "application/json", "payments.deposit.settled"),
    "a wrong content type": (b"<event/>", "application/xml", "payments.deposit.settled"),
    "an unknown type": (b'{"refundId": 1}', "application/json", "payments.refund.made"),
    "empty": (b"", None, "payments.withdrawal.failed"),
}


@pytest.mark.parametrize("case", DEAD)
def test_what_cannot_be_read_is_a_dead_letter_and_keeps_nobody_waiting(platform: Platform, case: str) -> None:
    body, content_type, routing_key = DEAD[case]
    message = Published(
        body=body,
        routing_key=routing_key,
        content_type=content_type,
        message_id=fresh_id("event"),
        headers={"x-own": "kept"},
    )
    player = Player()
    platform.bus.publish(message, good := deposit_settled(player.deposit("50")), message)
    platform.becomes(good, "APPLIED")
    for letter in platform.bus.dead_letters(2):
        assert (letter.body, letter.message_id, letter.persistent) == (body, message.message_id, True)
        assert letter.headers["x-wallet-reason"] == "INVALID_FIELD"
        assert letter.headers["x-wallet-detail"]
        assert letter.headers["x-wallet-routing-key"] == routing_key
        assert json.loads(letter.headers["x-wallet-properties"])["headers"] == {"x-own": "kept"}
    assert platform.inbox(str(message.message_id)) == []


def test_several_consumers_share_the_queue(platform: Platform) -> None:
    players = [Player() for _ in range(20)]
    deposits = [player.deposit("1") for player in players for _ in range(50)]
    with Worker("consume", platform.installation, platform.bus.amqp_url) as second:
        wait_until(lambda: "consuming" in second.log, what="the second consumes")
        platform.bus.publish(*map(deposit_settled, deposits), *map(deposit_settled, deposits[:200]))
        wait_until(lambda: all(platform.wallet.main(player) == "50" for player in players), what="all are credited")
        assert second.stop() == 0, second.log
    platform.handled()
    assert {platform.wallet.main(player) for player in players} == {"50"}
