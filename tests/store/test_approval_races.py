"""An approval in a lane and a refusal beside it, which share no lock: one of them decides, and the other is told."""

import asyncio
from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
import pytest_asyncio
from store.lanes import SteppedLane, until
from support.database import Installation
from unit.desk import ANN, APPROVAL, GAMES, PERSON, TRON, adjust, deposit

from wallet_grpc.domain.identifiers import caller_key
from wallet_grpc.domain.players.approvals import Approval, Verdict
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Direction
from wallet_grpc.store.batch.store import LostRaceError
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.trail.proposals import AskedAdjustment, Proposal, ProposalStore

NewLane = Callable[..., SteppedLane]
WHAT_STANDS = "SELECT (SELECT count(*) FROM ledger_transactions), (SELECT array_agg(verdict) FROM adjustment_decisions)"


@pytest_asyncio.fixture
async def proposals(ledger: Installation) -> AsyncIterator[ProposalStore]:
    pool = Pool(ledger.service_dsn, connections_max=2, wait_ms=5_000, timeout_ms=5_000, writes=True)
    yield ProposalStore(pool)
    await pool.close()


@pytest_asyncio.fixture
async def proposal(proposals: ProposalStore) -> Proposal:
    asked = AskedAdjustment(
        source=GAMES,
        transaction_id="x",
        key=caller_key(GAMES, "x"),
        player_id=ANN,
        currency_network_id=TRON,
        amount_minor=30,
        direction=Direction.CREDIT,
        reason="lost",
        actor="ana",
    )
    made, is_new = await proposals.propose(asked, PERSON, "r1")
    assert is_new
    return made


def approval_of(proposal: Proposal) -> Approval:
    return Approval(proposal_id=proposal.proposal_id, proposed_by=proposal.operator, reason="right")


async def test_a_refusal_that_overtakes_an_approval(
    new_lane: NewLane, proposals: ProposalStore, proposal: Proposal, admin: psycopg.Connection
) -> None:
    lane = new_lane()
    command = adjust("x", 30, approval=approval_of(proposal))
    decided = await lane.decide(command)
    refused, is_new = await proposals.refuse(proposal, PERSON, "no", "r2")
    assert is_new
    assert refused.decision is not None
    with pytest.raises(LostRaceError):
        await lane.write(decided)
    refusal = await lane.refused(command)
    assert (refusal.reason, refusal.metadata) == (Reason.PROPOSAL_DECIDED, {"verdict": "REFUSED"})
    assert admin.execute(WHAT_STANDS).fetchone() == (0, ["REFUSED"])


async def test_a_refusal_after_an_approval(
    new_lane: NewLane, proposals: ProposalStore, proposal: Proposal, admin: psycopg.Connection
) -> None:
    applied = await new_lane().accepted(adjust("x", 30, approval=approval_of(proposal)))
    found, is_new = await proposals.refuse(proposal, PERSON, "no", "r2")
    assert not is_new
    assert found.decision is not None
    assert (found.decision.verdict, found.decision.tx_id) == (Verdict.APPROVED, applied.tx_id)
    assert admin.execute(WHAT_STANDS).fetchone() == (1, ["APPROVED"])
    assert admin.execute("SELECT kind FROM operator_actions ORDER BY action_id").fetchall() == [
        ("PROPOSAL",),
        ("APPROVAL",),
    ]


async def test_a_batch_of_operators_and_players_is_stored_whole(new_lane: NewLane, admin: psycopg.Connection) -> None:
    """Texts of any kind, and rows with and without them, stand in their columns."""
    await new_lane().send(
        deposit("d", 100),
        adjust("a", 1, reason="a, {b} \"c\" 'd' \\ é", actor="[e]"),
        adjust("b", 2, Direction.DEBIT),
        adjust("c", 3, approval=APPROVAL),
    )
    rows = admin.execute(
        "SELECT kind, operator, actor, reason, facts_before ->> 'balance_minor', facts_after ->> 'balance_minor'"
        " FROM operator_actions ORDER BY action_id"
    ).fetchall()
    assert rows == [
        ("ADJUSTMENT", "ann@house", "[e]", "a, {b} \"c\" 'd' \\ é", "100", "101"),
        ("ADJUSTMENT", "ann@house", "ana", "a gift", "101", "99"),
        ("APPROVAL", "ann@house", None, "it is right", "99", "102"),
    ]


async def test_a_refusal_that_a_deadlock_undoes_is_done_again(
    proposals: ProposalStore, proposal: Proposal, ledger: Installation, admin: psycopg.Connection
) -> None:
    """On Citus two who decide about one proposal may each hold its row on one node; here another row is between."""
    with ledger.connect() as other:
        other.execute("SET deadlock_timeout = '5min'")  # it is the refusal that finds the deadlock, and gives way
        other.execute("LOCK TABLE operator_actions IN ACCESS EXCLUSIVE MODE")
        refusing = asyncio.create_task(proposals.refuse(proposal, PERSON, "no", "r2"))
        await until(lambda: admin.execute(_WAITS).fetchone() is not None)
        await asyncio.to_thread(
            other.execute,
            "INSERT INTO adjustment_decisions VALUES (%s, now(), 'REFUSED', 'ben', 'no', NULL)",
            [proposal.proposal_id],
        )
        other.rollback()
    refused, is_new = await refusing
    assert is_new
    assert refused.decision is not None
    assert refused.decision.operator == PERSON.name


_WAITS = """
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-write' AND wait_event_type = 'Lock'
"""
