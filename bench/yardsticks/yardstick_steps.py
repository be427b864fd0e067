"""The yardsticks: what this machine and this PostgreSQL do without a wallet, measured between the wallet's windows."""

from dataclasses import dataclass
from pathlib import Path

from bench.clients.child_process import side_server
from bench.clients.load import run_load
from bench.clients.workloads import DEPOSIT_MINOR
from bench.steps.plan import PLAYERS
from bench.steps.testbed import Testbed
from bench.yardsticks.pgbench import Pgbench
from devstack.servers.ports import free_port

_TPCB = "yardstick_tpcb"
_TPCB_SCALE = 20
_TPCB_CLIENTS = 32
_HOT_ROW = "yardstick_hot_row"
_CLIENTS_TRIED = (1, 8, 32)
_SQL = Path(__file__).with_name("sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tpcb:
    """One window of pgbench's TPC-B; there are several in a run, far apart, and their mean counts."""

    name: str = "tpcb"

    def run(self, testbed: Testbed) -> None:
        """Make the tables at the first window, then measure; once there are enough windows, do nothing."""
        server, display, seconds = testbed.server, testbed.display, testbed.plan.pgbench_s
        pgbench = Pgbench(bin_dir=server.cluster.bin_dir, dsn=server.cluster.dsn(_TPCB))
        windows = testbed.results.windows("tpcb_tps")
        if windows == testbed.plan.tpcb_windows:
            return
        if windows == 0:
            with display.part(f"filling TPC-B, scale {_TPCB_SCALE}"):
                server.create_database(_TPCB)
                pgbench.initialise_tpcb(scale=_TPCB_SCALE)
        server.vacuum(_TPCB)
        server.checkpoint()
        server.check_durable_as_superuser(_TPCB)
        with display.part(f"TPC-B, {_TPCB_CLIENTS} clients"):
            rate = pgbench.rate(
                clients=_TPCB_CLIENTS, seconds=seconds, on_progress=lambda tps: display.show(f"{tps:,.0f}/s")
            )
        testbed.results.add("tpcb_tps", rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRow:
    """The textbook wallet, where each bet waits for the house's row. Its best number of clients counts."""

    name: str = "hot_row"

    def run(self, testbed: Testbed) -> None:
        """Make the tables and try the numbers of clients."""
        server = testbed.server
        server.create_database(_HOT_ROW)
        _fill_hot_row(testbed)
        server.check_durable_as_superuser(_HOT_ROW)
        record_best_of_clients(testbed, "hot_row", _HOT_ROW, _SQL / "hot_row.pgbench")
        server.drop_database(_HOT_ROW)


def record_best_of_clients(testbed: Testbed, name: str, database: str, script: Path) -> None:
    """Run a script of one bet with several numbers of clients; the best rate is the figure `{name}_tps`."""
    server, display = testbed.server, testbed.display
    pgbench = Pgbench(bin_dir=server.cluster.bin_dir, dsn=server.cluster.dsn(database))
    rates = {}
    for clients in _CLIENTS_TRIED:
        server.vacuum(database)
        server.checkpoint()
        with display.part(f"{name}, {clients} clients"):
            rates[clients] = pgbench.rate(
                clients=clients,
                seconds=testbed.plan.pgbench_s,
                script=script,
                variables={"players": PLAYERS},
                on_progress=lambda tps: display.show(f"{tps:,.0f}/s"),
            )
    best = max(rates, key=lambda clients: rates[clients])
    testbed.results.details[f"{name}_by_clients"] = {str(n): round(rate, 1) for n, rate in rates.items()}
    testbed.results.add(f"{name}_tps", rates[best], f"best: {best} clients")


def _fill_hot_row(testbed: Testbed) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(testbed.server.cluster.dsn(_HOT_ROW), autocommit=True) as connection:
        connection.execute((_SQL / "hot_row.sql").read_bytes())
        fill = "INSERT INTO hot_balances SELECT number, {} FROM generate_series(0, {}) AS number"
        connection.execute(sql.SQL(fill).format(sql.Literal(DEPOSIT_MINOR), sql.Literal(PLAYERS)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoUnary:
    """The bare gRPC server under the very load, and the very client, of `unary_bets_per_s`: one window of it."""

    name: str = "echo"

    def run(self, testbed: Testbed) -> None:
        """Start the echo and measure it; once there are enough windows, do nothing."""
        from bench.steps.players import unary_order

        if testbed.results.windows("echo_unary_rps") == testbed.plan.echo_windows:
            return
        address = f"127.0.0.1:{free_port()}"
        with side_server("bench.yardsticks.echo_server", address) as echo:
            load = run_load(
                unary_order(testbed.plan, address=address),
                display=testbed.display,
                server_pids=(echo.pid,),
                postmaster=testbed.postmaster,
            )
        testbed.results.add_load("echo_unary", load)
        testbed.results.add("echo_unary_rps", load.outcome.per_s)
