"""Session rules: every refusal in the order of rule 9, and what holds after any history of a session."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import force_setattr
from unit.desk import ANN, OTHER_GAMES, TRON, Desk, blocked, deposit, rollback
from unit.session_desk import NOWHERE, SessionDesk, opening, told

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.outcomes import SessionPlayed, Settled
from wallet_grpc.domain.sessions.state import (
    Rail,
    SessionState,
    entry_key,
    session_address,
    session_round_key,
    session_token,
)
from wallet_grpc.domain.transactions import Kind, OutcomeStatus, WinKind

Steps = Callable[[SessionDesk], list[Any]]

# What went before, the command, and what comes of it. Each row of a kind is also all that the rows below it are.
TABLE: dict[str, tuple[Steps, Reason | OutcomeStatus | str]] = {
    "bet: a void id": (
        lambda d: [d.bet("b0", closes=True), d.rollback("r", "b"), blocked(), d.bet("b", 1000)],
        Reason.TRANSACTION_VOIDED,
    ),
    "bet: a used id": (
        lambda d: [d.bet("b"), d.bet("b0", closes=True), blocked(), d.bet("b", 1000)],
        Reason.IDEMPOTENCY_KEY_REUSED,
    ),
    "bet: the id of a win": (
        lambda d: [d.win("w", kind=WinKind.PROMO), d.bet("w")],
        Reason.IDEMPOTENCY_KEY_REUSED,
    ),
    "bet: a settled session": (
        lambda d: [d.bet("b0", closes=True), d.settlement(), blocked(), d.bet("b", 1000)],
        Reason.SESSION_CLOSED,
    ),
    "bet: a closed round": (lambda d: [d.bet("b0", closes=True), blocked(), d.bet("b", 1000)], Reason.ROUND_CLOSED),
    "bet: a blocked player": (lambda d: [blocked(), d.bet("b", 1000)], Reason.PLAYER_BLOCKED),
    "bet: too little": (lambda d: [d.bet("b", 101)], Reason.INSUFFICIENT_FUNDS),
    "bet: a replay in a settled session": (
        lambda d: [d.bet("b"), d.settlement(), blocked(), d.bet("b")],
        OutcomeStatus.APPLIED,
    ),
    "win: of nothing": (lambda d: [d.win("w", of="b")], Reason.BET_NOT_FOUND),
    "win: of a win": (lambda d: [d.win("w0", kind=WinKind.PROMO), d.win("w", of="w0")], Reason.BET_NOT_FOUND),
    "win: another round": (
        lambda d: [d.bet("b", closes=True), d.rollback("r", "b"), d.win("w", of="b", round_id="r2")],
        Reason.ROUND_MISMATCH,
    ),
    "win: of a rolled back bet": (
        lambda d: [d.bet("b"), d.bet("b2", closes=True), d.rollback("r", "b"), d.win("w", of="b")],
        Reason.TRANSACTION_ROLLED_BACK,
    ),
    "win: of a void bet": (lambda d: [d.rollback("r", "b"), d.win("w", of="b")], Reason.TRANSACTION_ROLLED_BACK),
    "win: a closed round": (lambda d: [d.bet("b", closes=True), d.win("w", of="b")], Reason.ROUND_CLOSED),
    "win: in an expired session": (lambda d: [d.bet("b"), "expire", d.win("w", of="b")], OutcomeStatus.APPLIED),
    "win: of a blocked player": (lambda d: [d.bet("b"), blocked(), d.win("w", of="b")], OutcomeStatus.APPLIED),
    "win: another kind in a closed round": (
        lambda d: [d.bet("b", closes=True), d.win("w", kind=WinKind.JACKPOT)],
        OutcomeStatus.APPLIED,
    ),
    "rollback: of the unseen": (lambda d: [d.rollback("r", "b")], OutcomeStatus.VOIDED),
    "rollback: of a rollback": (
        lambda d: [d.bet("b"), d.rollback("r", "b"), d.rollback("r2", "r")],
        Reason.NOT_REVERSIBLE,
    ),
    "rollback: again": (
        lambda d: [d.bet("b"), d.rollback("r", "b"), d.rollback("r2", "b")],
        OutcomeStatus.ALREADY_ROLLED_BACK,
    ),
    "rollback: of a bet with a win of 0": (
        lambda d: [d.bet("b"), d.win("w", 0, of="b"), d.rollback("r", "b")],
        Reason.BET_ALREADY_SETTLED,
    ),
    "rollback: of a win that is spent": (
        lambda d: [d.win("w", 20, kind=WinKind.PROMO), d.bet("b", 110), d.rollback("r", "w")],
        Reason.INSUFFICIENT_FUNDS,
    ),
    "rollback: after the win's": (
        lambda d: [d.bet("b"), d.win("w", of="b"), d.rollback("r", "w"), d.rollback("r2", "b")],
        OutcomeStatus.APPLIED,
    ),
    "settle: open rounds": (lambda d: [d.bet("b"), d.settlement(closed_rounds=True)], Reason.OPEN_ROUNDS),
    "settle: closed rounds": (lambda d: [d.bet("b", closes=True), d.settlement(closed_rounds=True)], "Settled"),
    "settle: a round whose bet was rolled back": (
        lambda d: [d.bet("b"), d.rollback("r", "b"), d.settlement(closed_rounds=True)],
        "Settled",
    ),
    "settle: a round of which one bet stands": (
        lambda d: [d.bet("b"), d.bet("b2"), d.rollback("r", "b"), d.settlement(closed_rounds=True)],
        Reason.OPEN_ROUNDS,
    ),
    "bet: after a prize's rollback that said round_closed": (
        lambda d: [d.win("w", kind=WinKind.PROMO), d.rollback("r", "w", closes=True), d.bet("b")],
        OutcomeStatus.APPLIED,
    ),
    "rollback: of the settlement, by its name": (
        lambda d: [d.settlement(), d.rollback("r", d.session.token)],
        OutcomeStatus.VOIDED,
    ),
    "settle: after a rollback that named the settlement": (
        lambda d: [d.rollback("r", d.session.token), d.settlement()],
        "Settled",
    ),
    "settle: expired": (lambda d: ["expire", d.settlement()], "Settled"),
    "open: a used id": (lambda _: [opening("open", 101)], Reason.IDEMPOTENCY_KEY_REUSED),
    "open: another time": (lambda _: [opening("open", ttl_asked_s=5)], Reason.IDEMPOTENCY_KEY_REUSED),
    "open: a void id": (lambda _: [rollback("r", of="x"), opening("x")], Reason.TRANSACTION_VOIDED),
    "open: a replay of a blocked player": (lambda _: [blocked(), opening("open")], "SessionFacts"),
    "open: no rail": (lambda _: [blocked(), opening("x", 1000, source=OTHER_GAMES)],
                      Reason.SETTLEMENT_RAIL_NOT_CONFIGURED),
    "open: a blocked player": (lambda _: [blocked(), opening("x", 1000)], Reason.PLAYER_BLOCKED),
    "open: too little": (lambda _: [opening("x", 101)], Reason.INSUFFICIENT_FUNDS),
}  # fmt: skip


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())
def test_the_rules(row: tuple[Steps, Reason | OutcomeStatus | str]) -> None:
    steps, expected = row
    desk = SessionDesk.opened()
    *before, last = steps(desk)
    for command in before:
        if command == "expire":
            desk.expire()
        else:
            desk.all([command])
    assert told(desk.send(last)) == expected


def test_from_its_time_on_bets_are_refused() -> None:
    desk = SessionDesk.opened()
    desk.expire()
    assert told(desk.send(desk.bet("b"))) == Reason.SESSION_CLOSED


@pytest.mark.parametrize(
    "change", [{"source": OTHER_GAMES}, {"player_id": 2}, {"currency_network_id": 2}, {"session_id": NOWHERE}]
)
def test_a_token_names_its_own_session_only(change: dict[str, Any]) -> None:
    desk = SessionDesk.opened()
    for command in (desk.bet("b"), desk.win("w", of="b"), desk.rollback("r", "b"), desk.settlement()):
        for name, value in change.items():
            force_setattr(command, name, value)
        assert told(desk.send(command)) == Reason.SESSION_NOT_FOUND


def test_tokens_read_back() -> None:
    desk = SessionDesk.opened()
    address = session_address(desk.session.token)
    assert address is not None
    assert (address.session_id, address.player_id, address.currency_network_id) == (desk.session_id, ANN, TRON)
    for text in ("", "ses_1_1_", desk.session.token.upper(), desk.session.token + "0", f"ses_{2**63}_1_{'0' * 32}",
                 f"ses_1_{2**31}_{'0' * 32}", f"ses_01_1_{'0' * 32}"):  # fmt: skip
        assert session_address(text) is None, text
    assert session_token(desk.session_id, 2**63 - 1, 1).startswith("ses_9223372036854775807_1_")


def test_keys_are_of_one_session() -> None:
    desk = SessionDesk.opened()
    other = NOWHERE
    keys = {
        entry_key(desk.session_id, "1"), session_round_key(desk.session_id, "1"), entry_key(other, "1"),
        entry_key(desk.session_id, "2"),
    }  # fmt: skip
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


def test_play_raises_no_owner_and_posts_nothing() -> None:
    desk = SessionDesk.opened()
    before = desk.book.owners[OwnerId(ANN)].added
    desk.all([desk.bet("b"), desk.win("w", of="b"), desk.rollback("r", "w"), desk.rollback("v", "never")])
    assert desk.book.owners[OwnerId(ANN)].added == before
    assert all(not change.transactions and not change.events for change in desk.book.changes[2:])
    desk.all([desk.settlement()])
    assert desk.book.owners[OwnerId(ANN)].added == before + 1


# ------------------------------------------------------------------------------------------------------------ histories

ids = st.sampled_from([f"t{number}" for number in range(8)])
rounds = st.sampled_from(["r1", "r2"])
amounts = st.integers(0, 60)
moves = st.one_of(
    st.tuples(st.just("bet"), ids, amounts, rounds, st.booleans()),
    st.tuples(st.just("win"), ids, amounts, rounds, st.booleans(), ids),
    st.tuples(st.just("promo"), ids, amounts, rounds, st.booleans()),
    st.tuples(st.just("back"), ids, ids, st.booleans()),
    st.tuples(st.just("settle"), st.booleans()),
    st.tuples(st.just("deposit"), st.uuids()),
)


def command_of(desk: SessionDesk, move: Any) -> Any:
    match move:
        case ("bet", name, amount, round_id, closes):
            return desk.bet(name, amount, round_id=round_id, closes=closes)
        case ("win", name, amount, round_id, closes, of):
            return desk.win(name, amount, of=of, round_id=round_id, closes=closes)
        case ("promo", name, amount, round_id, closes):
            return desk.win(name, amount, round_id=round_id, closes=closes, kind=WinKind.PROMO)
        case ("back", name, of, closes):
            return None if name == of else desk.rollback(name, of, closes=closes)
        case ("settle", closed_rounds):
            return desk.settlement(closed_rounds=closed_rounds)
        case ("deposit", name):
            return deposit(str(name), 5)
    raise AssertionError(move)


@pytest.mark.property
@settings(max_examples=300)
@given(st.lists(moves, max_size=30))
def test_any_history_adds_up(history: list[Any]) -> None:
    desk = SessionDesk.opened()
    payout: int | None = None
    seen: dict[str, SessionPlayed] = {}
    for move in history:
        command = command_of(desk, move)
        if command is None:
            continue
        outcome = desk.send(command)
        if isinstance(outcome, Settled):
            assert payout is None or (outcome.replayed and outcome.payout_minor == payout)
            payout = outcome.payout_minor
        if isinstance(outcome, SessionPlayed) and outcome.status is OutcomeStatus.APPLIED:
            first = seen.setdefault(outcome.transaction_id, outcome)
            assert outcome.replayed == (first is not outcome)
            assert (outcome.balance_after_minor, outcome.late) == (first.balance_after_minor, first.late)
        assert not isinstance(outcome, Refusal) or outcome.reason not in {Reason.INTERNAL, Reason.CONFLICT}
    session = desk.session
    entries = [entry for change in desk.book.changes if change.journaled for entry in change.journaled.entries]
    assert [entry.entry_no for entry in entries] == list(range(1, session.last_entry_no + 1))
    assert [entry for entry, _ in session.added] == entries
    ends = [entry.entry_no for entry in entries if entry.kind is Kind.SESSION_SETTLEMENT]
    assert len(ends) == (session.state is SessionState.SETTLED)
    assert all(entry.late == (ends != [] and entry.entry_no > ends[0]) for entry in entries)
    inside = sum(entry.change_minor for entry in entries if not entry.late)
    late = sum(entry.change_minor for entry in entries if entry.late)
    assert session.balance_minor == 100 + inside >= 0
    assert payout in {None, session.balance_minor}
    hold = desk.book.balance(OwnerId(ANN), TRON, AccountType.SESSION_HOLD)
    assert hold == (0 if session.state is SessionState.SETTLED else 100)
    deposits = sum(change.transactions[0].kind is Kind.DEPOSIT for change in desk.book.changes if change.transactions)
    main = desk.main()
    assert main == 200 + 5 * (deposits - 1) - 100 + (payout or 0) + late
    assert len({entry.key for entry in entries}) == len(entries)
    assert session.open_rounds == open_rounds(entries)


def open_rounds(entries: list[Any]) -> int:
    """Count anew: rounds with a bet that stands, and that nothing that stands closes."""
    inside = [entry for entry in entries if not entry.late]
    reversed_keys = {entry.reverses_key for entry in inside}
    closed = {entry.round_id for entry in inside if entry.closes_round and entry.key not in reversed_keys}
    played = {entry.round_id for entry in inside if entry.kind is Kind.BET and entry.key not in reversed_keys}
    return len(played - closed)


def test_a_live_session_has_its_rail() -> None:
    desk = Desk()
    desk.send(deposit("d", 100))
    assert told(desk.send(opening("x"))) == Reason.SETTLEMENT_RAIL_NOT_CONFIGURED
    desk.book.sessions.rails[opening().source, TRON] = Rail.PAYMENTS
    assert told(desk.send(opening("x"))) == "SessionFacts"
    assert desk.book.changes[-1].transactions[0].details.rail == "payments"  # type: ignore[union-attr]
