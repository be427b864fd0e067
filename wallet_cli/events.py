"""Events that need a look: the inbox and the outbox."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click
import psycopg

from wallet_cli import console
from wallet_grpc.domain.cells import Cell
from wallet_grpc.domain.receipts import ReceiptState
from wallet_grpc.store.operator import inbox as inbox_store
from wallet_grpc.store.operator import outbox as outbox_store
from wallet_grpc.store.operator.cells import all_cells

from .options import admin_connection, json_option, read_settings, reason_option


@click.group("inbox")
def inbox() -> None:
    """Payment events that wait or are parked. docs/events.md tells what to do with them."""


@inbox.command("list")
@click.option(
    "--state",
    type=click.Choice([state.value.lower() for state in ReceiptState]),
    help="Only these. Default: those that wait or are parked.",
)
@click.option("--after", type=int, default=0, help="Only those with a higher inbox_id: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many.")
@json_option
def list_inbox(state: str | None, after: int, limit: int, *, as_json: bool) -> None:
    """List received events, oldest first."""
    with admin_connection(read_settings()) as connection:
        rows = inbox_store.list_events(
            connection, state=None if state is None else ReceiptState(state.upper()), after=after, limit=limit
        )
    console.print_rows(rows, as_json=as_json, empty="there are none")


@inbox.command("show")
@click.argument("inbox_id", type=int)
@json_option
def show_inbox(inbox_id: int, *, as_json: bool) -> None:
    """Show everything about one received event."""
    with admin_connection(read_settings()) as connection:
        event = inbox_store.show_event(connection, inbox_id)
    if event is None:
        raise click.ClickException(f"there is no event {inbox_id}; `wallet inbox list` shows them")
    console.print_record(event, as_json=as_json)


@inbox.command("replay")
@click.argument("inbox_ids", type=int, nargs=-1)
@click.option("--parked", is_flag=True, help="All that are parked, but for IDEMPOTENCY_KEY_REUSED: name these.")
@reason_option
@json_option
def replay_inbox(inbox_ids: tuple[int, ...], reason: str, *, parked: bool, as_json: bool) -> None:
    """Have events tried again now, by a consumer that runs."""
    _one_way(inbox_ids, parked=parked)
    every = partial(inbox_store.replay_parked_events, reason=reason) if parked else None
    one = partial(inbox_store.replay_event, reason=reason)
    _settle("replayed", inbox_ids, one, "neither waits nor is parked", every=every, as_json=as_json)


@inbox.command("discard")
@click.argument("inbox_ids", type=int, nargs=-1, required=True)
@reason_option
@json_option
def discard_inbox(inbox_ids: tuple[int, ...], reason: str, *, as_json: bool) -> None:
    """Give events up for good: they keep their row, and never take effect."""
    one = partial(inbox_store.discard_event, reason=reason)
    _settle("discarded", inbox_ids, one, "neither waits nor is parked", as_json=as_json)


@click.group("outbox")
def outbox() -> None:
    """Events of the wallet that are not published yet, or that no queue took."""


_cell_option = click.option("--cell", type=int, help="Only of this cell. Each cell numbers its events by itself.")


@outbox.command("list")
@click.option("--parked", is_flag=True, help="Only those that no queue took.")
@_cell_option
@click.option("--after", type=int, help="Only those with a higher outbox_id: the next page, of one cell.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many.")
@json_option
def list_outbox(*, parked: bool, cell: int | None, after: int | None, limit: int, as_json: bool) -> None:
    """List events that are not published, oldest first; those of all cells together."""
    with admin_connection(read_settings()) as connection:
        cells = _cells(connection, cell, names_events=after is not None)
        listed = outbox_store.list_events(connection, cells, parked=parked, after=after or 0, limit=limit)
    console.print_rows(listed.events, as_json=as_json, empty="there are none")
    if listed.silent:
        silent = ", ".join(f"cell {it}" for it in listed.silent)
        raise click.ClickException(f"no answer from {silent}: its events are not listed; see `wallet cells list`")


@outbox.command("show")
@click.argument("outbox_id", type=int)
@_cell_option
@json_option
def show_outbox(outbox_id: int, cell: int | None, *, as_json: bool) -> None:
    """Show everything about one event that is not published."""
    with admin_connection(read_settings()) as connection:
        (only,) = _cells(connection, cell, names_events=True)
        event = outbox_store.show_event(connection, only, outbox_id)
    if event is None:
        raise click.ClickException(f"there is no event {outbox_id}: it was published, or never was")
    console.print_record(event, as_json=as_json)


@outbox.command("replay")
@click.argument("outbox_ids", type=int, nargs=-1)
@click.option("--parked", is_flag=True, help="All that no queue took.")
@reason_option
@_cell_option
@json_option
def replay_outbox(outbox_ids: tuple[int, ...], reason: str, *, parked: bool, cell: int | None, as_json: bool) -> None:
    """Have parked events published again, by a relay that runs. They keep their ids; their outbox_id is a new one."""
    _one_way(outbox_ids, parked=parked)
    every = partial(outbox_store.replay_parked_events, reason=reason) if parked else None
    one = partial(outbox_store.replay_event, reason=reason)
    _settle_in_cells("replayed", outbox_ids, cell, one, every=every, as_json=as_json)


@outbox.command("discard")
@click.argument("outbox_ids", type=int, nargs=-1, required=True)
@reason_option
@_cell_option
@json_option
def discard_outbox(outbox_ids: tuple[int, ...], reason: str, *, cell: int | None, as_json: bool) -> None:
    """Remove parked events for good, unpublished."""
    one = partial(outbox_store.discard_event, reason=reason)
    _settle_in_cells("discarded", outbox_ids, cell, one, as_json=as_json)


def _cells(connection: psycopg.Connection[Any], cell: int | None, *, names_events: bool) -> list[Cell]:
    """Give the cells that are meant: the one that is told, else all; where events are named by number, only one."""
    cells = all_cells(connection)
    if cell is not None:
        if cell not in cells:
            raise click.BadParameter(f"there is none; `wallet cells list` shows {len(cells)}", param_hint="--cell")
        return [Cell(cell)]
    if names_events and len(cells) > 1:
        raise click.UsageError("each cell numbers its events by itself: say which one is meant by --cell")
    return cells


def _settle_in_cells(
    done: str,
    ids: tuple[int, ...],
    cell: int | None,
    one: Callable[[psycopg.Connection[Any], Cell, int], bool],
    *,
    every: Callable[[psycopg.Connection[Any], Cell], list[int]] | None = None,
    as_json: bool,
) -> None:
    """Do as `_settle`, in the cell that is meant or, for every event, in all."""

    def one_of_cell(connection: psycopg.Connection[Any], outbox_id: int) -> bool:
        (only,) = _cells(connection, cell, names_events=True)
        return one(connection, only, outbox_id)

    def every_of_cells(connection: psycopg.Connection[Any]) -> list[int]:
        assert every is not None
        return [outbox_id for it in _cells(connection, cell, names_events=False) for outbox_id in every(connection, it)]

    everything = None if every is None else every_of_cells
    _settle(done, ids, one_of_cell, "is not parked", every=everything, as_json=as_json)


def _one_way(ids: tuple[int, ...], *, parked: bool) -> None:
    if bool(ids) == parked:
        raise click.UsageError("name the events by their ids, or give --parked for all that are")


def _settle(
    done: str,
    ids: tuple[int, ...],
    one: Callable[[psycopg.Connection[Any], int], bool],
    problem: str,
    *,
    every: Callable[[psycopg.Connection[Any]], list[int]] | None = None,
    as_json: bool,
) -> None:
    """Settle the named events, or `every` one; tell what was done and what could not be, which fails the command."""
    with admin_connection(read_settings()) as connection:
        settled = every(connection) if every else [event_id for event_id in ids if one(connection, event_id)]
    missing = sorted(set(ids) - set(settled))
    if as_json:
        console.print_json({done: [str(event_id) for event_id in settled], "failed": [str(it) for it in missing]})
    else:
        click.echo(f"{done}: {', '.join(map(str, settled)) or 'none'}")
    if missing:
        raise click.ClickException("; ".join(f"event {event_id} {problem}" for event_id in missing))
