"""One side of a comparison: a revision's wallet on a PostgreSQL of its own, and windows measured on it.

Each side has a cluster to itself, so that the log, the files and the background workers that are counted are its own.
Autovacuum is off: it would fall into one side's window and not into the other's. What it does is done between the
windows instead.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import assert_never

from bench.against.turns import Name, Window
from bench.against.workloads import Extent, Ground, Workload
from bench.clients.load import Load, run_load
from bench.clients.orders import Order
from bench.report.display import Display
from bench.servers.database import TEMPLATE, Server
from bench.servers.wallet_server import BenchCommand, RunningWallet, serving
from bench.steps.audit import Ledgered, unverified
from bench.steps.credit import create_ledgers, funding_order
from bench.steps.sessions import house_of
from bench.steps.testbed import deposits_order
from devstack.servers.postgres_settings import PostgresSettings
from devstack.stack_settings import StackError

SETTINGS = PostgresSettings(shared_buffers_mb=256, min_wal_size_mb=256, extra={"autovacuum": "off"})
_QUICK_TO_STOP = {"WALLET_LAME_DUCK_MS": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A server, and a template on it that its revision migrated and funded."""

    name: Name
    server: Server
    extent: Extent
    display: Display
    key: str

    @classmethod
    def prepared(cls, name: Name, server: Server, *, extent: Extent, display: Display) -> "Side":
        """Make the template: migrated, with a key, and with players whose money came through the wallet."""
        with display.part(f"{name}: migrating"):
            key = server.make_template()
        server.check_durable(TEMPLATE)
        side = cls(name=name, server=server, extent=extent, display=display, key=key)
        command = server.command(TEMPLATE, _QUICK_TO_STOP)
        with serving(command) as wallet:
            SideBench(side=side, database=TEMPLATE, command=command, wallet=wallet).fund(deposits_order(extent.players))
        server.vacuum(TEMPLATE)
        return side

    @contextmanager
    def bench(self, workload: Workload) -> Iterator["SideBench"]:
        """Serve a new copy of the template for a block, with what the workload stands on; drop it when it is over."""
        database = f"wallet_{workload.name}"
        self.server.create_database(database, template=TEMPLATE)
        command = self.server.command(database, _QUICK_TO_STOP)
        self.server.check_durable(database)
        with serving(command) as wallet:
            bench = SideBench(side=self, database=database, command=command, wallet=wallet)
            bench.prepare(workload)
            yield bench
        with self.display.part(f"{self.name}: verifying"):
            bench.complaints.extend(f"{self.name}: {what}" for what in unverified(command, database))
        self.server.drop_database(database)


@dataclass(slots=True, kw_only=True)
class SideBench:
    """One side's database, with the wallet that serves it."""

    side: Side
    database: str
    command: BenchCommand
    wallet: RunningWallet
    windows: list[Window] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """What makes the comparison void: refusals, and what `wallet verify` finds."""
    acknowledged: int = 0
    """Operations of all measured loads, their warm-ups included."""
    grown_bytes: int = 0
    """What the database grew by in those."""
    _order: Order | None = None
    _loads: int = 0

    def prepare(self, workload: Workload) -> None:
        """Open the sessions, or create the ledgers and fund their wallets."""
        extent, key, address = self.side.extent, self.side.key, self.wallet.address
        self._order = workload.order(extent)
        match workload.ground:
            case Ground.PLAYERS:
                pass
            case Ground.SESSIONS:
                with house_of(address, key, Ledgered()) as house:
                    tokens = house.open(range(1, extent.sessions + 1))
                self._order = replace(self._order, session_tokens=tokens)
            case Ground.WALLETS:
                ledger_ids = tuple(create_ledgers(address, key))
                self.fund(funding_order(extent.plan, ledger_ids=ledger_ids, wallets=extent.wallets))
                self._order = replace(self._order, ledger_ids=ledger_ids)
            case _:
                assert_never(workload.ground)

    def fund(self, order: Order) -> None:
        """Send a fixed number of operations, all of which must be applied.

        Raises:
            StackError: One was not.
        """
        outcome = self._run(order).outcome
        if outcome.applied_in_window != order.operations:
            raise StackError(f"{self.side.name}: not everybody was funded: {dict(outcome.refused)}")

    def measure(self) -> Window:
        """Measure a window, with the files vacuumed and written out before it."""
        assert self._order is not None, "prepared before"
        server = self.side.server
        server.vacuum(self.database)
        server.checkpoint()
        wal_before, bytes_before = server.wal_bytes(), server.database_bytes(self.database)
        counted_before = self.wallet.counters()
        load = self._run(self._order)
        counted = self.wallet.counters().since(counted_before)
        wal_bytes = server.wal_bytes() - wal_before
        outcome = load.outcome
        acknowledged = sum(outcome.acknowledged.values())
        if outcome.refused or not outcome.applied_in_window:
            self.complaints.append(f"{self.side.name}: not applied: {dict(outcome.refused)}")
        self.acknowledged += acknowledged
        self.grown_bytes += server.database_bytes(self.database) - bytes_before
        applied = max(1, outcome.applied_in_window)
        window = Window(
            per_s=outcome.per_s,
            p50_ms=outcome.p50_ms,
            p99_ms=outcome.p99_ms,
            operations=outcome.applied_in_window,
            server_us=load.used_s.get("server", 0.0) / applied * 1e6,
            postgres_us=load.used_s.get("postgres", 0.0) / applied * 1e6,
            wal_bytes=wal_bytes / max(1, acknowledged),
            batch_operations=counted.operations / max(1, counted.batches),
            others_cores=load.cores.get("others", 0.0),
        )
        self.windows.append(window)
        return window

    def _run(self, order: Order) -> Load:
        self._loads += 1
        pid = self.side.server.cluster.postmaster_pid
        assert pid is not None, "PostgreSQL has ended"
        return run_load(
            replace(order, address=self.wallet.address, key=self.side.key, prefix=f"{order.prefix}{self._loads}"),
            display=self.side.display,
            server_pids=self.wallet.worker_pids(),
            postmaster=pid,
        )
