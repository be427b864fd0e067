"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a value as JSON, on one line, for programs."""
    click.echo(json.dumps(value, default=str))


def print_rows(rows: Sequence[DataclassInstance], *, as_json: bool, empty: str) -> None:
    """Print rows as a table, or as a JSON list."""
    if as_json:
        print_json([dataclasses.asdict(row) for row in rows])
        return
    if not rows:
        out.print(empty)
        return
    names = [field.name for field in dataclasses.fields(rows[0])]
    table = Table(*names)
    for row in rows:
        table.add_row(*(_cell(getattr(row, name)) for name in names))
    out.print(table)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat(timespec="seconds")
        case list():
            return ", ".join(map(str, value))
        case _:
            return str(value)
