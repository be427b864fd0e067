"""Poster: brings what credit wallets gained into the general ledger, every few seconds, in aggregates.

Any number of these may run, in any number of processes: a ledger is posted to by one at a time, and a round of it is
begun once an interval, whoever comes first (see `store/background/wallet_postings.py`). Nothing is leased, and nothing
is left by a kill.

A wallet that cannot be posted is set aside, and so is a ledger of which nothing can be: the others are posted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from wallet_grpc.chores import ChoreMetrics, PostponedError, SetAside, keep_going
from wallet_grpc.domain.ledgers.state import LedgerId
from wallet_grpc.store.background.wallet_postings import DueLedger, Posted, PostingStore
from wallet_grpc.store.connection.pool import DatabaseUnavailableError

from .metrics import WorkerMetrics

_WORKER = "poster"
_LOOKS_PER_INTERVAL = 8
"""A round is late by one of these at most."""
_UNSEEN_S = 5.0
"""After how long without a look at the queue something may wait in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosterSettings:
    """The worker's bounds."""

    interval_ms: int
    rounds_max: int
    """How often it goes on with one ledger that has more queued, before it looks at the others."""


class Poster:
    """Posts credit wallets; `run` is its task."""

    def __init__(
        self, settings: PosterSettings, store: PostingStore, chores: ChoreMetrics, counted: WorkerMetrics
    ) -> None:
        self._settings = settings
        self._store = store
        self._chores = chores
        self._ledgers: SetAside[LedgerId] = SetAside(_WORKER, "ledger_id", chores)
        self._wallets: SetAside[str] = SetAside(_WORKER, "wallet_id", chores)
        self._transactions = counted.transactions
        self._entries = counted.journal_entries
        self._looked_at = time.monotonic()
        self._oldest_at: float | None = None
        counted.watch_lag(self.lag_s)

    async def run(self) -> NoReturn:
        """Work until cancelled."""
        await keep_going(_WORKER, self._turn, self._chores)

    async def post_due(self) -> int:
        """Post what is due now; gives how many ledger transactions that took.

        Raises:
            DatabaseUnavailableError: It does not answer.
            PostponedError: Something was due, and none of it could be posted.
        """
        transactions = failed = posted = 0
        self._wallets.forget_gone()
        for ledger in await self._store.due(self._ledgers.waiting()):
            try:
                made, wallets_failed = await self._post(ledger)
            except DatabaseUnavailableError as error:
                self._ledgers.put(ledger.ledger_id, error)  # it may be this ledger that takes too long: others go first
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the other ledgers are posted
                self._ledgers.put(ledger.ledger_id, error)
                failed += 1
            else:
                self._ledgers.done(ledger.ledger_id)
                transactions += made
                is_failed = wallets_failed and not made
                failed += is_failed
                posted += not is_failed
        if failed and not posted:
            raise PostponedError(f"none of {failed} ledgers could be posted to", pause_ms=self._look_every_ms)
        return transactions

    def lag_s(self) -> float:
        """Tell how long the oldest write has been waiting, in seconds, as far as it was seen: it grows by itself."""
        now = time.monotonic()
        if self._oldest_at is not None:
            return now - self._oldest_at
        unseen_s = now - self._looked_at
        return unseen_s if unseen_s > _UNSEEN_S else 0.0

    async def _turn(self) -> float:
        try:
            await self.post_due()
        except PostponedError:
            await self._look()
            raise
        await self._look()
        return self._look_every_ms

    async def _look(self) -> None:
        """See how long the oldest write waits."""
        waited_s = await self._store.lag_s()
        self._looked_at = time.monotonic()
        self._oldest_at = self._looked_at - waited_s if waited_s > 0 else None

    @property
    def _look_every_ms(self) -> float:
        return self._settings.interval_ms / _LOOKS_PER_INTERVAL

    async def _post(self, ledger: DueLedger) -> tuple[int, bool]:
        """Post to a ledger; gives how many transactions that took, and whether wallets of it failed."""
        transactions, wallets_failed = 0, False
        for number in range(self._settings.rounds_max):
            posted: Posted = await self._store.post(ledger, self._wallets.waiting(), goes_on=number > 0)
            wallets_failed = wallets_failed or bool(posted.failed)
            for wallet_id, error in posted.failed:
                self._wallets.put(wallet_id, error)
            if len(self._wallets) > 0:
                for wallet_id in posted.posted:
                    self._wallets.done(wallet_id)
            self._transactions.inc(posted.transactions)
            self._entries.inc(posted.journal_entries)
            transactions += posted.transactions
            if posted.gave_up:
                raise posted.failed[0][1]
            if not posted.full:
                break
        return transactions, wallets_failed
