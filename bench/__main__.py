"""`python -m bench`: the body of `make bench` and `make bench-quick`."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # servers are started while channels are open; read at import

import click
from rich.console import Console
from rich.markup import escape

from bench.clients.child_process import ClientFailedError
from bench.report.display import Display
from bench.report.machine import machine_facts
from bench.report.profiles import Profiler
from bench.report.results import Results
from bench.report.tables import LATEST, print_report, write_latest
from bench.servers.broker import Broker, BrokerFailedError, NoBrokerError
from bench.servers.database import NotDurableError, private_server
from bench.steps.plan import FULL, QUICK, Plan
from bench.steps.programme import STEP_NAMES, steps_of
from bench.steps.testbed import Testbed
from bench.yardsticks.pgbench import PgbenchError
from devstack.servers.account import AccountError
from devstack.servers.binaries import BinariesNotFoundError
from devstack.servers.postgres_folder import PostgresError
from devstack.stack_settings import StackError

_WIDTH_IN_FILES = 140
_VOID, _FAILED, _STOPPED = 1, 2, 130
_FAILURES = (
    AccountError, BinariesNotFoundError, BrokerFailedError, ClientFailedError, NotDurableError, PgbenchError,
    PostgresError, StackError,
)  # fmt: skip


class _StopRequestedError(BaseException):
    """Ctrl-C or SIGTERM came."""


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="All but growth, in two minutes: short windows, a small ledger.")
@click.option(
    "--only",
    type=click.Choice(STEP_NAMES),
    multiple=True,
    help="Only these steps, for work on one of them; writes no results file.",
)
@click.option(
    "--profile",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write py-spy's samples, and pg_stat_statements where PostgreSQL has it, to this folder.",
)
@click.pass_context
def main(context: click.Context, *, quick: bool, only: tuple[str, ...], profile: Path | None) -> None:
    """Measure the wallet beside yardsticks on servers of its own; exits with 1 if the ledger was not exactly right."""
    if context.invoked_subcommand is None:
        sys.exit(_measure(QUICK if quick else FULL, only=only, profile=profile))


def _measure(plan: Plan, *, only: tuple[str, ...], profile: Path | None) -> int:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_IN_FILES
    results = Results(display=Display(console))
    started_at, started = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    try:
        with (
            _stop_signals(),
            private_server() as server,
            Broker(server.folder / "rabbitmq", say=console.print) as broker,
        ):
            machine = machine_facts(server)
            console.print(f"[bold]{plan.name} run[/], PostgreSQL {server.cluster.version}, {machine['cores']} cores")
            testbed = Testbed(server=server, broker=broker, plan=plan, results=results)
            testbed.profiler = Profiler(server, profile) if profile is not None else None
            _run_steps(testbed, only)
    except _StopRequestedError:
        console.print("Stopped; nothing is left behind.")
        return _STOPPED
    except _FAILURES as error:
        console.print(f"[bold red]failed[/] {escape(str(error))}", soft_wrap=True)
        return _FAILED
    results.conclude()
    print_report(console, results, decides=plan is FULL)
    took_s = time.monotonic() - started
    if not (only or profile):
        write_latest(results, mode=plan.name, machine=machine, started_at=started_at, took_s=took_s)
        console.print(f"{took_s / 60:.1f} minutes; everything is in bench/results/{LATEST.name}")
    return _VOID if results.void_reasons else 0


def _run_steps(testbed: Testbed, only: tuple[str, ...]) -> None:
    steps = steps_of(only)
    results, display = testbed.results, testbed.display
    with display.running("benchmark", steps=len(steps) + 1):
        with display.step("players"), results.timed("players"):
            testbed.prepare()
        for step in steps:
            with display.step(step.name), results.timed(step.name):
                try:
                    step.run(testbed)
                except NoBrokerError as error:
                    results.skip(step.name, str(error))


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception; ignore what comes while things are being stopped."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _StopRequestedError

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
