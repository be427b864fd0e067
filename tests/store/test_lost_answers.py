"""A store whose answer is lost is tried again by its lane, and answered as what it was: new to one caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from store.engine_desk import Desk, newest, running_desk
from store.lanes import SteppedLane, until
from support.database import Installation
from support.ledger import check_invariants
from unit.credit_desk import credit
from unit.desk import bet, deposit, rollback
from unit.session_desk import SessionDesk, opening

from wallet_grpc.domain.credit.outcomes import WriteStatus, Written
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.outcomes import SessionFacts, SessionPlayed
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.store.batch import store as store_module
from wallet_grpc.store.batch.shared_writes import OtherNodeAwayError
from wallet_grpc.store.batch.steps import ToStore, steps_of
from wallet_grpc.store.batch.store import BatchStore, OutcomeUnknownError
from wallet_grpc.store.connection.standby import StepApart
from wallet_grpc.store.connection.statements import positional


@pytest_asyncio.fixture
async def desk(own_ledger: Installation) -> AsyncIterator[Desk]:
    """A desk that has stored a deposit of 100 to player 1."""
    async with running_desk(own_ledger) as made:
        yield made


@newest
async def test_who_was_first_is_told_so_though_the_answer_was_lost(desk: Desk, own_ledger: Installation) -> None:
    """A bet, sent three times at once: stored once, new to one of the three, a replay to the others."""
    answers = await desk.send_where_the_first_answer_is_lost(*[bet("x", 60)] * 3)
    assert all(isinstance(answer, Accepted) for answer in answers), answers
    assert sorted(answer.replayed for answer in answers if isinstance(answer, Accepted)) == [False, True, True]
    assert own_ledger.rows("SELECT balance_minor FROM account_balances WHERE owner_id = 1") == [(40,)]
    assert own_ledger.rows("SELECT count(*) FROM ledger_transactions WHERE reference = 'x'") == [(1,)]
    check_invariants(own_ledger)


@newest
async def test_nobody_is_refused_by_what_a_commit_that_was_given_up_is_about_to_change(
    desk: Desk, own_ledger: Installation
) -> None:
    """Another lane's deposit is not there yet, and will be: a bet that needs it is not refused for good."""
    other = SteppedLane(desk.new_store())
    batch = await other.decide(deposit("e", 100))
    with desk.no_commit_ends():
        with pytest.raises(OutcomeUnknownError):
            await other.write(batch)
        unsure = await desk.send(bet("x", 150))
        assert isinstance(unsure, Refusal)
        assert unsure.reason is Reason.OUTCOME_UNKNOWN
    sent = await desk.send(bet("x", 150))
    assert isinstance(sent, Accepted)
    assert sent.balance_after_minor == 50
    refused = await desk.send(bet("y", 150))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.INSUFFICIENT_FUNDS
    await other.store.close()
    check_invariants(own_ledger)


@newest
async def test_so_it_is_with_a_rollback_of_what_was_never_seen(desk: Desk, own_ledger: Installation) -> None:
    answers = await desk.send_where_the_first_answer_is_lost(*[rollback("back", "unseen")] * 3)
    assert sorted(answer.replayed for answer in answers if isinstance(answer, Accepted)) == [False, True, True]
    assert own_ledger.rows("SELECT count(*) FROM ledger_transactions WHERE reference = 'back'") == [(1,)]
    check_invariants(own_ledger)


@newest
async def test_what_was_decided_together_is_answered_as_it_was_decided(desk: Desk, own_ledger: Installation) -> None:
    """Also what was refused, and the balances of each: not those of a moment after all of it."""
    first, refused, again, last = await desk.send_where_the_first_answer_is_lost(
        bet("a", 60), bet("b", 60), bet("a", 60), bet("c", 40)
    )
    assert isinstance(first, Accepted)
    assert (first.replayed, first.balance_after_minor, first.current_balance_minor) == (False, 40, 40)
    assert not isinstance(refused, Accepted)
    assert refused.metadata["balance_minor"] == "40"
    assert isinstance(again, Accepted)
    assert (again.replayed, again.current_balance_minor) == (True, 40)
    assert isinstance(last, Accepted)
    assert (last.replayed, last.balance_after_minor) == (False, 0)
    check_invariants(own_ledger)


@newest
async def test_so_it_is_with_a_bet_in_a_session(desk: Desk, own_ledger: Installation) -> None:
    """It stands in the session's journal alone."""
    opened = await desk.send(opening("open", 50))
    assert isinstance(opened, SessionFacts)
    address = session_address(opened.session_token)
    assert address is not None
    play = SessionDesk()
    play.session_id = address.session_id
    answers = await desk.send_where_the_first_answer_is_lost(*[play.bet("x", 10)] * 3)
    assert sorted(answer.replayed for answer in answers if isinstance(answer, SessionPlayed)) == [False, True, True]
    assert own_ledger.rows("SELECT entry_no, balance_after_minor FROM subledger_entries") == [(1, 40)]


@newest
async def test_so_it_is_with_a_credit(desk: Desk, own_ledger: Installation) -> None:
    answers = await desk.send_where_the_first_answer_is_lost(*[credit("x", 10)] * 3)
    statuses = sorted(answer.status for answer in answers if isinstance(answer, Written))
    assert statuses == [WriteStatus.ACCEPTED, WriteStatus.DUPLICATE, WriteStatus.DUPLICATE]
    assert own_ledger.rows("SELECT entry_no, balance_after_minor FROM subledger_entries") == [(1, 10)]


@newest
async def test_who_may_have_been_stored_is_never_told_that_nothing_moved(desk: Desk, own_ledger: Installation) -> None:
    """Its own commit, which was given up, holds its rows while it is tried again: a race that no try can win."""
    for lane in desk._engine._lanes:
        lane._settings = replace(lane._settings, attempts_max=1)
    with desk.no_commit_ends():
        unsure = await asyncio.gather(desk.send(bet("x", 60)), desk.send(bet("y", 10)))
        assert [getattr(it, "reason", it) for it in unsure] == [Reason.OUTCOME_UNKNOWN] * 2
    sent = await desk.send(bet("x", 60))
    assert isinstance(sent, Accepted)
    assert sent.replayed
    check_invariants(own_ledger)


@newest
@pytest.mark.parametrize("apart", [False, True], ids=["alone", "with steps apart"])
async def test_nor_is_who_sends_again_while_the_first_commit_hangs(
    desk: Desk, own_ledger: Installation, monkeypatch: pytest.MonkeyPatch, *, apart: bool
) -> None:
    """Another lane's, which was given up: the retry cannot be stored beside it, and it may end well after all.

    So it is where something is written on all nodes: who waits for a row says nothing about a node.
    """
    other = SteppedLane(desk.new_store())
    batch = await other.decide(bet("x", 60))
    for lane in desk._engine._lanes:
        lane._settings = replace(lane._settings, attempts_max=1)
    if apart:
        monkeypatch.setattr(store_module, "steps_of", _with_a_step_apart)
    with desk.no_commit_ends():
        with pytest.raises(OutcomeUnknownError):
            await other.write(batch)
        unsure = await asyncio.gather(desk.send(bet("x", 60)), desk.send(bet("y", 10)))
        assert [getattr(it, "reason", it) for it in unsure] == [Reason.OUTCOME_UNKNOWN] * 2
    sent = await desk.send(bet("x", 60))
    assert isinstance(sent, Accepted)
    assert sent.replayed
    await other.store.close()
    check_invariants(own_ledger)


def _with_a_step_apart(*args: Any, **options: Any) -> ToStore:
    return steps_of(*args, **options)._replace(apart=[StepApart("nothing", positional("SELECT 1"), 1)])


@newest
async def test_where_a_node_is_away_nobody_is_told_that_nothing_moved_while_a_commit_hangs(
    desk: Desk, own_ledger: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written on all nodes is refused at once then: of who sends again, the first try may be stored yet."""
    other = SteppedLane(desk.new_store())
    batch = await other.decide(bet("x", 60))

    async def away(*_: object, **__: object) -> None:
        raise OtherNodeAwayError("a node was away a moment ago")

    with desk.no_commit_ends():
        with pytest.raises(OutcomeUnknownError):
            await other.write(batch)
        monkeypatch.setattr(BatchStore, "store", away)
        unsure = await desk.send(bet("x", 60))
        assert isinstance(unsure, Refusal)
        assert unsure.reason is Reason.OUTCOME_UNKNOWN
    refused = await desk.send(bet("z", 10))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.DATABASE_UNAVAILABLE
    await other.store.close()
    check_invariants(own_ledger)


@newest
async def test_a_fault_after_a_try_that_may_be_stored_does_not_say_that_nothing_moved(
    desk: Desk, own_ledger: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    with desk.no_commit_ends():
        sent = asyncio.create_task(desk.send(bet("x", 60)))
        await until(lambda: desk._engine._lanes[0]._down)
        monkeypatch.setattr("wallet_grpc.engine.lane.decide_batch", fault)
    unsure = await sent
    assert isinstance(unsure, Refusal)
    assert unsure.reason is Reason.OUTCOME_UNKNOWN
    fresh = await desk.send(bet("y", 10))
    assert isinstance(fresh, Refusal)
    assert fresh.reason is Reason.INTERNAL
    monkeypatch.undo()
    again = await desk.send(bet("x", 60))
    assert isinstance(again, Accepted)
    assert again.replayed
    check_invariants(own_ledger)


@newest
async def test_who_is_refused_for_a_clock_is_told_so_and_nothing_is_stored(
    desk: Desk, own_ledger: Installation
) -> None:
    """The process's own is hours behind the database's; once they agree, the same can be sent again."""
    for lane in desk._engine._lanes:
        lane._settings = replace(lane._settings, outage_wait_ms=0)
        lane._store._own_clock = lambda: datetime.now(UTC) - timedelta(hours=3)
    refused = await desk.send(bet("x", 60))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.DATABASE_UNAVAILABLE
    assert "clock" in refused.message
    for lane in desk._engine._lanes:
        lane._store._own_clock = lambda: datetime.now(UTC)
    sent = await desk.send(bet("x", 60))
    assert isinstance(sent, Accepted)
    assert not sent.replayed
    check_invariants(own_ledger)
