"""What every step works on: the database server, the template of funded players, the plan, and the results."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bench.clients.load import Load, run_load
from bench.clients.orders import Content, Order, Shape
from bench.report.display import Display
from bench.report.profiles import Profiler
from bench.report.results import Results
from bench.servers.broker import Broker
from bench.servers.database import TEMPLATE, Server
from bench.servers.wallet_server import BenchCommand, RunningWallet, serving
from bench.steps.audit import Ledgered, audit
from bench.steps.plan import PLAYERS, Plan

_FUNDING_BATCH = 500
_FUNDING_IN_FLIGHT = 4


def deposits_order(players: int) -> Order:
    """Return the load that funds players; whoever runs it knows the address and the key."""
    return Order(
        shape=Shape.BATCH,
        content=Content.DEPOSITS,
        address="",
        key="",
        channels=1,
        in_flight=_FUNDING_IN_FLIGHT,
        players=players,
        prefix="fund",
        batch_operations=_FUNDING_BATCH,
        operations=players,
    )


@dataclass(slots=True, kw_only=True)
class Testbed:
    """The run's ground."""

    server: Server
    broker: Broker
    plan: Plan
    results: Results
    key: str = ""
    funded: Ledgered = field(default_factory=Ledgered)
    """What the template's ledger holds."""
    profiler: Profiler | None = None

    @property
    def display(self) -> Display:
        """Where progress is shown."""
        return self.results.display

    @property
    def postmaster(self) -> int:
        """The database server's pid."""
        pid = self.server.cluster.postmaster_pid
        assert pid is not None, "PostgreSQL has ended"
        return pid

    def prepare(self) -> None:
        """Make the template: migrated, with a key, and with players whose money came through the wallet."""
        self.key = self.server.make_template()
        command = self.server.command(TEMPLATE)
        self.results.details["durable"] = self.server.check_durable(TEMPLATE)
        self.results.details["server_settings"] = command.settings_in_use()
        with serving(command) as wallet:
            bench = Workbench(testbed=self, name=TEMPLATE, command=command, wallet=wallet, ledgered=self.funded)
            load = bench.load(deposits_order(PLAYERS))
        if load.outcome.applied_in_window != PLAYERS:
            raise RuntimeError(f"not every player was funded: {dict(load.outcome.refused)}")
        self.server.vacuum(TEMPLATE)
        self.server.checkpoint()

    @contextmanager
    def workbench(
        self, name: str, *, settings: Mapping[str, str] | None = None, workers: int = 1
    ) -> Iterator["Workbench"]:
        """Serve a new copy of the template for a block; when it is over, audit the copy and drop it."""
        database = f"wallet_{name}"
        self.server.create_database(database, template=TEMPLATE)
        command = self.server.command(database, settings)
        self.server.check_durable(database)
        ledgered = self.funded.copy()
        with serving(command, workers=workers) as wallet:
            yield Workbench(testbed=self, name=database, command=command, wallet=wallet, ledgered=ledgered)
        with self.display.part(f"audit of {name}"):
            self.results.void_reasons.extend(audit(self.server, command, database, ledgered))
        self.server.drop_database(database)


@dataclass(slots=True, kw_only=True)
class Workbench:
    """One database under load, with the wallet that serves it."""

    testbed: Testbed
    name: str
    command: BenchCommand
    wallet: RunningWallet
    ledgered: Ledgered
    _loads: int = 0

    def load(self, order: Order) -> Load:
        """Run a load that is not measured."""
        return self._run(order, profiled_as=None)

    def measure(self, workload: str, order: Order, *, beside: Mapping[str, int] | None = None) -> Load:
        """Run a load and keep what was observed of it; processes that run beside are told by name and pid."""
        self.testbed.server.checkpoint()
        load = self._run(order, profiled_as=workload, beside=beside)
        self.testbed.results.add_load(workload, load)
        return load

    def _run(self, order: Order, *, profiled_as: str | None, beside: Mapping[str, int] | None = None) -> Load:
        self._loads += 1
        testbed = self.testbed
        profiler = testbed.profiler if profiled_as is not None else None
        load = run_load(
            replace(order, address=self.wallet.address, key=testbed.key, prefix=f"{order.prefix}{self._loads}"),
            display=testbed.display,
            server_pids=self.wallet.worker_pids(),
            postmaster=testbed.postmaster,
            wallet=self.wallet,
            beside=beside,
            on_window=lambda: (
                profiler.start(profiled_as, self.wallet, order.window_s) if profiler and profiled_as else None
            ),
        )
        if profiler is not None and profiled_as is not None:
            profiler.finish(profiled_as, self.name)
        self.ledgered.add(load.outcome)
        return load
