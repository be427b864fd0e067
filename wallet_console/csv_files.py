"""CSV files of tables: every page of a list, one after the other, up to a number of rows, of pages, and a time.

A file that ends before its list does says so in its last line, with the address of the file that goes on.
"""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import StreamingResponse

from .tables import Amount, Table

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FORMULA = (
    *("=", "+", "-", "@", "\t", "\r"),
    *("\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)
"""What spreadsheets take for the beginning of a formula."""


def safe(text: str) -> str:
    """Keep a caller's text from being a formula where a spreadsheet opens it."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvBounds:
    """Where a file ends at the latest."""

    rows: int
    pages: int
    """Pages that are read, the first one included: a page may hold few rows, or none, and still not be the last."""
    time_s: float
    """After this time no further page is read."""


def csv_response(
    name: str,
    first: Table[Any],
    page: Callable[[str, int], Awaitable[Table[Any]]],
    *,
    bounds: CsvBounds,
    go_on: Callable[[str], str],
) -> StreamingResponse:
    """Send a table's pages as a file.

    Args:
        name: The file's name, without its end.
        first: The first page, which was read already: what is wrong with the question is told before the file begins.
        page: Reads the page that a token leads to, of so many rows at most.
        bounds: Where the file ends at the latest, saying so.
        go_on: Gives the address of the file that begins at a token.
    """
    ends_at = time.monotonic() + bounds.time_s

    async def lines() -> AsyncIterator[str]:
        yield _line([column.title + _unit(first, index) for index, column in enumerate(first.columns)])
        table, sent = first, 0
        for pages_read in range(1, bounds.pages + 1):
            for values in table.fields:
                if sent == bounds.rows:  # of a list without pages
                    yield _line([f"only the first {bounds.rows} rows: narrow the filters, or use the command"])
                    return
                sent += 1
                yield _line([safe(value.plain) for value in values])
            if not table.next_token:
                return
            if sent == bounds.rows or pages_read == bounds.pages or time.monotonic() >= ends_at:
                break
            table = await page(table.next_token, bounds.rows - sent)
        yield _line([f"there is more after these {sent} rows: go on at {go_on(table.next_token)}"])

    headers = {"content-disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=headers)


def _unit(table: Table[Any], index: int) -> str:
    is_amount = bool(table.fields) and isinstance(table.fields[0][index], Amount)
    return " (minor units)" if is_amount else ""


def _line(values: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue()
