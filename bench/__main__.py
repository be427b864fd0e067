"""`python -m bench`: the body of `make bench` and `make bench-quick`."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # servers are started while channels are open; read at import

import click
from rich.console import Console
from rich.markup import escape

from bench.against.comparison import compare_with
from bench.against.tables import print_comparison, render_json
from bench.against.workloads import LONG, ROUNDS_MAX, SHORT, WORKLOAD_NAMES, Extent, workloads_of
from bench.clients.child_process import ClientFailedError
from bench.report.display import Display
from bench.report.machine import machine_facts
from bench.report.profiles import Profiler
from bench.report.results import Results
from bench.report.tables import LATEST, print_report, write_latest
from bench.servers.broker import Broker, BrokerFailedError, NoBrokerError
from bench.servers.database import NotDurableError, private_server
from bench.servers.revision import RevisionError
from bench.steps.plan import FULL, QUICK, Plan
from bench.steps.programme import STEP_NAMES, steps_of
from bench.steps.testbed import Testbed
from bench.yardsticks.pgbench import PgbenchError
from bench.yardsticks.pgledger import PgledgerError
from devstack.servers.account import AccountError
from devstack.servers.binaries import BinariesNotFoundError
from devstack.servers.postgres_folder import PostgresError
from devstack.stack_settings import StackError
from devstack.stop_signals import StopRequestedError, stop_signals

_WIDTH_IN_FILES = 140
_VOID, _FAILED, _STOPPED = 1, 2, 130
_FAILURES = (
    AccountError, BinariesNotFoundError, BrokerFailedError, ClientFailedError, NotDurableError, PgbenchError,
    PgledgerError, PostgresError, RevisionError, StackError,
)  # fmt: skip


def _names(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for part in given for name in part.split(",") if name)


@click.command()
@click.option("--quick", is_flag=True, help="All but growth, in two minutes: short windows, a small ledger.")
@click.option(
    "--only",
    multiple=True,
    callback=_names,
    help=f"Only these, parted by commas; writes no results file. Steps: {', '.join(STEP_NAMES)}. "
    f"Against a revision: {', '.join(WORKLOAD_NAMES)}.",
)
@click.option(
    "--profile",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write py-spy's samples, and pg_stat_statements where PostgreSQL has it, to this folder.",
)
@click.option("--against", metavar="REV", help="Measure this source and that revision in turns instead.")
@click.option("--rounds", type=click.IntRange(1, ROUNDS_MAX), help="Against a revision: how many windows each has.")
@click.option("--json", "as_json", is_flag=True, help="Against a revision: JSON instead of a table.")
def main(
    *,
    quick: bool,
    only: tuple[str, ...],
    profile: Path | None,
    against: str | None,
    rounds: int | None,
    as_json: bool,
) -> None:
    """Measure the wallet beside yardsticks on servers of its own; exits with 1 if the ledger was not exactly right."""
    known = STEP_NAMES if against is None else WORKLOAD_NAMES
    for name in only:
        if name not in known:
            raise click.BadParameter(f"{name} is none of {', '.join(known)}", param_hint="--only")
    if against is None:
        if as_json or rounds is not None:
            raise click.UsageError("--json and --rounds are for --against.")
        sys.exit(_measure(QUICK if quick else FULL, only=only, profile=profile))
    if profile is not None:
        raise click.UsageError("--profile is not for --against: sampling would cost both sides.")
    extent = SHORT if quick else LONG
    sys.exit(_compare(against, only=only, extent=extent, rounds=rounds or extent.rounds, as_json=as_json))


def _compare(revision: str, *, only: tuple[str, ...], extent: Extent, rounds: int, as_json: bool) -> int:
    console = _console(stderr=as_json)
    try:
        with stop_signals():
            comparison = compare_with(
                revision, workloads_of(only), extent=extent, rounds=rounds, display=Display(console)
            )
    except (StopRequestedError, *_FAILURES) as error:
        return _told(error, console)
    if as_json:
        click.echo(render_json(comparison))
    else:
        print_comparison(console, comparison)
    return _VOID if comparison.complaints else 0


def _console(*, stderr: bool = False) -> Console:
    console = Console(highlight=False, stderr=stderr)
    if not console.is_terminal:
        console.width = _WIDTH_IN_FILES
    return console


def _told(error: BaseException, console: Console) -> int:
    """Tell why a run ended early; returns the exit status."""
    if isinstance(error, StopRequestedError):
        console.print("Stopped; nothing is left behind.")
        return _STOPPED
    console.print(f"[bold red]failed[/] {escape(str(error))}", soft_wrap=True)
    return _FAILED


def _measure(plan: Plan, *, only: tuple[str, ...], profile: Path | None) -> int:
    console = _console()
    results = Results(display=Display(console))
    started_at, started = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    try:
        with (
            stop_signals(),
            private_server() as server,
            Broker(server.folder / "rabbitmq", say=console.print) as broker,
        ):
            machine = machine_facts(server)
            console.print(f"[bold]{plan.name} run[/], PostgreSQL {server.cluster.version}, {machine['cores']} cores")
            testbed = Testbed(server=server, broker=broker, plan=plan, results=results)
            testbed.profiler = Profiler(server, profile) if profile is not None else None
            _run_steps(testbed, only)
    except (StopRequestedError, *_FAILURES) as error:
        return _told(error, console)
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


if __name__ == "__main__":
    main()
