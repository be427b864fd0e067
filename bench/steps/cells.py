"""What cells cost on one node: the rates of an installation of three over those of one, under the same loads.

Nothing is gained by cells where all of them share the processors of one PostgreSQL. A call goes to one cell of three,
so the same calls make batches of a third the size, and what a batch costs whatever its size is paid three times.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bench.servers.wallet_server import serving
from bench.steps.audit import Ledgered, audit
from bench.steps.plan import PLAYERS
from bench.steps.players import batch_order, unary_order
from bench.steps.testbed import Testbed, Workbench, deposits_order

_FEW, _MANY = 1, 3
_LOADS = {"cells_1_3_ratio": batch_order, "cells_1_3_unary_ratio": unary_order}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellsBeside:
    """One cell and three, both served at the same time, in turns; the median of the turns' ratios counts."""

    name: str = "cells"

    def run(self, testbed: Testbed) -> None:
        """Measure both, under batches and under calls."""
        with _installation(testbed, _FEW) as few, _installation(testbed, _MANY) as many:
            benches: Mapping[int, Workbench] = {_FEW: few, _MANY: many}
            for figure, order in _LOADS.items():
                for _ in range(testbed.plan.cells_turns):
                    loads = {
                        cells: bench.measure(f"{cells} cells: {figure}", order(testbed.plan))
                        for cells, bench in benches.items()
                    }
                    rates = {cells: load.outcome.per_s for cells, load in loads.items()}
                    remark = f"{rates[_MANY]:,.0f} of {rates[_FEW]:,.0f}/s"
                    testbed.results.add(figure, rates[_MANY] / rates[_FEW], remark=remark)


@contextmanager
def _installation(testbed: Testbed, cells: int) -> Iterator[Workbench]:
    """Serve an installation of so many cells for a block, its players funded; when it is over, audit and drop it."""
    server, database = testbed.server, f"wallet_of_{cells}_cells"
    key = server.make_template(database, cells=cells)
    server.check_durable(database)
    command = server.command(database)
    ledgered = Ledgered()
    with serving(command) as wallet:
        bench = Workbench(
            testbed=replace(testbed, key=key), name=database, command=command, wallet=wallet, ledgered=ledgered
        )
        load = bench.load(deposits_order(PLAYERS))
        if load.outcome.applied_in_window != PLAYERS:
            raise RuntimeError(f"not every player was funded: {dict(load.outcome.refused)}")
        server.vacuum(database)
        yield bench
    with testbed.display.part(f"audit of {database}"):
        testbed.results.void_reasons.extend(audit(server, command, database, ledgered, cells=cells))
    server.drop_database(database)
