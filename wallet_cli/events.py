"""Events that need a look: the inbox and the outbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import psycopg

from wallet_cli import console
from wallet_grpc.domain.receipts import ReceiptState
from wallet_grpc.store.operator import inbox as inbox_store
from wallet_grpc.store.operator import outbox as outbox_store

from .options import admin_connection, json_option, read_settings


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
@json_option
def replay_inbox(inbox_ids: tuple[int, ...], *, parked: bool, as_json: bool) -> None:
    """Have events tried again now, by a consumer that runs."""
    _one_way(inbox_ids, parked=parked)
    every = inbox_store.replay_parked_events if parked else None
    _settle(
        "replayed", inbox_ids, inbox_store.replay_event, "neither waits nor is parked", every=every, as_json=as_json
    )


@inbox.command("discard")
@click.argument("inbox_ids", type=int, nargs=-1, required=True)
@json_option
def discard_inbox(inbox_ids: tuple[int, ...], *, as_json: bool) -> None:
    """Give events up for good: they keep their row, and never take effect."""
    _settle("discarded", inbox_ids, inbox_store.discard_event, "neither waits nor is parked", as_json=as_json)


@click.group("outbox")
def outbox() -> None:
    """Events of the wallet that are not published yet, or that no queue took."""


@outbox.command("list")
@click.option("--parked", is_flag=True, help="Only those that no queue took.")
@click.option("--after", type=int, default=0, help="Only those with a higher outbox_id: the next page.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many.")
@json_option
def list_outbox(*, parked: bool, after: int, limit: int, as_json: bool) -> None:
    """List events that are not published, oldest first."""
    with admin_connection(read_settings()) as connection:
        rows = outbox_store.list_events(connection, parked=parked, after=after, limit=limit)
    console.print_rows(rows, as_json=as_json, empty="there are none")


@outbox.command("show")
@click.argument("outbox_id", type=int)
@json_option
def show_outbox(outbox_id: int, *, as_json: bool) -> None:
    """Show everything about one event that is not published."""
    with admin_connection(read_settings()) as connection:
        event = outbox_store.show_event(connection, outbox_id)
    if event is None:
        raise click.ClickException(f"there is no event {outbox_id}: it was published, or never was")
    console.print_record(event, as_json=as_json)


@outbox.command("replay")
@click.argument("outbox_ids", type=int, nargs=-1)
@click.option("--parked", is_flag=True, help="All that no queue took.")
@json_option
def replay_outbox(outbox_ids: tuple[int, ...], *, parked: bool, as_json: bool) -> None:
    """Have parked events published again, by a relay that runs. They keep their ids; their outbox_id is a new one."""
    _one_way(outbox_ids, parked=parked)
    every = outbox_store.replay_parked_events if parked else None
    _settle("replayed", outbox_ids, outbox_store.replay_event, "is not parked", every=every, as_json=as_json)


@outbox.command("discard")
@click.argument("outbox_ids", type=int, nargs=-1, required=True)
@json_option
def discard_outbox(outbox_ids: tuple[int, ...], *, as_json: bool) -> None:
    """Remove parked events for good, unpublished."""
    _settle("discarded", outbox_ids, outbox_store.discard_event, "is not parked", as_json=as_json)


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
        console.print_json({done: settled, "failed": missing})
    else:
        click.echo(f"{done}: {', '.join(map(str, settled)) or 'none'}")
    if missing:
        raise click.ClickException("; ".join(f"event {event_id} {problem}" for event_id in missing))
