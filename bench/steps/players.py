"""The wallet's own measurements: each a load, or several, on a database of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.clients.load import Load
from bench.clients.orders import Content, Order, Shape
from bench.report.results import Results
from bench.steps.plan import FULL, HOT_PLAYERS, PLAYERS, Plan
from bench.steps.testbed import Testbed, Workbench

BATCH_OPERATIONS = 100
BATCH_IN_FLIGHT = 8
UNARY_IN_FLIGHT = 64
UNARY_CHANNELS = 4
STREAMS = 4
PACED_PER_S = 1_000
HOT_WORKERS = 2
HOT_CHANNELS = 16
"""The kernel deals connections to the two processes by lot: with many, both get about half."""


def unary_order(plan: Plan, *, address: str = "") -> Order:
    """One call a bet, 64 in flight; the echo's order as well."""
    return Order(
        shape=Shape.UNARY,
        content=Content.BETS,
        address=address,
        key="",
        channels=UNARY_CHANNELS,
        in_flight=UNARY_IN_FLIGHT,
        players=PLAYERS,
        prefix="u",
        warm_up_s=plan.warm_up_s,
        settle_s=plan.settle_s,
        window_s=plan.window_s,
    )


def alone_order(plan: Plan) -> Order:
    """One call at a time: what a single player waits."""
    return replace(unary_order(plan), prefix="a", channels=1, in_flight=1)


def paced_order(plan: Plan) -> Order:
    """1,000 calls a second at fixed times: what players wait on a busy day."""
    return replace(unary_order(plan), prefix="p", shape=Shape.PACED, in_flight=1, per_second=PACED_PER_S)


def paced_windows(plan: Plan) -> Sequence[Order]:
    """Return the order under pace as often as it is measured, in windows half as long as elsewhere."""
    order = paced_order(plan)
    short = replace(
        order, warm_up_s=order.warm_up_s / 3, settle_s=order.settle_s / 3, window_s=max(0.6, order.window_s / 2)
    )
    return [order if plan.paced_windows == 1 else short] * plan.paced_windows


def stream_order(plan: Plan) -> Order:
    """4 streams, a connection each."""
    return replace(unary_order(plan), prefix="s", shape=Shape.STREAM, channels=STREAMS, in_flight=STREAMS)


def batch_order(plan: Plan) -> Order:
    """Batches of 100, 8 in flight."""
    return replace(
        unary_order(plan),
        prefix="b",
        shape=Shape.BATCH,
        in_flight=BATCH_IN_FLIGHT,
        batch_operations=BATCH_OPERATIONS,
    )


def mixed_order(plan: Plan) -> Order:
    """Batches as above, of bets, wins and rollbacks."""
    return replace(batch_order(plan), prefix="m", content=Content.MIXED)


def hot_order(plan: Plan) -> Order:
    """Batches as above, of 200 players."""
    return replace(batch_order(plan), prefix="h", players=HOT_PLAYERS, channels=HOT_CHANNELS)


Recorder = Callable[[Results, Load], None]


def rate_of(figure: str) -> Recorder:
    """Record a load's rate as a figure."""

    def record(results: Results, load: Load) -> None:
        busy = ", ".join(f"{name} {used:.2f}" for name, used in load.cores.items())
        results.add(figure, load.outcome.per_s, remark=f"busy cores: {busy}")

    return record


def alone_as(kind: str) -> Recorder:
    """Record how long calls took, one at a time: `{kind}_p50_ms` and `{kind}_p99_ms`."""

    def record(results: Results, load: Load) -> None:
        results.add(f"{kind}_p50_ms", load.outcome.p50_ms)
        results.add(f"{kind}_p99_ms", load.outcome.p99_ms, f"of {load.outcome.calls_in_window:,} calls")

    return record


def paced_as(figure: str) -> Recorder:
    """Record how long calls took under pace."""

    def record(results: Results, load: Load) -> None:
        remark = f"p50 {load.outcome.p50_ms:.2f} ms; {load.outcome.per_s:,.0f}/s answered"
        results.add(figure, load.outcome.p99_ms, remark=remark)

    return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One load, measured in a window or several, and the figures that it gives."""

    name: str
    orders: Callable[[Plan], Sequence[Order]]
    record: Recorder


def once(order: Callable[[Plan], Order]) -> Callable[[Plan], Sequence[Order]]:
    """Have an order carried out in one window."""
    return lambda plan: [order(plan)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletStep:
    """Workloads one after the other on one new database and server."""

    name: str
    workloads: Sequence[Workload]
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1

    def run(self, testbed: Testbed) -> None:
        """Measure each workload."""
        with testbed.workbench(self.name, settings=self.settings, workers=self.workers) as bench:
            for workload in self.workloads:
                for order in workload.orders(testbed.plan):
                    workload.record(testbed.results, bench.measure(workload.name, order))


BATCH_STEP = WalletStep(
    name="batch",
    workloads=[
        Workload(name="batch", orders=once(batch_order), record=rate_of("batch_bets_per_s")),
        Workload(name="mixed", orders=once(mixed_order), record=rate_of("mixed_batch_per_s")),
    ],
)
CALLS_STEP = WalletStep(
    name="calls",
    workloads=[
        Workload(name="stream", orders=once(stream_order), record=rate_of("stream_bets_per_s")),
        Workload(name="alone", orders=once(alone_order), record=alone_as("unary")),
        Workload(name="paced", orders=paced_windows, record=paced_as("paced_p99_ms")),
        Workload(name="unary", orders=once(unary_order), record=rate_of("unary_bets_per_s")),
    ],
)
SINGLE_STEP = WalletStep(
    name="single",
    workloads=[Workload(name="single", orders=once(unary_order), record=rate_of("single_bets_per_s"))],
    settings={"WALLET_BATCH_OPERATIONS_MAX": "1"},
)
HOT_STEP = WalletStep(
    name="hot_players",
    workloads=[Workload(name="hot_players", orders=once(hot_order), record=rate_of("hot_players_bets_per_s"))],
    workers=HOT_WORKERS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a grown ledger costs: the batch rate over that of an empty one, and what a bet takes on disk.

    The grown and an empty ledger, both served at the same time, are measured in turns, so that a machine that slows
    down slows both. The bets come through the wallet itself; the tables are vacuumed once before measuring, which
    autovacuum would otherwise do in the middle of a window.
    """

    name: str = "growth"

    def run(self, testbed: Testbed) -> None:
        """Grow one ledger, then measure it and an empty one in turns; a quick run has no time to grow one."""
        plan = testbed.plan
        if plan.growth_bets == 0:
            return
        rates: dict[str, list[float]] = {"grown": [], "empty": []}
        with testbed.workbench("grown") as grown, testbed.workbench("empty") as empty:
            bets = self._grow(testbed, grown)
            for _ in range(plan.growth_windows):
                for name, bench in (("grown", grown), ("empty", empty)):
                    load = bench.measure(f"batch, {name}", batch_order(plan))
                    rates[name].append(load.outcome.per_s)
                    testbed.display.console.print(f"  [dim]{name} ledger: {load.outcome.per_s:,.0f}/s {load.cores}[/]")
        for rate in rates["empty"][:1]:
            testbed.results.add("batch_bets_per_s", rate, remark="again, beside the grown ledger")
        ratio = sum(rates["grown"]) / sum(rates["empty"])
        testbed.results.add(
            "growth_ratio", ratio, f"with {bets:,} bets in the ledger", decides=bets >= FULL.growth_bets
        )
        testbed.results.details["growth"] = {
            "bets": bets,
            **{f"{name}_bets_per_s": [round(rate, 1) for rate in found] for name, found in rates.items()},
        }

    def _grow(self, testbed: Testbed, bench: Workbench) -> int:
        """Let the bets in; returns how many there are."""
        server, plan = testbed.server, testbed.plan
        before = server.table_bytes(bench.name)
        order = replace(batch_order(plan), prefix="g", operations=plan.growth_bets, operations_s_max=plan.growth_s_max)
        load = bench.load(order)
        after = server.table_bytes(bench.name)
        sent = load.outcome.applied_in_window
        by_table = {name: (size - before.get(name, 0)) / sent for name, size in after.items()}
        testbed.results.details["bytes_per_bet"] = {
            name: round(size, 1) for name, size in sorted(by_table.items(), key=lambda entry: -entry[1]) if size > 0
        }
        testbed.results.add("bytes_per_bet", sum(by_table.values()), f"over {sent:,} bets")
        with testbed.display.part("vacuuming the grown ledger"):
            server.vacuum(bench.name)
        return sent
