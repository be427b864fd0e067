"""Callers: keys, roles and rates; where their sessions are settled; what was refused and why, by the hour."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console.command_lines import command
from wallet_console.tables import Column, Moment, Network, Table, Tag, Text, moment
from wallet_console.visits import PageRequest, Visit

from .page import Page

_HOURS_SHOWN = 24


async def callers(visit: Visit) -> Response:
    """List keys, rails and refusals."""
    revoked, source = bool(visit.asked("revoked")), visit.asked("source")

    async def keys(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(
            pb.ListKeysRequest(source=source, revoked=revoked, page_size=page.size, page_token=page.token)
        )
        return Table(
            title="Keys",
            columns=_KEYS,
            rows=answer.keys,
            next_token=answer.next_page_token,
            empty="There is no such key. `wallet keys create` makes one.",
            command=command("keys", "list"),
        )

    async def rails(_page: PageRequest) -> Table[Any]:
        answer = await visit.ask(pb.ListRailsRequest())
        return Table(
            title="Settlement rails",
            columns=_RAILS,
            rows=answer.rails,
            empty="None is set: TEST settles on the ledger, LIVE refuses sessions. `wallet rails set` sets one.",
            command=command("rails", "list"),
        )

    async def refusals(_page: PageRequest) -> Table[Any]:
        rows = [
            (hour, refusal, count)
            for hour, refusals in sorted(visit.samples.refused_by_hour.items(), reverse=True)[:_HOURS_SHOWN]
            for refusal, count in sorted(refusals.items(), key=lambda item: -item[1])
        ]
        return Table(
            title="Refused, by hour",
            columns=_REFUSALS,
            rows=rows,
            empty="Nothing was refused since the console began to count."
            if visit.samples.processes
            else "They are not counted: WALLET_CONSOLE_METRICS_URLS is not set.",
        )

    return await visit.page(
        "callers.html",
        keys=await visit.table("keys", keys),
        rails=await visit.table("rails", rails),
        refusals=await visit.table("refusals", refusals),
        revoked=revoked,
        source=source,
    )


def _state(row: Any) -> Tag:
    return Tag("revoked", "bad") if row.HasField("revoked_at") else Tag("active", "good")


_KEYS: tuple[Column[Any], ...] = (
    Column("Caller", lambda row: Text(row.source)),
    Column("Key", lambda row: Text(row.key_id, is_id=True)),
    Column("Roles", lambda row: Text(", ".join(row.roles))),
    Column("Person", lambda row: Text(row.operator)),
    Column("Rate", lambda row: Text(f"{row.rate_per_s}/s" if row.rate_per_s else "no bound")),
    Column("State", _state),
    Column("Made", lambda row: moment(row.created_at)),
    Column("Last seen", lambda row: moment(row.last_used_at)),
    Column("Revoked", lambda row: moment(row.revoked_at)),
)
_RAILS: tuple[Column[Any], ...] = (
    Column("Caller", lambda row: Text(row.source)),
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Rail", lambda row: Text(row.rail)),
    Column("Set", lambda row: moment(row.changed_at)),
)
_REFUSALS: tuple[Column[Any], ...] = (
    Column("Hour", lambda row: Moment(datetime.fromtimestamp(row[0], UTC))),
    Column("What", lambda row: Text(row[1][0])),
    Column("Reason", lambda row: Text(row[1][1])),
    Column("How often", lambda row: Text(f"{row[2]:.0f}"), is_number=True),
)

PAGES = (Page("/callers", callers),)
