"""Two lanes that know nothing of each other, on one session: whatever they decided over, exactly one of them is stored.

The locks are taken away before the store, as in test_races.py. Play raises no owner, so it is the number of
the journal's next entry alone that keeps these apart.
"""

from collections.abc import Callable
from typing import Any

import pytest
from store.lanes import SteppedLane
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import deposit
from unit.session_desk import SessionDesk, opening

from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.store.batch.store import LostRaceError

NewLane = Callable[..., SteppedLane]

PAIRS: dict[str, Callable[[SessionDesk], tuple[Any, Any]]] = {
    "two bets for the same money": lambda d: (d.bet("x", 60), d.bet("y", 60)),
    "two free spins": lambda d: (d.bet("x", 0), d.bet("y", 0)),
    "the same bet twice": lambda d: (d.bet("x"), d.bet("x")),
    "a bet and the end": lambda d: (d.bet("x"), d.settlement()),
    "the end and a bet": lambda d: (d.settlement(), d.bet("x")),
    "a win and the end": lambda d: (d.win("x", of="b0"), d.settlement()),
    "two ends": lambda d: (d.settlement(), d.settlement()),
    "a bet and a closing of its round": lambda d: (d.bet("x"), d.bet("y", closes=True)),
    "a win and the rollback of its bet": lambda d: (d.win("x", of="b0"), d.rollback("y", "b0")),
    "a bet and the rollback that came first": lambda d: (d.bet("x"), d.rollback("y", "x")),
    "two rollbacks of one bet": lambda d: (d.rollback("x", "b0"), d.rollback("y", "b0")),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
async def test_of_two_that_decided_over_the_same_session_one_is_stored(
    new_lane: NewLane, ledger: Installation, pair: Callable[[SessionDesk], tuple[Any, Any]]
) -> None:
    one, two = new_lane(), new_lane()
    await one.attempt(deposit("d", 200))
    (facts,) = await one.attempt(opening())
    assert isinstance(facts, SessionFacts)
    desk = SessionDesk()
    address = session_address(facts.session_token)
    assert address is not None
    desk.session_id = address.session_id
    await one.attempt(desk.bet("b0"))

    first_command, second_command = pair(desk)
    first = await one.decide_unlocked(first_command)
    second = await two.decide_unlocked(second_command)
    await one.write(first)
    with pytest.raises(LostRaceError):
        await two.write(second)
    (outcome,) = await two.send(second_command)
    if second_command == first_command and not isinstance(outcome, Refusal):
        assert getattr(outcome, "replayed", True)
    check_invariants(ledger)
    ((payout, lock, total, numbers, ends, state),) = ledger.rows(
        "SELECT payout_minor, lock_amount_minor, coalesce(sum(change_minor) FILTER (WHERE NOT late), 0),"
        " array_agg(entry_no ORDER BY entry_no), count(*) FILTER (WHERE kind = 'SESSION_SETTLEMENT'), state"
        " FROM sessions JOIN subledger_entries ON session_id = subledger_id GROUP BY session_id"
    )
    assert payout == (lock + total if state == "SETTLED" else None)
    assert numbers == list(range(1, len(numbers) + 1))
    assert ends == (state == "SETTLED")


async def test_play_of_two_sessions_of_one_player_does_not_meet(new_lane: NewLane, ledger: Installation) -> None:
    one, two = new_lane(), new_lane()
    await one.attempt(deposit("d", 300))
    desks = []
    for name in ("a", "b"):
        (facts,) = await one.attempt(opening(name))
        assert isinstance(facts, SessionFacts)
        address = session_address(facts.session_token)
        assert address is not None
        desk = SessionDesk()
        desk.session_id = address.session_id
        desks.append(desk)
    first = await one.decide_unlocked(desks[0].bet("x"))
    second = await two.decide_unlocked(desks[1].bet("x"))
    await one.write(first)
    await two.write(second)
    assert ledger.rows("SELECT count(*) FROM subledger_entries") == [(2,)]
