"""A transaction with all it hangs together with: what it refers to, what refers to it, rollbacks, and its events.

Links are followed step by step within the transaction's cell, up to a bound; only what a ledger's entries refer to, its
creation, may stand in another cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from wallet_grpc.domain.cells import ByCell, Cell, cell_in_id
from wallet_grpc.domain.events import EVENT_TYPES, EventType
from wallet_grpc.domain.transactions import Transaction, TransactionStatus
from wallet_grpc.store.connection.pool import Connection, Pool
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.players import TransactionRecord
from wallet_grpc.store.reads.rows import rows_of

from .transactions import records_of

_SQL = statements(__package__, "chains.sql")

CHAIN_TRANSACTIONS_MAX = 200
_CHAIN_STEPS_MAX = 10
_OUTBOX_ROWS_LOOKED_AT_MAX = 50_000


class ChainLink(StrEnum):
    """How a transaction hangs together with another one."""

    ASKED = "ASKED"
    REFERENCE = "REFERENCE"
    REFERRER = "REFERRER"
    REVERSED = "REVERSED"
    ROLLBACK = "ROLLBACK"


class PublicationState(StrEnum):
    """Whether an event was published."""

    PUBLISHED = "PUBLISHED"
    WAITING = "WAITING"
    PARKED = "PARKED"
    UNKNOWN = "UNKNOWN"
    """More wait than are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEvent:
    """An event of a transaction."""

    event_id: str
    event_type: EventType
    state: PublicationState
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTransaction:
    """A transaction of a chain."""

    record: TransactionRecord
    link: ChainLink
    linked_tx_id: str | None
    events: Sequence[ChainEvent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """All that hangs together with a transaction, oldest first."""

    transactions: Sequence[ChainTransaction]
    truncated: bool


class _Linked(NamedTuple):
    link: ChainLink
    of_tx_id: str | None


class ChainLookup:
    """Looks chains up. Raises DatabaseUnavailableError where a cell does not answer."""

    def __init__(self, pools: ByCell[Pool]) -> None:
        self._pools = pools

    async def of(self, tx_id: str) -> Chain | None:
        """Give a transaction with all it hangs together with; None if there is none."""
        cell = await self._cell_of(tx_id)
        if cell is None:
            return None
        async with self._pools.at(cell).connection() as connection:
            links, truncated = await self._links(connection, tx_id)
            records = {record.transaction.tx_id: record for record in await records_of(connection, links)}
            unpublished = await self._unpublished(connection, links)
        for missing in links.keys() - records.keys():  # a ledger's creation stands in the cell of the ledger
            elsewhere = await self._cell_of(missing)
            if elsewhere is not None:
                async with self._pools.at(elsewhere).connection() as connection:
                    records |= {it.transaction.tx_id: it for it in await records_of(connection, [missing])}
        return Chain(
            transactions=[
                ChainTransaction(
                    record=record,
                    link=links[found].link,
                    linked_tx_id=links[found].of_tx_id,
                    events=_events(record.transaction, unpublished),
                )
                for found, record in sorted(records.items())
            ],
            truncated=truncated,
        )

    async def _cell_of(self, tx_id: str) -> Cell | None:
        """Find the cell of a transaction: that which its id names, if it has it, or another one."""
        first = cell_in_id(tx_id)
        for cell, pool in sorted(self._pools.items(), key=lambda it: it[0] != first):
            async with pool.connection() as connection:
                if await records_of(connection, [tx_id]):
                    return cell
        return None

    async def _links(self, connection: Connection, tx_id: str) -> tuple[dict[str, _Linked], bool]:
        """Follow the links of a transaction, step by step."""
        links = {tx_id: _Linked(ChainLink.ASKED, None)}
        frontier = [tx_id]
        for _ in range(_CHAIN_STEPS_MAX):
            parameters = {"tx_ids": frontier, "rows_max": CHAIN_TRANSACTIONS_MAX + 1}
            frontier = []
            for row in await rows_of(connection, _SQL["links"], parameters):
                if row.tx_id not in links:
                    if len(links) == CHAIN_TRANSACTIONS_MAX:
                        return links, True
                    links[row.tx_id] = _Linked(ChainLink(row.link), row.of_tx_id)
                    frontier.append(row.tx_id)
            if not frontier:
                return links, False
        return links, True

    async def _unpublished(
        self, connection: Connection, tx_ids: Iterable[str]
    ) -> Mapping[tuple[str, int] | None, str | None]:
        """Give the failures of events that are not published, None for those that wait; under None: not all seen."""
        parameters = {"tx_ids": list(tx_ids), "scan_rows_max": _OUTBOX_ROWS_LOOKED_AT_MAX}
        return {
            None if row.tx_id is None else (row.tx_id, row.event_no): (row.failure or "") if row.is_parked else None
            for row in await rows_of(connection, _SQL["unpublished"], parameters)
        }


def _events(transaction: Transaction, unpublished: Mapping[tuple[str, int] | None, str | None]) -> list[ChainEvent]:
    if transaction.status is not TransactionStatus.APPLIED:
        return []
    events = []
    for event_no, event_type in enumerate(EVENT_TYPES.get(transaction.kind, ()), start=1):
        named, failure = (transaction.tx_id, event_no), None
        if named in unpublished:
            failure = unpublished[named]
            state = PublicationState.WAITING if failure is None else PublicationState.PARKED
        else:
            state = PublicationState.UNKNOWN if None in unpublished else PublicationState.PUBLISHED
        events.append(
            ChainEvent(event_id=f"{transaction.tx_id}-{event_no}", event_type=event_type, state=state, failure=failure)
        )
    return events
