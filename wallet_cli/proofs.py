"""What shows that the books are right, and sets right what is derived: verify, reconcile, balances rebuild."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TextIO

import click
import psycopg

from wallet_cli import console
from wallet_grpc.store.proofs import reconcile as reconciliation
from wallet_grpc.store.proofs.rebuild import rebuild_balances
from wallet_grpc.store.proofs.verifications import record
from wallet_grpc.store.proofs.verify import verify
from wallet_grpc.store.reads.moments import UnsettledMomentError

from .options import failed, json_option, period_of, read_settings, source_of


@click.command("reconcile")
@click.option("--source", required=True, help="The caller whose game transactions are told.")
@click.option("--from", "begins_at", required=True, help="From this time on, ISO 8601; without an offset it is UTC.")
@click.option("--to", "ends_at", required=True, help="Up to this time, exclusive.")
@click.option("--rounds", "by_round", is_flag=True, help="One row a round instead of one a transaction.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How rows are printed.",
)
@click.option(
    "--against",
    type=click.File("r", encoding="utf-8"),
    help="A CSV of the source's own: print what is missing here, extra or different. Exits with 1 if anything is.",
)
def reconcile_command(
    *, source: str, begins_at: str, ends_at: str, by_round: bool, file_format: str, against: TextIO | None
) -> None:
    """Export what a source played in a period, inside sessions and outside, or compare it with the source's own file.

    Rows are printed as they are read, so a period may hold any number of them. docs/sessions.md tells the columns.
    """
    if by_round and against is not None:
        raise click.UsageError("--against compares transactions; leave --rounds out")
    begins, ends = period_of(begins_at, ends_at)
    assert begins is not None, "required"
    assert ends is not None, "required"
    period = reconciliation.Period(source=source_of(source), begins_at=begins, ends_at=ends)
    settings = read_settings()
    dsn = settings.service_dsn
    try:
        if not reconciliation.settle(dsn, period):
            click.echo("the period has not ended yet: more may come to it", err=True)
        if against is not None:
            rows = reconciliation.differences(dsn, period, against)
        elif by_round:
            rows = reconciliation.rounds(dsn, period)
        else:
            rows = reconciliation.transactions(dsn, period)
        count = console.print_stream(rows, file_format=file_format)
    except reconciliation.UnreadableFileError as error:
        raise click.ClickException(f"--against: {error}") from error
    except UnsettledMomentError as error:
        raise click.ClickException(f"--to cannot be answered yet: {error}; try again") from error
    except (psycopg.Error, TimeoutError) as error:
        raise failed(error, settings, "could not reconcile") from error
    if against is not None and count:
        sys.exit(1)


@click.command("verify")
@json_option
@click.option("--findings", "findings_max", default=1_000, show_default=True, help="How many findings to print.")
def verify_command(*, as_json: bool, findings_max: int) -> None:
    """Prove that the ledger is whole, on the live database. Exits with 1 if anything is wrong.

    Every transaction sums to zero and has all its entries, every derived balance equals its postings, no player account
    is negative, the whole ledger sums to zero; docs/operating.md tells what each check means and what to do. What waits
    for a worker for too long is shown as well; it makes nothing wrong.
    """
    settings = read_settings()
    began_at = datetime.now(UTC)
    try:
        with console.progress(enabled=not as_json) as on_progress:
            report = verify(
                settings.service_dsn,
                posting_interval_ms=settings.posting_interval_ms,
                expiry_grace_ms=settings.session_expiry_grace_ms,
                on_progress=on_progress,
            )
    except psycopg.Error as error:
        raise failed(error, settings, "could not verify") from error
    try:
        record(settings.service_dsn, report, began_at=began_at, ended_at=datetime.now(UTC))
    except psycopg.Error as error:  # what was proven is proven: on a replica, say, or before the migrations
        click.echo(f"this run is not kept for the back office: {str(error).strip()}", err=True)
    console.print_report(report, as_json=as_json, findings_max=findings_max)
    if not report.clean:
        sys.exit(1)


@click.group("balances")
def balances() -> None:
    """Derived balances: what the postings sum to, kept beside them for speed."""


@balances.command("rebuild")
@json_option
def rebuild_command(*, as_json: bool) -> None:
    """Rebuild what is derived from postings and journals, and tell each value that was wrong."""
    settings = read_settings()
    try:
        with console.progress(enabled=not as_json) as on_progress:
            corrections = list(rebuild_balances(settings.admin_dsn, on_progress=on_progress))
    except psycopg.Error as error:
        raise failed(error, settings) from error
    console.print_rows(corrections, as_json=as_json, empty="every derived balance was right")
