"""`wallet inbox`: what waits or is parked, looked at, tried again, given up."""

import json

from support.events import Platform, deposit_settled, withdrawal_settled
from support.refusals import Refusal
from support.requests import ETH_ETHEREUM, UNKNOWN_NETWORK, Player, changed, fresh_id
from support.waiting import wait_until

LATE_NETWORK = 77


def listed(platform: Platform, *arguments: str) -> dict[str, dict]:
    rows = json.loads(platform.installation.command("inbox", "list", "--limit", "10000", *arguments, "--json"))
    return {row["event_id"]: row for row in rows}


def test_a_parked_event_is_shown_replayed_and_applied_once_its_cause_is_gone(platform: Platform) -> None:
    player = Player(currency_network_id=LATE_NETWORK)
    event = deposit_settled(player.deposit("50"))
    platform.settled(event, "PARKED")
    row = listed(platform)[event.message_id]
    assert (row["state"], row["reason"], row["attempts"]) == ("PARKED", "UNKNOWN_CURRENCY_NETWORK", 1)

    shown = json.loads(platform.installation.command("inbox", "show", str(row["inbox_id"]), "--json"))
    assert shown["body"]["amountMinor"] == "50"
    assert "77 is unknown here" in shown["detail"]
    assert str(row["inbox_id"]) in platform.installation.command("inbox", "show", str(row["inbox_id"]))

    platform.installation.command("currencies", "add", "XMR", "MONERO", "--decimals", "12", "--id", str(LATE_NETWORK))
    assert "replayed" in platform.installation.command("inbox", "replay", str(row["inbox_id"]))
    platform.becomes(event, "APPLIED")
    # A server asks for networks that it does not know ten times a second at most.
    asked = platform.wallet.attempt
    wait_until(lambda: not isinstance(asked(player.balance()), Refusal), what="the server knows it", timeout_s=10)
    assert platform.wallet.main(player) == "50"
    assert event.message_id not in listed(platform)
    assert event.message_id in listed(platform, "--state", "applied")


def test_a_discarded_event_never_takes_effect(platform: Platform) -> None:
    player = platform.wallet.player("100")
    reservation = player.reserve("40")
    event = withdrawal_settled(reservation.withdrawal_id)
    platform.settled(event, "WAITING")
    inbox_id = str(listed(platform)[event.message_id]["inbox_id"])
    platform.installation.command("inbox", "discard", inbox_id)
    platform.wallet.applied(reservation)
    platform.handled(event)
    assert platform.inbox(event.message_id) == [("DISCARDED", "WITHDRAWAL_NOT_FOUND")]
    assert platform.wallet.balance(player).withdraw_hold_minor == "40"
    again = platform.installation.run("inbox", "replay", inbox_id)
    assert again.returncode == 1
    assert f"event {inbox_id} neither waits nor is parked" in again.stderr


def test_the_other_body_of_an_id_can_be_replayed_by_hand(platform: Platform) -> None:
    """Somebody looked, and decided that the second one is true as well."""
    player = Player(currency_network_id=ETH_ETHEREUM)
    event_id = fresh_id("event")
    platform.settled(deposit_settled(player.deposit("50"), id=event_id), "APPLIED")
    platform.settled(deposit_settled(player.deposit("60"), id=event_id), "APPLIED", "PARKED")
    platform.installation.command("inbox", "replay", str(listed(platform)[event_id]["inbox_id"]))
    wait_until(lambda: platform.wallet.main(player) == "110", what="the second one is applied")


def test_replay_of_all_that_is_parked_but_for_contradictions(platform: Platform) -> None:
    deposit = Player().deposit("50")
    platform.settled(deposit_settled(deposit), "APPLIED")
    contradiction = deposit_settled(changed(deposit, amount_minor="51"))
    parked = deposit_settled(changed(Player().deposit("50"), currency_network_id=UNKNOWN_NETWORK))
    platform.settled(contradiction, "PARKED")
    platform.settled(parked, "PARKED")
    before = listed(platform)
    done = json.loads(platform.installation.command("inbox", "replay", "--parked", "--json"))
    assert before[parked.message_id]["inbox_id"] in done["replayed"]
    assert before[contradiction.message_id]["inbox_id"] not in done["replayed"]
    wait_until(
        lambda: (
            listed(platform)[parked.message_id]["changed_at"] > before[parked.message_id]["changed_at"]
            and listed(platform)[parked.message_id]["state"] == "PARKED"
        ),
        what="it is refused again",
    )


def test_ids_that_look_like_markup_are_printed_as_they_are(platform: Platform) -> None:
    event = withdrawal_settled(fresh_id("payout"), id="[/x][red]" + fresh_id())
    platform.settled(event, "WAITING")
    assert "[/x][red]" in platform.installation.command("inbox", "list", "--limit", "10000")
    inbox_id = str(listed(platform)[event.message_id]["inbox_id"])
    assert event.message_id in platform.installation.command("inbox", "show", inbox_id)


def test_the_command_tells_what_is_wrong(platform: Platform) -> None:
    missing = platform.installation.run("inbox", "show", "999999999")
    assert (missing.returncode, "there is no event 999999999" in missing.stderr) == (1, True)
    nothing = platform.installation.run("inbox", "replay")
    assert (nothing.returncode, "--parked" in nothing.stderr) == (2, True)
    both = platform.installation.run("inbox", "replay", "1", "--parked")
    assert both.returncode == 2
