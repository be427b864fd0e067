"""Parked events: why they are not done, what a replay would do, and replay or discard with a reason."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console import links, rows
from wallet_console.command_lines import command
from wallet_console.problems import PageError
from wallet_console.tables import Column, Table, Text, moment, words
from wallet_console.visits import PageRequest, Visit

from .page import Page, choices, number_of_enum

_DIRECTIONS = choices(pb.EventDirection, "EVENT_DIRECTION_")
_STATES = choices(pb.EventState, "EVENT_STATE_")


async def events(visit: Visit) -> Response:
    """List events that are not done."""
    direction, state = visit.asked("direction"), visit.asked("state")

    async def load(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(
            pb.ListParkedEventsRequest(
                direction=number_of_enum(pb.EventDirection, "EVENT_DIRECTION_", direction),
                state=number_of_enum(pb.EventState, "EVENT_STATE_", state),
                page_size=page.size,
                page_token=page.token,
            )
        )
        return Table(
            title="Events that wait to be tried again" if state == "waiting" else "Events that were set aside",
            columns=_EVENTS,
            rows=answer.events,
            next_token=answer.next_page_token,
            empty="No event was set aside." if state != "waiting" else "No event waits.",
            command=command("outbox", "list", parked=state != "waiting")
            if direction == "published"
            else command("inbox", "list", state=state or "parked"),
        )

    return await visit.page(
        "events.html",
        table=await visit.table("events", load),
        direction=direction,
        directions=_DIRECTIONS,
        state=state,
        states=_STATES,
    )


async def event(visit: Visit) -> Response:
    """Show one event, what it says, and what a replay would do."""
    found = await visit.ask(pb.GetParkedEventRequest(event_ref=visit.asked("ref")))
    return await visit.page(
        "event.html",
        found=found,
        direction=words(found, "direction"),
        state=rows.tag(found, "state"),
        is_received=found.direction == pb.EVENT_DIRECTION_RECEIVED,
        links=links,
    )


async def decide(visit: Visit) -> Response:
    """Replay an event, or give it up."""
    form = await visit.form()
    ref, reason = form.get("event_ref", ""), form.get("reason", "")
    match form.get("action"):
        case "replay":
            await visit.ask(pb.ReplayEventRequest(event_ref=ref, reason=reason))
        case "discard":
            await visit.ask(pb.DiscardEventRequest(event_ref=ref, reason=reason))
        case _:
            raise PageError(HTTPStatus.BAD_REQUEST, "Neither replay nor discard", "Choose one of the two.")
    return visit.go("/events")


_EVENTS: tuple[Column[Any], ...] = (
    Column("Since", lambda row: moment(row.received_at, shows_age=True)),
    Column("Way", lambda row: Text(words(row, "direction"))),
    Column("Event", lambda row: Text(row.event_type or row.event_id, links.event(row.event_ref))),
    Column("Why", lambda row: Text(row.reason)),
    Column("Detail", lambda row: Text(row.detail)),
    Column("Tries", lambda row: Text(str(row.attempts)), is_number=True),
    Column("Player", rows.player),
    Column("Source", lambda row: Text(row.source)),
    Column("Next try", lambda row: moment(row.due_at)),
)

PAGES = (Page("/events", events), Page("/event", event), Page("/event/decision", decide, "POST"))
