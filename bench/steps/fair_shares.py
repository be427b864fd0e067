"""What a flooding source does to another one: the p99 of 100 calls a second, alone and beside the flood.

The flood, its client and PostgreSQL share the processors with whom they are measured against. What that alone does is
measured as well: beside as many calls a second as the flood had answered, sent by the same client to an echo, so that
the wallet has nothing to do with them. What is more beside the flood is the wallet's part.
"""

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.clients.child_process import side_server
from bench.clients.load import Load
from bench.clients.load_process import ClientProcess
from bench.clients.orders import Order, Outcome
from bench.steps.plan import Plan
from bench.steps.players import paced_order, stream_order
from bench.steps.testbed import Testbed, Workbench
from devstack.servers.ports import free_port

QUIET_PER_S = 100
LIMITED_PER_S = 200
"""The rate of the flooding key, in the third window of each round: so many operations are let through."""
_WINDOW_S_MIN = 2.0
"""A window has at least 200 calls: the p99 of fewer is their slowest."""
_FLOOD_BEGINS_S = 2.0
_FLOOD_ENDS_S = 2.0


def quiet_order(plan: Plan) -> Order:
    """100 calls a second at fixed times: a source that asks for little."""
    window_s = max(plan.window_s, _WINDOW_S_MIN)
    return replace(paced_order(plan), prefix="q", per_second=QUIET_PER_S, window_s=window_s)


def flood_order(plan: Plan) -> Order:
    """4 streams, written as fast as the wallet reads them, for as long as the quiet load takes, and a little longer."""
    return replace(stream_order(plan), prefix="flood", warm_up_s=_flood_lasts_s(plan), settle_s=0.2, window_s=0.2)


def echo_order(plan: Plan, per_second: int) -> Order:
    """Calls at a rate, for as long as the flood lasts."""
    return replace(paced_order(plan), prefix="e", per_second=per_second, warm_up_s=0, window_s=_flood_lasts_s(plan))


def _flood_lasts_s(plan: Plan) -> float:
    return 2 * _FLOOD_BEGINS_S + quiet_order(plan).planned_s + _FLOOD_ENDS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class FairShare:
    """The quiet source alone, beside a flood, beside a flood whose key has a rate, and beside calls to an echo.

    In turns on one server, so that a machine that slows down slows all of them; the mean of the windows counts.
    """

    name: str = "fair_share"

    def run(self, testbed: Testbed) -> None:
        """Measure all four, a few times."""
        results, order = testbed.results, quiet_order(testbed.plan)
        with testbed.workbench(self.name) as bench:
            for number in range(testbed.plan.fair_rounds):
                alone = bench.measure("quiet source alone", order)
                with _flooding(bench, f"flood{number}"):
                    beside = bench.measure("quiet source beside a flood", order)
                with _flooding(bench, f"limited{number}", rate_per_s=LIMITED_PER_S):
                    limited = bench.measure("quiet source beside a limited flood", order)
                with _echoing(testbed.plan, max(1, round(_of_others_per_s(beside)))):
                    echo = bench.measure("quiet source beside calls to an echo", order)
                results.add("quiet_p99_ms", alone.outcome.p99_ms, _remark(alone))
                results.add("quiet_beside_flood_p99_ms", beside.outcome.p99_ms, _remark(beside))
                results.add("quiet_beside_limited_p99_ms", limited.outcome.p99_ms, _remark(limited))
                results.add("quiet_beside_echo_p99_ms", echo.outcome.p99_ms, _remark(echo))


def _of_others_per_s(load: Load) -> float:
    """Return how many operations a second the wallet executed for the flood while the window was open."""
    assert load.counters is not None
    return max(0.0, (load.counters.operations - load.outcome.applied_in_window) / load.outcome.window_s)


def _remark(load: Load) -> str:
    return f"p50 {load.outcome.p50_ms:.2f} ms; others' operations {_of_others_per_s(load):,.0f}/s"


@contextmanager
def _flooding(bench: Workbench, name: str, *, rate_per_s: int | None = None) -> Iterator[None]:
    """Have a client of another source flood the wallet for as long as the block takes."""
    limits = [] if rate_per_s is None else ["--rate-per-s", str(rate_per_s)]
    made = json.loads(bench.command.run("keys", "create", "--source", "flood", "--role", "game", *limits, "--json"))
    order = replace(flood_order(bench.testbed.plan), address=bench.wallet.address, key=str(made["key"]), prefix=name)
    with _running_beside(order) as flood:
        yield
        if rate_per_s is not None:  # or what the streams have sent ahead would be answered at this rate as well
            bench.command.run("keys", "limit", str(made["key_id"]))
        bench.ledgered.add(flood.result())


@contextmanager
def _echoing(plan: Plan, per_second: int) -> Iterator[None]:
    """Have the flood's client call an echo instead, as often as the flood was answered, while the block lasts."""
    address = f"127.0.0.1:{free_port()}"
    order = replace(echo_order(plan, per_second), address=address)
    with side_server("bench.yardsticks.echo_server", address), _running_beside(order) as calls:
        yield
        calls.result()


@contextmanager
def _running_beside(order: Order) -> Iterator[Future[Outcome]]:
    """Run a client in a thread for a block, which begins when the client has had time to start."""
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(_outcome_of, order)
        time.sleep(_FLOOD_BEGINS_S)
        yield outcome


def _outcome_of(order: Order) -> Outcome:
    with ClientProcess(order) as client:
        for answer in client.answers():
            if isinstance(answer, Outcome):
                return answer
    raise AssertionError("`answers` raises where there is no outcome")
