"""What commands print: tables for people, JSON for programs. What draws tables is imported when one is drawn."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console
    from rich.progress import TaskID

    from wallet_grpc.store.proofs.verify import Progress, Report

_STREAMED_WIDTH = 18
"""Of a column of a table that is printed row by row: nothing is known of what is to come. Longer values stay whole."""

_PIPE_WIDTH = 200
"""Columns of a table that is not printed to a terminal: nothing is cut off for want of a width."""
_LISTING_PIPE_WIDTH = 1_000
"""The same of rows that have many ids: whoever searches the output for one finds it whole."""


_WIDE_IDS = frozenset({"player_id", "owner_id", "inbox_id", "outbox_id"})
"""Ids of 64 bits."""
_AMOUNT = "_minor"


def print_json(value: object) -> None:
    """Print a value as JSON, on one line, for programs."""
    click.echo(json.dumps(_exact(value), default=str))


def _exact(value: Any, name: str = "") -> Any:
    """Give a value as JSON tells it: an id of 64 bits or an amount is digits in a string, which no reader rounds."""
    match value:
        case dict():
            return {key: _exact(it, key) for key, it in value.items()}
        case list() | tuple():
            return [_exact(it, name) for it in value]
        case int() if name in _WIDE_IDS or name.endswith(_AMOUNT):
            return str(value)
        case _:
            return value


def print_rows(rows: Sequence[DataclassInstance], *, as_json: bool, empty: str) -> None:
    """Print rows as a table, or as a JSON list."""
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    if not rows:
        click.echo(empty)
        return
    from rich.table import Table

    names = [field.name for field in dataclasses.fields(rows[0])]
    table = Table(*names)
    for row in rows:
        table.add_row(*(_cell(getattr(row, name)) for name in names))
    _console().print(table)


def print_record(record: DataclassInstance, *, as_json: bool) -> None:
    """Print everything about one thing: a line for each fact, or a JSON object."""
    facts = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    print_parts(facts, {}, file_format="json" if as_json else None)


def print_listing(rows: Sequence[Mapping[str, Any]], *, file_format: str | None, empty: str) -> None:
    """Print rows that have the same columns: as JSON, as CSV, or as a table, of the columns that are not empty."""
    match file_format:
        case "json":
            print_json(rows)
        case "csv":
            write = csv.writer(sys.stdout, lineterminator="\n").writerow
            if rows:
                write(rows[0])
            for row in rows:
                write(map(_text, row.values()))
        case _ if rows:
            from rich.table import Table

            told = [name for name in rows[0] if any(row[name] not in {None, ""} for row in rows)]
            table = Table(*told)
            for row in rows:
                table.add_row(*(_cell(row[name]) for name in told))
            _console(pipe_width=_LISTING_PIPE_WIDTH).print(table)
        case _:
            click.echo(empty)


def print_parts(
    facts: Mapping[str, Any],
    parts: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    file_format: str | None,
    csv_part: str | None = None,
) -> None:
    """Print everything about one thing: its facts, a line each, and what belongs to it, a table for each part.

    As JSON it is one object; as CSV the part that is named, or the facts as one row.
    """
    match file_format:
        case "json":
            print_json({**facts, **parts})
        case "csv":
            print_listing([facts] if csv_part is None else parts[csv_part], file_format="csv", empty="")
        case _:
            from rich.table import Table

            table = Table(show_header=False, box=None)
            for name, value in facts.items():
                table.add_row(name, _cell(json.dumps(value) if isinstance(value, dict) else value))
            _console().print(table)
            for name, rows in parts.items():
                if rows:
                    click.echo(f"\n{name.replace('_', ' ')}")
                    print_listing(rows, file_format=None, empty="")


@contextmanager
def progress(*, enabled: bool) -> Iterator[Callable[[Progress], None]]:
    """Show how far a verification or a rebuild is, on a terminal."""
    if not enabled or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True, highlight=False, soft_wrap=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def show(at: Progress) -> None:
            if at.phase not in tasks:
                tasks[at.phase] = bar.add_task(at.phase)
            bar.update(tasks[at.phase], completed=at.done, total=max(at.done, at.expected))

        yield show


def print_report(report: Report, *, as_json: bool, findings_max: int) -> None:
    """Print what a verification found, row by row."""
    from wallet_grpc.store.proofs.verify import Check

    findings = report.findings[:findings_max]
    left_out = len(report.findings) - len(findings)
    wrong = Counter(finding.check for finding in report.findings)
    if as_json:
        print_json(
            {
                "clean": report.clean,
                "transactions": report.transactions,
                "entries": report.entries,
                "accounts": report.accounts,
                "sessions": report.sessions,
                "session_entries": report.session_entries,
                "wallets": report.wallets,
                "wallet_entries": report.wallet_entries,
                "outbox_waiting": report.outbox_waiting,
                "stuck": [{**dataclasses.asdict(it), "since": it.since.isoformat()} for it in report.stuck],
                "checks": {check.value: wrong[check] for check in Check},
                "findings": [dataclasses.asdict(finding) for finding in findings],
                "findings_left_out": left_out,
            }
        )
        return
    from rich.markup import escape
    from rich.table import Table

    out = _console()
    table = Table("check", "wrong")
    for check in Check:
        table.add_row(check.value, str(wrong[check]), style="red" if wrong[check] else None)
    out.print(table)
    for finding in findings:
        out.print(f"[red]{finding.check.value}[/] {escape(finding.subject)}: {escape(finding.problem)}")
    if left_out:
        out.print(f"and {left_out} more (--findings)")
    for it in report.stuck:
        told = escape(f"{it.subject} since {it.since:%Y-%m-%d %H:%M:%S}: {it.problem}")
        out.print(f"[yellow]stuck[/] {told}")
    looked = f"{report.transactions:,} transactions, {report.entries:,} entries, {report.accounts:,} accounts"
    out.print(f"{report.sessions:,} sessions with {report.session_entries:,} entries")
    out.print(f"{report.wallets:,} credit wallets with {report.wallet_entries:,} entries")
    out.print(f"{looked}; {report.outbox_waiting:,} events wait in the outbox")
    out.print("[green]the ledger is whole[/]" if report.clean else "[red]the ledger is NOT whole[/]")


def print_stream(rows: Iterator[Sequence[Any]], *, file_format: str) -> int:
    """Print rows as they come, however many: as a table of fixed widths, as CSV or as JSON. Gives how many.

    The first row names the columns.
    """
    write = sys.stdout.write
    columns = next(rows)
    count = 0
    match file_format:
        case "csv":
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(columns)
            for count, row in enumerate(rows, start=1):  # noqa: B007 - it is the answer
                writer.writerow(map(_text, row))
        case "json":
            for count, row in enumerate(rows, start=1):
                told = {name: _plain(_exact(value, name)) for name, value in zip(columns, row, strict=True)}
                line = json.dumps(told, ensure_ascii=False)
                write(("[\n" if count == 1 else ",\n") + line)
            write("\n]\n" if count else "[]\n")
        case _:
            write("  ".join(name.ljust(_STREAMED_WIDTH) for name in columns).rstrip() + "\n")
            for count, row in enumerate(rows, start=1):  # noqa: B007 - as above
                write("  ".join(_text(value).ljust(_STREAMED_WIDTH) for value in row).rstrip() + "\n")
    return count


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat(timespec="seconds")
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _cell(value: Any) -> str:
    """Give the text of a value for rich, which would take [brackets] for its own."""
    from rich.markup import escape

    return escape(_text(value))


def _console(*, pipe_width: int = _PIPE_WIDTH) -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else pipe_width)
