"""What a flooding source does to another one: the p99 of 100 calls a second, alone and beside the flood.

On a machine of few processors its clients and PostgreSQL move a p99 as much as the wallet does. So the flood's client
takes only the processor time that nobody wants, as if it had a machine of its own. And what it costs to receive such a
flood and to answer it, with no wallet behind, is measured as well: beside an echo, which is sent the same streams, and
answers as many a second as the wallet did. What is more beside the flood is the wallet's part.
"""

import json
import time
from collections.abc import Iterator, Sequence
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
"""The rate of the flooding key in one of the windows: so many operations are let through."""
_QUIET_WARM_UP_S = 1.0
_FLOOD_BEGINS_S = 2.0
_FLOOD_ENDS_S = 1.0


def quiet_order(plan: Plan) -> Order:
    """100 calls a second at fixed times: a source that asks for little."""
    order = replace(paced_order(plan), prefix="q", per_second=QUIET_PER_S)
    return replace(order, warm_up_s=0, settle_s=_QUIET_WARM_UP_S, window_s=plan.fair_window_s)


def flood_order(plan: Plan) -> Order:
    """4 streams, written as fast as they are read, for as long as the quiet load takes, and a little longer."""
    order = replace(stream_order(plan), prefix="flood", in_background=True)
    return replace(order, warm_up_s=_flood_lasts_s(plan), settle_s=0.2, window_s=0.2)


def _flood_lasts_s(plan: Plan) -> float:
    return _FLOOD_BEGINS_S + quiet_order(plan).planned_s + _FLOOD_ENDS_S


@dataclass(frozen=True, slots=True, kw_only=True)
class FairShare:
    """The quiet source alone, beside a flood, beside an echo's flood, beside two floods and beside one with a rate.

    In turns on one server, so that a machine that slows down slows all of them; the median of the windows counts. The
    last two are measured every other time.
    """

    name: str = "fair_share"

    def run(self, testbed: Testbed) -> None:
        """Measure all, a few times."""
        order, plan = quiet_order(testbed.plan), testbed.plan
        with testbed.workbench(self.name) as bench:
            for number in range(plan.fair_rounds):
                _note(testbed, "quiet_p99_ms", bench.measure("quiet source alone", order))
                with _flooding(bench, f"flood{number}"):
                    beside = bench.measure("quiet source beside a flood", order)
                _note(testbed, "quiet_beside_flood_p99_ms", beside)
                with _flooding_an_echo(plan, max(1.0, _of_others_per_s(beside))):
                    _note(testbed, "quiet_beside_echo_p99_ms", bench.measure("quiet source beside an echo", order))
                if number % 2:
                    continue
                with _flooding(bench, f"first{number}", f"second{number}"):
                    two = bench.measure("quiet source beside two floods", order)
                _note(testbed, "quiet_beside_two_floods_p99_ms", two)
                with _flooding(bench, f"limited{number}", rate_per_s=LIMITED_PER_S):
                    limited = bench.measure("quiet source beside a limited flood", order)
                _note(testbed, "quiet_beside_limited_p99_ms", limited)


def _note(testbed: Testbed, figure: str, load: Load) -> None:
    remark = f"p50 {load.outcome.p50_ms:.2f} ms; others' operations {_of_others_per_s(load):,.0f}/s"
    testbed.results.add(figure, load.outcome.p99_ms, remark=remark)


def _of_others_per_s(load: Load) -> float:
    """Return how many operations a second the wallet executed for the flood while the window was open."""
    assert load.counters is not None
    return max(0.0, (load.counters.operations - load.outcome.applied_in_window) / load.outcome.window_s)


@contextmanager
def _flooding(bench: Workbench, *sources: str, rate_per_s: int | None = None) -> Iterator[None]:
    """Have a client of each of these sources flood the wallet for as long as the block takes."""
    limits = [] if rate_per_s is None else ["--rate-per-s", str(rate_per_s)]
    made = [
        json.loads(bench.command.run("keys", "create", "--source", source, "--role", "game", *limits, "--json"))
        for source in sources
    ]
    order = replace(flood_order(bench.testbed.plan), address=bench.wallet.address)
    orders = [replace(order, key=str(key["key"]), prefix=name) for name, key in zip(sources, made, strict=True)]
    with _running_beside(orders) as floods:
        yield
        if rate_per_s is not None:  # or what the streams have sent ahead would be answered at this rate as well
            for key in made:
                bench.command.run("keys", "limit", str(key["key_id"]))
        for flood in floods:
            bench.ledgered.add(flood.result())


@contextmanager
def _flooding_an_echo(plan: Plan, per_second: float) -> Iterator[None]:
    """Have the flood's client send its streams to an echo, which answers so many a second, while the block lasts."""
    address = f"127.0.0.1:{free_port()}"
    order = replace(flood_order(plan), address=address)
    with side_server("bench.yardsticks.echo_server", address, str(per_second)), _running_beside([order]) as floods:
        yield
        for flood in floods:
            flood.result()


@contextmanager
def _running_beside(orders: Sequence[Order]) -> Iterator[Sequence[Future[Outcome]]]:
    """Run clients in threads for a block, which begins when they have had time to start."""
    with ThreadPoolExecutor(len(orders)) as pool:
        outcomes = [pool.submit(_outcome_of, order) for order in orders]
        time.sleep(_FLOOD_BEGINS_S)
        yield outcomes


def _outcome_of(order: Order) -> Outcome:
    with ClientProcess(order) as client:
        for answer in client.answers():
            if isinstance(answer, Outcome):
                return answer
    raise AssertionError("`answers` raises where there is no outcome")
