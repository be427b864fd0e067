"""What a flooding source does to another one: the p99 of 100 calls a second, alone and beside the flood."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.clients.load_process import ClientProcess
from bench.clients.orders import Order, Outcome
from bench.steps.plan import Plan
from bench.steps.players import paced_order, stream_order
from bench.steps.testbed import Testbed, Workbench

QUIET_PER_S = 100
LIMITED_PER_S = 200
"""The rate of the flooding key, in the last measurement: so many operations are let through, the streams wait."""
_FLOOD_BEGINS_S = 2.0
_FLOOD_ENDS_S = 3.0


def quiet_order(plan: Plan) -> Order:
    """100 calls a second at fixed times: a source that asks for little."""
    return replace(paced_order(plan), prefix="q", per_second=QUIET_PER_S)


def flood_order(plan: Plan) -> Order:
    """4 streams, written as fast as the wallet reads them, for as long as the quiet load takes, and a little longer."""
    lasts_s = _FLOOD_BEGINS_S + quiet_order(plan).planned_s + _FLOOD_ENDS_S
    return replace(stream_order(plan), prefix="flood", warm_up_s=lasts_s, settle_s=0.5, window_s=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairShare:
    """The quiet source alone, beside a flood, and beside a flood whose key has a rate; in turns on one server."""

    name: str = "fair_share"

    def run(self, testbed: Testbed) -> None:
        """Measure all three."""
        with testbed.workbench(self.name) as bench:
            order = quiet_order(testbed.plan)
            alone = bench.measure("quiet source alone", order).outcome
            with _flooding(bench, _flooding_key(bench)) as flood:
                beside = bench.measure("quiet source beside a flood", order).outcome
            with _flooding(bench, _flooding_key(bench, "--rate-per-s", str(LIMITED_PER_S))) as limited_flood:
                limited = bench.measure("quiet source beside a limited flood", order).outcome
        results = testbed.results
        results.add("quiet_p99_ms", alone.p99_ms, f"p50 {alone.p50_ms:.2f} ms")
        results.add("quiet_beside_flood_p99_ms", beside.p99_ms, _remark(beside, flood.result()))
        results.add("quiet_beside_limited_p99_ms", limited.p99_ms, _remark(limited, limited_flood.result()))


def _remark(quiet: Outcome, flood: Outcome) -> str:
    return f"p50 {quiet.p50_ms:.2f} ms; the flood had {sum(flood.acknowledged.values()):,} operations applied"


def _flooding_key(bench: Workbench, *limits: str) -> str:
    made = bench.command.run("keys", "create", "--source", "flood", "--role", "game", *limits, "--json")
    return str(json.loads(made)["key"])


@contextmanager
def _flooding(bench: Workbench, key: str) -> Iterator[Future[Outcome]]:
    """Have a client of another source flood the wallet for as long as the block takes."""
    order = flood_order(bench.testbed.plan)
    order = replace(order, address=bench.wallet.address, key=key, prefix=f"{order.prefix}{key[-4:]}")
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(_flood, order)
        yield flood
        bench.ledgered.add(flood.result())


def _flood(order: Order) -> Outcome:
    with ClientProcess(order) as client:
        for answer in client.answers():
            if isinstance(answer, Outcome):
                return answer
    raise AssertionError("`answers` raises where there is no outcome")
