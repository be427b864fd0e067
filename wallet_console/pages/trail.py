"""Trail: who did what, when, why, to what, before and after."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console import links, rows
from wallet_console.command_lines import command
from wallet_console.tables import Column, Table, Text, moment, words
from wallet_console.visits import PageRequest, Visit

from .page import Page, choices, number_of_enum, set_time

_KINDS = choices(pb.OperatorActionKind, "OPERATOR_ACTION_KIND_")


async def trail(visit: Visit) -> Response:
    """List what operators did, newest first."""
    actor, kind = visit.asked("actor"), visit.asked("kind")

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.ListOperatorActionsRequest(
            actor=actor,
            kind=number_of_enum(pb.OperatorActionKind, "OPERATOR_ACTION_KIND_", kind),
            page_size=page.size,
            page_token=page.token,
        )
        set_time(request, "from", visit.asked("begin"))
        set_time(request, "to", visit.asked("end"))
        answer = await visit.ask(request)
        return Table(
            title="What operators did",
            columns=_ACTIONS,
            rows=answer.actions,
            next_token=answer.next_page_token,
            empty="Nobody did anything that fits. Take a filter away.",
            command=command(
                "actions", "list", actor=actor, kind=kind, from_=visit.asked("begin"), to=visit.asked("end")
            ),
        )

    return await visit.page(
        "trail.html",
        table=await visit.table("actions", load),
        actor=actor,
        kind=kind,
        kinds=_KINDS,
        begin=visit.asked("begin"),
        end=visit.asked("end"),
    )


def _made(row: Any) -> Text:
    if words(row, "kind") in {"proposal", "refusal"}:
        return Text(row.result_id, links.proposal(row.result_id), is_id=True)
    return Text(row.result_id, links.transaction(row.result_id), is_id=True)


def _who(row: Any) -> Text:
    return Text(row.operator if not row.actor or row.actor == row.operator else f"{row.operator} for {row.actor}")


_ACTIONS: tuple[Column[Any], ...] = (
    Column("Time", lambda row: moment(row.created_at)),
    Column("Who", _who),
    Column("What", lambda row: Text(words(row, "kind"))),
    Column("To what", lambda row: Text(row.subject, is_id=True)),
    Column("Player", rows.player),
    Column("Why", lambda row: Text(row.reason)),
    Column("Before", lambda row: Text(row.before_json, is_id=True)),
    Column("After", lambda row: Text(row.after_json, is_id=True)),
    Column("Made", _made),
    Column("By", lambda row: Text(words(row, "channel"))),
    Column("Request", lambda row: Text(row.request_id, is_id=True)),
)

PAGES = (Page("/trail", trail),)
