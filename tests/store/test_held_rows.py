"""Rows that somebody holds too long cost their owner an answer, and nobody else of the batch, also with a standby."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from store.engine_desk import Desk, newest, running_desk
from support.database import Installation
from support.ledger import check_invariants
from unit.desk import ANN, BOB, bet, deposit

from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.engine.lane import Lane
from wallet_grpc.store.batch.store import Loaded, Locking


@pytest_asyncio.fixture
async def desk(own_ledger: Installation) -> AsyncIterator[Desk]:
    async with running_desk(own_ledger) as made:
        yield made


def _waits_for_a_standby(lane: Lane) -> None:
    """Have a lane take it that commits wait for a standby."""
    load = lane._store.load

    async def told(needs: Needs, locking: Locking = Locking.TRY) -> Loaded:
        return dataclasses.replace(await load(needs, locking), has_standby=True)

    lane._store.load = told  # type: ignore[method-assign]


@newest
@pytest.mark.parametrize("has_standby", [False, True], ids=["alone", "with a standby"])
async def test_who_shares_a_batch_with_an_owner_whose_rows_are_held_is_answered(
    own_ledger: Installation,
    desk: Desk,
    has_standby: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    assert isinstance(await desk.send(deposit("for bob", 100, player=BOB)), Accepted)
    for lane in desk._engine._lanes:
        lane._settings = dataclasses.replace(lane._settings, attempts_max=5)
        if has_standby:
            _waits_for_a_standby(lane)
    with own_ledger.connect() as holder:
        holder.execute("SELECT FROM account_balances WHERE owner_id = %s FOR UPDATE", [ANN])
        held, free = await asyncio.gather(
            desk.send(bet("held", 10, player=ANN)), desk.send(bet("free", 10, player=BOB))
        )
    assert isinstance(free, Accepted)
    assert isinstance(held, Refusal)
    assert held.reason is Reason.CONFLICT
    assert isinstance(await desk.send(bet("held", 10, player=ANN)), Accepted)
    check_invariants(own_ledger)


@newest
async def test_lanes_live_on_where_nobody_can_look_at_what_is_stored(own_ledger: Installation, desk: Desk) -> None:
    for lane in desk._engine._lanes:
        lane._settings = dataclasses.replace(lane._settings, attempts_max=5)
    with own_ledger.connect() as holder:
        holder.execute("LOCK TABLE ledger_transactions IN ACCESS EXCLUSIVE MODE")
        outcome = await desk.send(bet("held", 10, player=ANN))
    assert isinstance(outcome, Refusal)
    assert outcome.reason is Reason.OUTCOME_UNKNOWN
    assert isinstance(await desk.send(bet("held", 10, player=ANN)), Accepted)
    assert not desk._engine.failed
