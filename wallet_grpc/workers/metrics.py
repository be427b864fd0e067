"""What workers count, for Prometheus: of all cells together."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class WorkerMetrics:
    """The workers' counters in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.settled = Counter(
            "wallet_sessions_expired", "Sessions that were settled because their time was over", registry=registry
        )
        self.folded = Counter(
            "wallet_house_postings_folded", "Rows that were folded into balances of house accounts", registry=registry
        )
        self.transactions = Counter(
            "wallet_postings", "Ledger transactions that posted credit wallets", registry=registry
        )
        self.journal_entries = Counter(
            "wallet_posted_journal_entries", "Journal entries of credit wallets that were posted", registry=registry
        )
        self.swept = Counter("wallet_reservations_expired", "Reservations that were swept", registry=registry)
        self.day_transactions = Counter(
            "wallet_day_transactions",
            "Transactions and entries of sessions that were counted into business days",
            registry=registry,
        )
        self.days_closed = Counter("wallet_days_closed", "Business days that were closed", registry=registry)
        self.backlog = Gauge(
            "wallet_backlog",
            "What waits to be done in the background, by queue; counted up to a bound",
            ["queue", "cell"],
            registry=registry,
        )
        self.backlog_oldest = Gauge(
            "wallet_backlog_oldest_seconds",
            "For how long what waits longest in a queue has, or is overdue",
            ["queue", "cell"],
            registry=registry,
        )
        self.lookup_lag = Gauge(
            "wallet_backoffice_lag_seconds",
            "How old the last commit is that operators' look-ups see; 0 where they read the primary",
            registry=registry,
        )
        self._day_lags: list[Callable[[], float]] = []
        day_lag = Gauge(
            "wallet_days_lag_seconds",
            "How far behind the clock business days are counted: some ten seconds, when all is well",
            registry=registry,
        )
        day_lag.set_function(lambda: max((look() for look in self._day_lags), default=0.0))
        self._lags: list[Callable[[], float]] = []
        lag = Gauge(
            "wallet_posting_lag_seconds", "How long the oldest write to a credit wallet waits", registry=registry
        )
        lag.set_function(lambda: max((look() for look in self._lags), default=0.0))

    def watch_lag(self, look: Callable[[], float]) -> None:
        """Have it looked, when somebody asks, how long the oldest write of one more cell waits, in seconds."""
        self._lags.append(look)

    def watch_days(self, look: Callable[[], float]) -> None:
        """Have it looked, when somebody asks, how far behind the days of one more cell are, in seconds."""
        self._day_lags.append(look)
