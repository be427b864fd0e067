"""All that looks things up, over connections of its own to every cell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wallet_grpc.domain.cells import ONLY_CELL, ByCell, Cell, Cells
from wallet_grpc.store.connection import kinds
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.trail.actions import ActionReader
from wallet_grpc.store.trail.proposals import ProposalBalances, ProposalReader

from .chains import ChainLookup
from .events import EventLookup
from .figures import FigureReader
from .overview import OverviewReader
from .player_statements import StatementReader
from .players import PlayerLookup
from .search import Search
from .sessions import SessionLookup
from .transactions import TransactionLookup
from .wallets import WalletLookup
from .withdrawals import WithdrawalLookup


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupSettings:
    """Where operators look things up, and how much one question may cost."""

    database_url: str
    """It may lead to a replica."""
    primary_url: str
    """Where it is settled what happened until a moment: on the primary."""
    connections_max: int
    """For each cell."""
    timeout_ms: int
    """Of a query, and of the wait for a connection."""
    scan_rows_max: int
    """Rows that are looked at for a page."""


class Lookups:
    """What looks things up, in all cells, whichever of them a process serves.

    Its connections can only read, have a time limit, and are apart from all others: no look-up keeps a lane waiting.
    They are made when they are used.
    """

    def __init__(self, settings: LookupSettings, cells: Cells) -> None:
        every = Cells(cells.count)
        self.pools = ByCell(every, {cell: _pool(settings, cell) for cell in every.served})
        self.shared = self.pools.at(ONLY_CELL) if every.count == 1 else _pool(settings, None)
        """For what all cells share: any node has it, so none of the cells keeps it. With one cell, that cell's own."""
        self.search = Search(self.shared, self.pools)
        self.players = PlayerLookup(self.pools, scan_rows_max=settings.scan_rows_max)
        self.transactions = TransactionLookup(self.pools, scan_rows_max=settings.scan_rows_max)
        self.chains = ChainLookup(self.pools)
        self.withdrawals = WithdrawalLookup(self.pools)
        self.sessions = SessionLookup(self.pools, scan_rows_max=settings.scan_rows_max)
        self.wallets = WalletLookup(self.pools)
        self.figures = FigureReader(self.pools)
        self._primaries = ByCell(every, {cell: _primary(settings, cell) for cell in every.served})
        self.statements = StatementReader(self.pools, self._primaries, scan_rows_max=settings.scan_rows_max)
        self.overview = OverviewReader(self.shared, self.pools)
        self.events = EventLookup(self.shared, self.pools)
        self.actions = ActionReader(self.shared, looked_max=settings.scan_rows_max)
        self.proposals = ProposalReader(self.shared, looked_max=settings.scan_rows_max)
        self.proposal_balances = ProposalBalances(self.pools)

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._every_pool():
            await pool.close()

    def _every_pool(self) -> Iterator[Pool]:
        yield self.shared
        yield from self.pools
        yield from self._primaries


def _pool(settings: LookupSettings, cell: Cell | None) -> Pool:
    return Pool(
        settings.database_url,
        connections_max=settings.connections_max,
        wait_ms=settings.timeout_ms,
        timeout_ms=settings.timeout_ms,
        cell=cell,
        kind=kinds.backoffice(timeout_ms=settings.timeout_ms),
    )


def _primary(settings: LookupSettings, cell: Cell) -> Pool:
    """Make a connection that asks what is under way; one at a time does."""
    return Pool(
        settings.primary_url,
        connections_max=1,
        wait_ms=settings.timeout_ms,
        timeout_ms=settings.timeout_ms,
        writes=True,  # it writes nothing; a server that could not is a replica, which knows of nobody's locks
        cell=cell,
    )
