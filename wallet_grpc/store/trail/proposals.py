"""Proposals of adjustments: made and refused here, each with its row of the trail; a lane stores what is approved.

A proposal is stored once under its caller's id, and so is what is decided about it: of two who decide at the same time,
one here and one in a lane, the second finds the first one's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, PlayerId, Source
from wallet_grpc.domain.operators import Act, ActKind, Operator
from wallet_grpc.domain.players.approvals import Verdict
from wallet_grpc.domain.transactions import Direction
from wallet_grpc.store.backoffice.slices import Placed, Slice
from wallet_grpc.store.batch.columns import notes_or_none
from wallet_grpc.store.connection.pool import Connection, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.rows import rows_of

from .actions import Place, TimeSpan, slice_of_rows
from .acts import clock, next_id, note_call
from .writing import written

_SQL = statements(__package__, "proposals.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAdjustment:
    """An adjustment that somebody proposes."""

    source: Source
    transaction_id: str
    key: Key
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    direction: Direction
    reason: str
    actor: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalDecision:
    """What was decided about a proposal."""

    verdict: Verdict
    operator: str
    reason: str
    decided_at: datetime
    tx_id: str | None
    """The adjustment that an approval applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposal, and what was decided about it, if anything was."""

    proposal_id: str
    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    direction: Direction
    reason: str
    actor: str
    operator: str
    metadata: Mapping[str, str]
    proposed_at: datetime
    decision: ProposalDecision | None

    @property
    def gain_minor(self) -> int:
        """What MAIN gains by it, signed."""
        return self.amount_minor if self.direction is Direction.CREDIT else -self.amount_minor


class ProposalStore:
    """Keeps proposals, on a primary.

    Every method raises DatabaseUnavailableError where the database does not answer, and TimeoutError where nobody can
    tell whether it was stored: the same again tells.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, proposal_id: str) -> Proposal | None:
        """Give a proposal; None if there is none of this id."""
        async with self._pool.connection() as connection:
            found = await _found(connection, proposal_id=proposal_id)
            await self._pool.confirm(connection)
        return found

    async def of_key(self, key: Key) -> Proposal | None:
        """Give the proposal under a caller's id; None if there is none."""
        async with self._pool.connection() as connection:
            found = await _found(connection, key=key)
            await self._pool.confirm(connection)
        return found

    async def propose(self, asked: AskedAdjustment, operator: Operator, request_id: str) -> tuple[Proposal, bool]:
        """Store a proposal, unless its id is taken: gives what stands under the id, and whether it is new."""

        async def store(connection: Connection) -> tuple[Proposal | None, bool]:
            now = await clock(connection)
            proposal_id = next_id(now)
            stored = await connection.execute(
                _SQL["propose"],
                {
                    "proposal_id": proposal_id,
                    "proposed_at": now,
                    "key": asked.key,
                    "player_id": asked.player_id,
                    "currency_network_id": asked.currency_network_id,
                    "amount_minor": asked.amount_minor,
                    "direction": asked.direction.value,
                    "source": asked.source,
                    "transaction_id": asked.transaction_id,
                    "operator": operator.name,
                    "actor": asked.actor,
                    "reason": asked.reason,
                    "metadata": notes_or_none(asked.metadata),
                },
            )
            is_new = await stored.fetchone() is not None
            if is_new:
                act = _act_of_proposal(asked, proposal_id)
                await note_call(connection, act, operator, request_id=request_id, now=now)
            return await _found(connection, key=asked.key), is_new

        found, is_new = await written(self._pool, store)
        assert found is not None, "proposals are never removed"
        return found, is_new

    async def refuse(
        self, proposal: Proposal, operator: Operator, reason: str, request_id: str
    ) -> tuple[Proposal, bool]:
        """Refuse a proposal, unless something was decided before: gives it as it stands, and whether that is new."""

        async def store(connection: Connection) -> tuple[Proposal | None, bool]:
            now = await clock(connection)
            stored = await connection.execute(
                _SQL["refuse"],
                {
                    "proposal_id": proposal.proposal_id,
                    "decided_at": now,
                    "operator": operator.name,
                    "reason": reason,
                },
            )
            is_new = await stored.fetchone() is not None
            if is_new:
                act = Act(
                    kind=ActKind.REFUSAL,
                    subject=f"proposal {proposal.proposal_id} for player {proposal.player_id}",
                    player_id=proposal.player_id,
                    reason=reason,
                    result_id=proposal.proposal_id,
                    before={"state": "OPEN"},
                    after={"state": Verdict.REFUSED, "proposed_by": proposal.operator},
                )
                await note_call(connection, act, operator, request_id=request_id, now=now)
            return await _found(connection, proposal_id=proposal.proposal_id), is_new

        found, is_new = await written(self._pool, store)
        assert found is not None, "proposals are never removed"
        return found, is_new


class ProposalBalances:
    """Reads what MAIN is before and after adjustments that are proposed, or was before those that are applied."""

    def __init__(self, pools: ByCell[Pool]) -> None:
        self._pools = pools

    async def of(self, proposals: Sequence[Proposal]) -> Mapping[str, int | None]:
        """Give MAIN before each of them, in minor units, by proposal_id; None in a cell that is served elsewhere.

        Raises:
            DatabaseUnavailableError: A cell does not answer.
        """
        by_cell: dict[Cell, list[Proposal]] = {}
        for proposal in proposals:
            by_cell.setdefault(self._pools.cells.of(proposal.player_id), []).append(proposal)
        before: dict[str, int | None] = {proposal.proposal_id: None for proposal in proposals}
        for cell, its in by_cell.items():
            if cell in self._pools.cells.served:
                before |= await self._of_cell(self._pools.at(cell), its)
        return before

    async def _of_cell(self, pool: Pool, proposals: Sequence[Proposal]) -> Mapping[str, int]:
        parameters = {
            "proposal_ids": [proposal.proposal_id for proposal in proposals],
            "player_ids": [proposal.player_id for proposal in proposals],
            "currency_network_ids": [proposal.currency_network_id for proposal in proposals],
            "tx_ids": [proposal.decision and proposal.decision.tx_id for proposal in proposals],
        }
        async with pool.connection() as connection:
            rows = await rows_of(connection, _SQL["balances"], parameters)
        gains = {proposal.proposal_id: proposal.gain_minor for proposal in proposals}
        return {
            row.proposal_id: int(row.balance_minor or 0)
            if row.main_balance_after_minor is None
            else int(row.main_balance_after_minor) - gains[row.proposal_id]
            for row in rows
        }


def _act_of_proposal(asked: AskedAdjustment, proposal_id: str) -> Act:
    return Act(
        kind=ActKind.PROPOSAL,
        subject=f"proposal {proposal_id} for player {asked.player_id}",
        player_id=asked.player_id,
        reason=asked.reason,
        actor=asked.actor,
        result_id=proposal_id,
        after={
            "currency_network_id": asked.currency_network_id,
            "direction": asked.direction,
            "amount_minor": str(asked.amount_minor),
        },
    )


async def _found(connection: Connection, *, proposal_id: str | None = None, key: Key | None = None) -> Proposal | None:
    rows = await rows_of(connection, _SQL["one"], {"proposal_id": proposal_id, "key": key})
    return proposal_of(rows[0]) if rows else None


def proposal_of(row: Any) -> Proposal:
    """Read a row of a proposal with its decision."""
    decision = None
    if row.verdict is not None:
        decision = ProposalDecision(
            verdict=Verdict(row.verdict),
            operator=row.decided_by,
            reason=row.decision_reason,
            decided_at=row.decided_at,
            tx_id=row.tx_id,
        )
    return Proposal(
        proposal_id=row.proposal_id,
        source=Source(row.source),
        transaction_id=row.transaction_id,
        player_id=PlayerId(row.player_id),
        currency_network_id=CurrencyNetworkId(row.currency_network_id),
        amount_minor=int(row.amount_minor),
        direction=Direction(row.direction),
        reason=row.reason,
        actor=row.actor,
        operator=row.operator,
        metadata=row.metadata or {},
        proposed_at=row.proposed_at,
        decision=decision,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFilter:
    """Which proposals are looked for: those that fit everything."""

    is_open: bool = False
    """Only those that nobody has decided."""
    verdict: Verdict | None = None
    """Only those that were decided so."""
    player_id: PlayerId | None = None
    span: TimeSpan = TimeSpan()  # noqa: RUF009 - it is frozen


class ProposalReader:
    """Reads proposals in slices. Raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool, *, looked_max: int) -> None:
        """Make a reader; a slice looks at so many rows at most."""
        self._pool = pool
        self._looked_max = looked_max

    async def find(self, proposal_id: str) -> Proposal | None:
        """Give a proposal; None if there is none of this id."""
        async with self._pool.connection() as connection:
            return await _found(connection, proposal_id=proposal_id)

    async def page(self, wanted: ProposalFilter, after: Place | None, rows_max: int) -> Slice[Place, Proposal]:
        """Give the next proposals that fit, newest first, at most so many."""
        parameters = wanted.span.parameters(after) | {
            "player_id": wanted.player_id,
            "state": "OPEN" if wanted.is_open else wanted.verdict,
            "looked_max": self._looked_max,
            "rows_max": rows_max,
        }
        async with self._pool.connection() as connection:
            rows = await rows_of(connection, _SQL["page"], parameters)
        found = [proposal_of(row) for row in rows if row.proposal_id is not None]
        return slice_of_rows(
            [Placed(place=(it.proposal_id,), row=it) for it in found], rows[0], rows_max, looked_max=self._looked_max
        )
