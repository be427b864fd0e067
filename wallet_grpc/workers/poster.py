"""Poster: brings what credit wallets gained into the general ledger, every few seconds, in aggregates.

Any number of these may run, in any number of processes: a ledger is posted to by one at a time, and a round of it is
begun once an interval, whoever comes first (see `store/postings.py`). Nothing is leased and nothing is left by a kill.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from wallet_grpc.store.pool import DatabaseUnavailableError
from wallet_grpc.store.postings import DueLedger, Posted, PostingStore

from .pause import pause

_log = structlog.get_logger(__name__)

_LOOKS_PER_INTERVAL = 8
"""A round is late by one of these at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosterSettings:
    """The worker's bounds."""

    interval_ms: int
    rounds_max: int
    """How often it goes on with one ledger that has more queued, before it looks at the others."""


class Poster:
    """Posts credit wallets; `run` is its task."""

    def __init__(self, settings: PosterSettings, store: PostingStore, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._store = store
        self._transactions = Counter(
            "wallet_postings", "Ledger transactions that posted credit wallets", registry=registry
        )
        self._entries = Counter(
            "wallet_posted_journal_entries", "Journal entries of credit wallets that were posted", registry=registry
        )
        self._lag = Gauge(
            "wallet_posting_lag_seconds", "How long the oldest write to a credit wallet waits", registry=registry
        )

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.post_due()
                self._lag.set(await self._store.lag_s())
            except DatabaseUnavailableError as error:
                _log.warning("posting_postponed", cause=str(error))
            await pause(self._settings.interval_ms / _LOOKS_PER_INTERVAL)

    async def post_due(self) -> int:
        """Post what is due now; gives how many ledger transactions that took.

        Raises:
            DatabaseUnavailableError: It does not answer.
        """
        transactions = 0
        for ledger in await self._store.due():
            transactions += await self._post(ledger)
        return transactions

    async def _post(self, ledger: DueLedger) -> int:
        transactions = 0
        for number in range(self._settings.rounds_max):
            posted: Posted = await self._store.post(ledger, goes_on=number > 0)
            self._transactions.inc(posted.transactions)
            self._entries.inc(posted.journal_entries)
            transactions += posted.transactions
            if not posted.full:
                break
        return transactions
