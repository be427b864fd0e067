"""Credit wallets under load: 20,000 of them uniformly, then one that everybody writes to; and direct ledger entries."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import grpc

from bench.clients.orders import Content, Order
from bench.clients.workloads import NETWORK_ID
from bench.steps.plan import LEDGERS, WALLETS, Plan
from bench.steps.players import alone_as, alone_order, batch_order, paced_as, paced_windows, rate_of, unary_order
from bench.steps.testbed import Testbed
from wallet.v1 import ledger_pb2, ledger_pb2_grpc

_CALLERS = 64
_CHANNELS = 4
_TIMEOUT_S = 30.0
_LAGS = """
    SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(EPOCH FROM posted.created_at - entries.created_at)),
           count(*)
      FROM (SELECT subledger_id, entry_no, created_at FROM subledger_entries TABLESAMPLE SYSTEM (20)) AS entries
     CROSS JOIN LATERAL (
           SELECT created_at FROM wallet_postings
            WHERE wallet_id = entries.subledger_id AND last_entry_no >= entries.entry_no
            ORDER BY last_entry_no LIMIT 1) AS posted
"""
"""Of a fifth of the journal: how long each entry waited. One that waits still is seen by the next load's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditWallets:
    """Writes to wallets, five ways, on one database; and direct entries in its ledgers."""

    name: str = "credit"

    def run(self, testbed: Testbed) -> None:
        """Measure on one database, with windows half as long as elsewhere: there are many of them."""
        full = testbed.plan
        plan = replace(
            full, warm_up_s=min(full.warm_up_s, 2), settle_s=min(full.settle_s, 1), window_s=max(0.7, full.window_s / 2)
        )
        with testbed.workbench(self.name) as bench:
            ledger_ids = tuple(create_ledgers(bench.wallet.address, bench.testbed.key))
            funding = funding_order(plan, ledger_ids=ledger_ids, wallets=WALLETS)
            bench.load(funding)
            writes = replace(funding, funding=False, operations=None)
            hot = replace(writes, players=1, in_flight=_CALLERS, channels=_CHANNELS)
            results = testbed.results
            for name, order, record in (
                ("credit batch", replace(writes, prefix="cb"), rate_of("credit_batch_writes_per_s")),
                ("credit alone", alone_order(plan), alone_as("credit_unary")),
                *(("credit paced", order, paced_as("credit_paced_p99_ms")) for order in paced_windows(full)),
                ("hot wallet", replace(hot, prefix="ch"), rate_of("hot_wallet_writes_per_s")),
                ("hot wallet, calls", replace(unary_order(plan), players=1), rate_of("hot_wallet_calls_per_s")),
            ):
                players = 1 if "hot" in name else WALLETS
                load = replace(order, content=Content.WALLET_WRITES, ledger_ids=ledger_ids, players=players)
                record(results, bench.measure(name, replace(load, prefix=f"c{order.prefix}")))
                if name == "credit batch":
                    (lag_s, entries), *_ = testbed.server.rows(bench.name, _LAGS)
                    results.add("posting_lag_p99_s", float(lag_s), f"of {entries:,} entries; the interval is 2 s")
            entries_order = replace(
                unary_order(plan), content=Content.JOURNAL_ENTRIES, ledger_ids=ledger_ids, prefix="cj"
            )
            rate_of("journal_entries_per_s")(results, bench.measure("journal entries", entries_order))


def funding_order(plan: Plan, *, ledger_ids: Sequence[str], wallets: int) -> Order:
    """Return the load that credits each wallet once, before any is debited."""
    return replace(
        batch_order(plan),
        content=Content.WALLET_WRITES,
        ledger_ids=tuple(ledger_ids),
        players=wallets,
        funding=True,
        operations=wallets,
        prefix="cf",
    )


def create_ledgers(address: str, key: str) -> Sequence[str]:
    """Create the ledgers whose wallets are written to; returns their ids."""
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = ledger_pb2_grpc.LedgerServiceStub(channel)
        return [
            stub.CreateLedger(
                ledger_pb2.CreateLedgerRequest(
                    transaction_id=f"ledger-{number}", name=f"tokens {number}", currency_network_id=NETWORK_ID
                ),
                metadata=metadata,
                timeout=_TIMEOUT_S,
            ).ledger_id
            for number in range(LEDGERS)
        ]
