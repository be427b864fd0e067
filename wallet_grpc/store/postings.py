"""Postings of credit wallets: the aggregates of their journals, from the subledger to the general ledger.

Cost of a posting, for up to a thousand wallets: three round trips. It touches no row that a write to a wallet touches,
so writers do not wait for it.

Why it is exactly once. A wallet's watermark (the balance and the version of its account) moves in the transaction that
posts what lies between it and the wallet, READ COMMITTED, under the lock of the ledger's owner, taken in a statement
before. So no two transactions post over the same watermark; and whatever is killed between any two steps, a posting and
its watermark are both there, or neither.

Why nothing is forgotten. Each batch of writes queues its wallets with its own commit. A queue row is removed with the
posting of the last of its wallets, and the posting reads the wallets after it has seen the row, so it covers the write
that the row tells of. A row that outlives a kill costs a look at wallets that have nothing to post.

Lock order: one ledger's owner, tried and not waited for; then the ledger's rows, which only its holder writes, and one
stripe of HOUSE:WALLETS, chosen by the ledger and held to the end of a transaction that takes no further locks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.amounts import BALANCE_MAX
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, TxIdSequence, hash_key
from wallet_grpc.domain.ledgers import WALLET_POSTING_NAMESPACE, LedgerId

from .arrays import literal
from .networks import NetworkDirectory
from .pool import Connection, Pool, look_up_by_key, only_row
from .sql import statements

_SQL = statements("postings.sql")


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
    stripes: int


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
    journal_entries: int = 0
    transactions: int = 0
    full: bool = False
    """Whether there is more, that this round did not look at."""


class PostingStore:
    """Posts credit wallets. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, settings: PostingSettings, pool: Pool, networks: NetworkDirectory) -> None:
        self._settings = settings
        self._pool = pool
        self._networks = networks
        self._tx_ids = TxIdSequence()

    async def due(self) -> list[DueLedger]:
        """Give the ledgers whose turn it is, the longest waiting first."""
        settings = self._settings
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                _SQL["due_ledgers"], {"interval_ms": settings.interval_ms, "ledgers_max": settings.ledgers_max}
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

    async def post(self, ledger: DueLedger, *, goes_on: bool = False) -> Posted:
        """Post what is queued of a ledger, unless another worker does. `goes_on`: within a round that has begun."""
        if await self._networks.find(ledger.currency_network_id) is None:
            return Posted()  # a network that this process has yet to learn of
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                _SQL["queued"], {"ledger_id": ledger.ledger_id, "rows_max": self._settings.queue_rows_max}
            )
            queued = await cursor.fetchall()
            queue_ids = [queue_id for queue_id, _ in queued]
            wallet_ids = sorted({wallet_id for _, wallets in queued for wallet_id in wallets})
            wallets = journal_entries = transactions = 0
            size = self._settings.wallets_max
            for start in range(0, len(wallet_ids), size):
                part = wallet_ids[start : start + size]
                last = start + size >= len(wallet_ids)
                done = await self._post_part(
                    connection, ledger, part, begins=start == 0 and not goes_on, unqueue=queue_ids if last else []
                )
                if done is None:
                    return Posted(wallets=wallets, journal_entries=journal_entries, transactions=transactions)
                wallets += done[0]
                journal_entries += done[1]
                transactions += done[0] > 0
        return Posted(
            wallets=wallets,
            journal_entries=journal_entries,
            transactions=transactions,
            full=len(queued) == self._settings.queue_rows_max,
        )

    async def lag_s(self) -> float:
        """Tell how long the oldest write has been waiting, in seconds."""
        async with self._pool.connection() as connection:
            (lag_s,) = await only_row(connection, _SQL["lag"])
        return float(lag_s)

    async def _post_part(
        self, connection: Connection, ledger: DueLedger, wallet_ids: list[str], *, begins: bool, unqueue: list[int]
    ) -> tuple[int, int] | None:
        """Post some wallets in one transaction; gives how many, and how many entries. None: another worker is at it."""
        async with connection.transaction():
            await look_up_by_key(connection)
            locked, now = await only_row(connection, _SQL["try_ledger"], {"owner_id": ledger.owner_id})
            if not locked:
                return None
            if begins and not await self._begins(connection, ledger, now):
                return None
            tx_id = self._tx_ids.next(int(now.timestamp() * 1000))
            network = self._networks.known(ledger.currency_network_id)
            wallets, journal_entries = await only_row(
                connection,
                _SQL["post"],
                {
                    "wallet_ids": literal(wallet_ids),
                    "house_account_id": network.house_account_ids[AccountType.HOUSE_WALLETS],
                    "stripe": -ledger.owner_id % self._settings.stripes,
                    "entry_max": BALANCE_MAX,
                    "network_id": ledger.currency_network_id,
                    "ledger_id": ledger.ledger_id,
                    "owner_id": ledger.owner_id,
                    "tx_id": tx_id,
                    "key_hash": hash_key(WALLET_POSTING_NAMESPACE, tx_id),
                    "now": now,
                },
            )
            if unqueue:
                await connection.execute(
                    _SQL["unqueue"], {"ledger_id": ledger.ledger_id, "queue_ids": literal(unqueue)}
                )
        return wallets, journal_entries

    async def _begins(self, connection: Connection, ledger: DueLedger, now: datetime) -> bool:
        cursor = await connection.execute(
            _SQL["begin_round"],
            {"ledger_id": ledger.ledger_id, "now": now, "interval_ms": self._settings.interval_ms},
        )
        return await cursor.fetchone() is not None
