"""docs/acceptance.md, Payments, what comes as events: cases 40 and 44 to 47."""

import time
from collections.abc import Callable

import pytest
from support.events import (
    Platform,
    Published,
    deposit_settled,
    withdrawal_broadcasted,
    withdrawal_failed,
    withdrawal_settled,
)
from support.ledger import posted
from support.requests import Player, changed, fail, fresh_id, settle
from support.waiting import BUSY_S, wait_until


def test_case_40_a_deposit_by_call_then_its_event(platform: Platform) -> None:
    player = Player()
    deposit = player.deposit("50", tx_hash=fresh_id("0x"), output_index=0)
    platform.wallet.applied(deposit)
    platform.settled(deposit_settled(deposit), "APPLIED")
    assert platform.wallet.main(player) == "50"
    ((_, reason),) = platform.settled(deposit_settled(changed(deposit, amount_minor="60")), "PARKED")
    assert reason == "IDEMPOTENCY_KEY_REUSED"
    assert platform.wallet.main(player) == "50"


def test_case_40_a_deposit_by_event_then_its_call(platform: Platform) -> None:
    player = Player()
    deposit = player.deposit("50")
    platform.settled(deposit_settled(deposit), "APPLIED")
    assert platform.wallet.main(player) == "50"
    assert platform.wallet.send(deposit).replayed
    assert platform.wallet.main(player) == "50"


def test_case_40_two_outputs_of_one_tx_hash(platform: Platform) -> None:
    player = Player()
    tx_hash = fresh_id("0x")
    first = player.deposit("10", tx_hash=tx_hash, output_index=0)
    second = player.deposit("20", tx_hash=tx_hash, output_index=1)
    again = player.deposit("10", tx_hash=tx_hash, output_index=0)
    platform.settled(deposit_settled(first), "APPLIED")
    platform.settled(deposit_settled(second), "APPLIED")
    assert platform.wallet.main(player) == "30"
    ((_, reason),) = platform.settled(deposit_settled(again), "PARKED")
    assert reason == "IDEMPOTENCY_KEY_REUSED"
    platform.wallet.refused(again, "IDEMPOTENCY_KEY_REUSED", field="tx_hash")
    assert platform.wallet.main(player) == "30"


@pytest.mark.parametrize("ending", ["by call", "by event"])
def test_case_44_settled_after_failed(platform: Platform, ending: str) -> None:
    player = platform.wallet.player("100")
    reservation = player.reserve("40")
    platform.wallet.applied(reservation)
    if ending == "by call":
        platform.wallet.applied(fail(reservation))
    else:
        platform.settled(withdrawal_failed(reservation.withdrawal_id), "APPLIED")
    before = posted(platform.installation, player)
    ((_, reason),) = platform.settled(withdrawal_settled(reservation.withdrawal_id), "PARKED")
    assert reason == "WITHDRAWAL_STATE_CONFLICT"
    assert posted(platform.installation, player) == before
    assert platform.wallet.main(player) == "100"


@pytest.mark.parametrize("ending", ["by call", "by event"])
def test_case_44_failed_after_settled(platform: Platform, ending: str) -> None:
    player = platform.wallet.player("100")
    reservation = player.reserve("40")
    platform.wallet.applied(reservation)
    if ending == "by call":
        platform.wallet.applied(settle(reservation, "1"))
    else:
        platform.settled(withdrawal_settled(reservation.withdrawal_id, "1"), "APPLIED")
    before = posted(platform.installation, player)
    ((_, reason),) = platform.settled(withdrawal_failed(reservation.withdrawal_id), "PARKED")
    assert reason == "WITHDRAWAL_STATE_CONFLICT"
    assert posted(platform.installation, player) == before == {"MAIN": 60, "HOUSE": -100 + 39, "HOUSE:FEES": 1}


def test_case_45_broadcasted(platform: Platform) -> None:
    player = platform.wallet.player("100")
    reservation = player.reserve("40")
    platform.wallet.applied(reservation)
    before = posted(platform.installation, player)
    platform.settled(withdrawal_broadcasted(reservation.withdrawal_id), "APPLIED")
    assert _state(platform, reservation.withdrawal_id) == "BROADCASTED"
    assert posted(platform.installation, player) == before
    platform.settled(withdrawal_settled(reservation.withdrawal_id, "1"), "APPLIED")
    assert _state(platform, reservation.withdrawal_id) == "SETTLED"
    platform.settled(withdrawal_broadcasted(reservation.withdrawal_id), "APPLIED")
    assert _state(platform, reservation.withdrawal_id) == "SETTLED"


@pytest.mark.parametrize("event", [withdrawal_settled, withdrawal_failed, withdrawal_broadcasted])
def test_case_45_an_event_before_its_reservation(platform: Platform, event: Callable[[str], Published]) -> None:
    player = platform.wallet.player("100")
    reservation = player.reserve("40")
    early = event(reservation.withdrawal_id)
    ((_, reason),) = platform.settled(early, "WAITING")
    assert reason == "WITHDRAWAL_NOT_FOUND"
    platform.wallet.applied(reservation)
    reserved_at = time.monotonic()
    platform.becomes(early, "APPLIED")
    assert time.monotonic() - reserved_at < 2 + BUSY_S
    expected = {
        withdrawal_settled: ("60", "0", "SETTLED"),
        withdrawal_failed: ("100", "0", "FAILED"),
        withdrawal_broadcasted: ("60", "40", "BROADCASTED"),
    }[event]
    balance = platform.wallet.balance(player)
    assert (
        balance.available_minor,
        balance.withdraw_hold_minor,
        _state(platform, reservation.withdrawal_id),
    ) == expected


def test_case_46_the_same_event_with_a_new_message_id(platform: Platform) -> None:
    player = Player()
    deposit = player.deposit("50")
    platform.settled(deposit_settled(deposit), "APPLIED")
    platform.settled(deposit_settled(deposit), "APPLIED")
    assert platform.wallet.main(player) == "50"
    assert len(platform.events_of(player, 1)) == 1


def test_case_46_a_malformed_body(platform: Platform) -> None:
    player = Player()
    garbage = Published(body=b"{not json", routing_key="payments.deposit.settled", message_id=fresh_id("event"))
    platform.bus.publish(garbage, good := deposit_settled(player.deposit("50")))
    platform.becomes(good, "APPLIED")
    assert platform.wallet.main(player) == "50"
    (letter,) = platform.bus.dead_letters(1)
    assert letter.body == garbage.body
    assert letter.message_id == garbage.message_id
    assert letter.headers["x-wallet-reason"] == "INVALID_FIELD"
    assert "JSON" in letter.headers["x-wallet-detail"]


def test_case_47_a_consumer_killed_between_commit_and_ack(platform: Platform) -> None:
    """Every one of some kills: the deliveries come again, and have one effect each."""
    player = Player()
    deposits = [player.deposit("1") for _ in range(300)]
    sending = platform.bus.start_publishing([deposit_settled(deposit) for deposit in deposits])
    for expected in (1, 100, 200):
        wait_until(
            lambda expected=expected: int(platform.wallet.main(player)) >= expected, what=f"{expected} are credited"
        )
        platform.consumer.kill()
        platform.consumer.start()
    sending.result(60)
    wait_until(lambda: platform.wallet.main(player) == "300", what="all are credited")
    platform.handled()
    assert platform.wallet.main(player) == "300"


def test_case_47_a_relay_killed_between_commit_and_publish(platform: Platform) -> None:
    player = platform.wallet.player("1000")
    for count in (50, 100, 150):
        for _ in range(50):
            platform.wallet.applied(player.bet("1"))
        platform.relay.kill()
        platform.relay.start()
        assert int(platform.wallet.main(player)) == 1000 - count
    platform.events_of(player, 151)
    wait_until(
        lambda: {event["sequence"] for event in platform.events_of(player, 151)} == set(range(1, 152)),
        what="every event of the player",
    )
    events = platform.events_of(player, 151)
    by_id = {event["id"]: event for event in events}
    assert len(by_id) == 151
    first_seen = list(dict.fromkeys(event["sequence"] for event in events))
    assert first_seen == sorted(first_seen), "first publications are in order"


def _state(platform: Platform, withdrawal_id: str) -> str:
    ((state,),) = platform.installation.rows("SELECT state FROM withdrawals WHERE withdrawal_id = %s", withdrawal_id)
    return state
