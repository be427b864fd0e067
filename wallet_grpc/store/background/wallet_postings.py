"""Postings of credit wallets: the aggregates of their journals, from the subledger to the general ledger.

Cost of a posting, for up to a thousand wallets: four round trips, and one that takes them off the queue. It touches no
row that a write to a wallet touches, so writers do not wait for it.

Why it is exactly once. A wallet's watermark (the balance and the version of its account) moves in the transaction that
posts what lies between it and the wallet, READ COMMITTED, under the lock of the ledger's owner, taken in a statement
before. So no two transactions post over the same watermark; and whatever is killed between any two steps, a posting and
its watermark are both there, or neither.

Why nothing is forgotten. Each batch of writes queues its wallets with its own commit. A queue row is removed after the
posting of the last of its wallets, and the posting reads the wallets after it has seen the row, so it covers the write
that the row tells of. A row that outlives a kill costs a look at wallets that have nothing to post. A wallet that
cannot be posted keeps its place: the rows that name it become one, in the statement that removes them.

Lock order: one ledger's owner, tried and not waited for; then the ledger's rows, which only its holder writes. What
HOUSE:WALLETS gains is appended (see house_postings.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from wallet_grpc.domain.accounts import AccountType, house_account_id
from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.cells import Cells
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, TxIdSequence, hash_key, unix_ms_of
from wallet_grpc.domain.ledgers.state import WALLET_POSTING_NAMESPACE, LedgerId
from wallet_grpc.store.connection.arrays import literal
from wallet_grpc.store.connection.halves import by_halves
from wallet_grpc.store.connection.placement import holding_cell, named_here
from wallet_grpc.store.connection.pool import Connection, Pool, look_up_by_key, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import check_clock, clock_class_of, own_clock

_SQL = statements(__package__, "wallet_postings.sql")
_BACKLOG = statements(__package__, "backlog.sql")["postings"]

_FAILURES_MAX = 200
"""How many failed transactions one part of a round may cost in search of the wallets that break it: about twenty of a
thousand are found at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingSettings:
    """Bounds of a round of postings."""

    interval_ms: int
    """How long a ledger is left alone between two rounds."""
    wallets_max: int
    """How many wallets one ledger transaction covers."""
    queue_rows_max: int
    """How many queued batches one round looks at."""
    ledgers_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DueLedger:
    """A ledger that has something to post."""

    ledger_id: LedgerId
    owner_id: OwnerId
    currency_network_id: CurrencyNetworkId


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What a round came to."""

    wallets: int = 0
    """How many had something to post."""
    journal_entries: int = 0
    transactions: int = 0
    posted: frozenset[str] = frozenset()
    """The wallets that are posted up to now, by their ids."""
    failed: tuple[tuple[str, Exception], ...] = ()
    """Those that cannot be posted, and why."""
    gave_up: bool = False
    """Whether so many failed, and none was posted, that it is hardly a matter of single wallets."""
    full: bool = False
    """Whether there is more, that this round did not look at."""


@dataclass(slots=True, kw_only=True)
class _PostingRound:
    """A round while it is under way."""

    ledger: DueLedger
    has_begun: bool
    is_taken: bool = False
    """Another worker is at it."""
    wallets: int = 0
    journal_entries: int = 0
    transactions: int = 0
    posted: list[str] = field(default_factory=list)
    failed: list[tuple[str, psycopg.Error]] = field(default_factory=list)


class PostingStore:
    """Posts credit wallets. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(
        self,
        settings: PostingSettings,
        pool: Pool,
        cells: Cells | None = None,
        *,
        own_clock: Callable[[], datetime] = own_clock,
    ) -> None:
        self._settings = settings
        self._own_clock = own_clock
        self._pool = pool
        self._cells = cells or Cells()
        self._tx_ids = TxIdSequence(pool.cell)

    async def due(self, left_out: Collection[LedgerId] = ()) -> list[DueLedger]:
        """Give the ledgers whose turn it is, the longest waiting first, without some that are left alone now."""
        settings = self._settings
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                _SQL["due_ledgers"],
                {
                    "interval_ms": settings.interval_ms,
                    "ledgers_max": settings.ledgers_max,
                    "left_out": literal(left_out),
                },
            )
            rows = await cursor.fetchall()
        return [
            DueLedger(
                ledger_id=LedgerId(ledger_id),
                owner_id=OwnerId(owner_id),
                currency_network_id=CurrencyNetworkId(network_id),
            )
            for ledger_id, owner_id, network_id in rows
        ]

    async def post(self, ledger: DueLedger, left_out: Collection[str] = (), *, goes_on: bool = False) -> Posted:
        """Post what is queued of a ledger, unless another worker does. `goes_on`: within a round that has begun.

        `left_out` are wallets, by their ids, that are left alone now; they stay in the queue. A wallet that cannot be
        posted is found by halves, and named in the answer.

        Raises:
            ClockAheadError: The database's time cannot be taken.
        """
        async with self._pool.connection() as connection:
            queued = await self._queued(connection, ledger, left_out)
            wallet_ids = sorted({wallet_id for _, wallets in queued for wallet_id in wallets})
            round_ = _PostingRound(ledger=ledger, has_begun=goes_on)

            async def post_part(part: Sequence[str]) -> None:
                if not round_.is_taken:
                    await self._post_part(connection, round_, list(part))

            wanted = [wallet_id for wallet_id in wallet_ids if wallet_id not in left_out]
            size = self._settings.wallets_max
            left: list[str] = []
            for start in range(0, len(wanted), size):
                halved = await by_halves(wanted[start : start + size], post_part, failures_max=_FAILURES_MAX)
                round_.failed += halved.failed
                left += halved.untried
            if not round_.is_taken and not left:
                stays = [wallet_id for wallet_id, _ in round_.failed]
                stays += [wallet_id for wallet_id in wallet_ids if wallet_id in left_out]
                await self._take_off(connection, ledger, [queue_id for queue_id, _ in queued], stays)
                if not round_.has_begun:
                    await self._let_others_go_first(connection, ledger)
        return Posted(
            wallets=round_.wallets,
            journal_entries=round_.journal_entries,
            transactions=round_.transactions,
            posted=frozenset(round_.posted),
            failed=tuple(round_.failed),
            gave_up=bool(left) and not round_.posted,
            full=not round_.is_taken and len(queued) == self._settings.queue_rows_max,
        )

    async def lag_s(self) -> float:
        """Tell how long the oldest write has been waiting, in seconds."""
        async with self._pool.connection() as connection:
            (*_, lag_s) = await only_row(connection, _BACKLOG, {"count_max": 0})
        return float(lag_s)

    async def _queued(
        self, connection: Connection, ledger: DueLedger, left_out: Collection[str]
    ) -> list[tuple[int, list[str]]]:
        cursor = await connection.execute(
            _SQL["queued"],
            {
                "ledger_id": ledger.ledger_id,
                "rows_max": self._settings.queue_rows_max,
                "left_out": literal(left_out),
            },
        )
        return await cursor.fetchall()

    async def _post_part(self, connection: Connection, round_: _PostingRound, wallet_ids: list[str]) -> None:
        """Post some wallets in one transaction, unless another worker is at it."""
        ledger = round_.ledger
        async with connection.transaction(), holding_cell(connection):
            await look_up_by_key(connection)
            now = await self._try_ledger(connection, ledger)
            if now is None or not (round_.has_begun or await self._begins(connection, ledger, now)):
                round_.is_taken = True
                return
            (last_version,) = await only_row(connection, _SQL["last_version"], {"owner_id": ledger.owner_id})
            tx_id = self._tx_ids.next(unix_ms_of(now))
            wallets, journal_entries = await only_row(
                connection,
                named_here(connection, _SQL["post"]),
                {
                    "wallet_ids": literal(wallet_ids),
                    "house_account_id": house_account_id(ledger.currency_network_id, AccountType.HOUSE_WALLETS),
                    "entry_max": BALANCE_MAX,
                    "network_id": ledger.currency_network_id,
                    "ledger_id": ledger.ledger_id,
                    "owner_id": ledger.owner_id,
                    "owner_version": last_version + 1,
                    "tx_id": tx_id,
                    "key_hash": hash_key(WALLET_POSTING_NAMESPACE, tx_id),
                    "now": now,
                },
            )
        round_.has_begun = True
        round_.wallets += wallets
        round_.journal_entries += journal_entries
        round_.transactions += wallets > 0
        round_.posted += wallet_ids

    def _locks_of(self, ledger: DueLedger) -> dict[str, object]:
        """Name the locks of a ledger's owner and of the clock, in this cell.

        Advisory locks are the database's. In the owner's own cell it is the lock that lanes take; a poster in another
        cell has one that differs from it, so that neither keeps the other.
        """
        cell, own = self._pool.cell, self._cells.of(ledger.owner_id)
        lock_id = ledger.owner_id + (cell - own) % self._cells.count
        return {"lock_id": lock_id, "clock_class": clock_class_of(cell)}

    async def _take_off(
        self, connection: Connection, ledger: DueLedger, queue_ids: Sequence[int], stays: Sequence[str]
    ) -> None:
        """Take rows off the queue whose wallets are posted; those that are not stay there, in one row for all."""
        named = {"ledger_id": ledger.ledger_id, "queue_ids": literal(queue_ids)}
        if stays:
            async with holding_cell(connection):
                gather = named_here(connection, _SQL["gather"])
                await connection.execute(gather, named | {"wallet_ids": literal(stays)})
        elif queue_ids:
            await connection.execute(_SQL["unqueue"], named)

    async def _let_others_go_first(self, connection: Connection, ledger: DueLedger) -> None:
        """Count a round of which nothing came: else the ledger would be the longest waiting for ever."""
        async with connection.transaction():
            now = await self._try_ledger(connection, ledger)
            if now is not None:
                await self._begins(connection, ledger, now)

    async def _try_ledger(self, connection: Connection, ledger: DueLedger) -> datetime | None:
        """Give the time of what is done to a ledger from now on, which is this worker's; None if it is another's."""
        (locked,) = await only_row(connection, _SQL["try_ledger"], self._locks_of(ledger))
        if not locked:
            return None
        (now,) = await only_row(connection, named_here(connection, _SQL["posting_time"]))
        assert isinstance(now, datetime)
        check_clock(now, self._own_clock())
        return now

    async def _begins(self, connection: Connection, ledger: DueLedger, now: datetime) -> bool:
        cursor = await connection.execute(
            _SQL["begin_round"],
            {
                "ledger_id": ledger.ledger_id,
                "now": now,
                "began_before": now - timedelta(milliseconds=self._settings.interval_ms),
            },
        )
        return await cursor.fetchone() is not None
