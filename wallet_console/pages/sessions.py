"""Game sessions: lists, and one with the ladder of its journal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import session_pb2
from wallet_console import links, rows
from wallet_console.command_lines import command
from wallet_console.tables import Amount, Column, Table, Tag, Text, Value, moment, words
from wallet_console.visits import PageRequest, Visit

from .page import Page, choices, number_of_enum

_STATUSES = choices(session_pb2.SessionStatus, "SESSION_STATUS_")
_HOUR_S = 3_600
_CLOCKS_APART_MAX = timedelta(minutes=1)
_ROWS_MAX = 1_000
"""More sessions than a player opens in that time."""


async def sessions(visit: Visit) -> Response:
    """List sessions."""
    status, player_id, hours = visit.asked("status"), visit.number("player"), visit.hours("older_than_hours")
    number = number_of_enum(session_pb2.SessionStatus, "SESSION_STATUS_", status)

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.ListSessionsRequest(
            player_id=player_id,
            source=visit.asked("source"),
            status=number,
            oldest_first=bool(visit.asked("oldest_first")),
            page_size=page.size,
            page_token=page.token,
        )
        if hours:
            request.older_than.CopyFrom(Duration(seconds=hours * _HOUR_S))
        answer = await visit.ask(request)
        return Table(
            title="Sessions",
            columns=rows.SESSIONS,
            rows=answer.sessions,
            next_token=answer.next_page_token,
            empty="No session fits. Take a filter away, or look with the search box.",
            command=command(
                "sessions",
                "list",
                player=player_id,
                status=status,
                source=visit.asked("source"),
                older_than=f"{hours}h" if hours else "",
                oldest_first=bool(visit.asked("oldest_first")),
            ),
        )

    return await visit.page(
        "sessions.html",
        table=await visit.table("sessions", load),
        status=status,
        statuses=_STATUSES,
        player_id=player_id,
        hours=hours,
        source=visit.asked("source"),
        oldest_first=visit.asked("oldest_first"),
    )


async def session(visit: Visit) -> Response:
    """Show a session: what was locked, what came of it, and each entry of its journal."""
    token = visit.asked("token")
    found = await visit.ask(session_pb2.GetSessionRequest(session_token=token))
    row = await _row_of(visit, found)

    async def load(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(
            session_pb2.ListSessionTransactionsRequest(session_token=token, page_size=page.size, page_token=page.token)
        )
        return Table(
            title="Ladder, oldest first",
            columns=_ladder(found.currency_network_id),
            rows=answer.transactions,
            next_token=answer.next_page_token,
            empty="Nothing was played in this session.",
            command=command("sessions", "show", token),
        )

    return await visit.page(
        "session.html",
        found=found,
        row=row,
        status=words(found, "status"),
        table=await visit.table("ladder", load),
        links=links,
    )


async def _row_of(visit: Visit, found: Any) -> Any:
    """Find a session in the list of its player's, which knows more of it than GetSession does.

    It is looked for among those that were opened no later, so that it is one of the first, however many came since.
    None where the clocks of the wallet and the console are too far apart.
    """
    passed = datetime.now(UTC) - found.opened_at.ToDatetime(UTC) - _CLOCKS_APART_MAX
    request = pb.ListSessionsRequest(player_id=found.player_id, page_size=_ROWS_MAX)
    request.older_than.FromTimedelta(max(passed, timedelta()))
    answer = await visit.ask(request)
    return next((row for row in answer.sessions if row.session_token == found.session_token), None)


def _ladder(network: int) -> tuple[Column[Any], ...]:
    def after(row: Any) -> Value:
        return Amount(row.balance_after_minor, network) if row.balance_after_minor else Text("")

    def amount(row: Any) -> Value:
        return Amount(row.amount_minor, network) if row.amount_minor else Text("")

    def change(row: Any) -> Value:
        return Amount(row.change_minor, network, is_signed=True) if row.change_minor else Text("")

    return (
        Column("Time", lambda row: moment(row.created_at)),
        Column("Kind", lambda row: Text(words(row, "kind"), links.transaction(row.tx_id))),
        Column("Round", lambda row: Text(row.round_id)),
        Column("Amount", amount, is_number=True),
        Column("Changed", change, is_number=True),
        Column("Balance after", after, is_number=True),
        Column("State", _state),
        Column("Caller's id", lambda row: Text(row.transaction_id, is_id=True)),
    )


def _state(row: Any) -> Tag:
    if row.reversed_by_transaction_id:
        return Tag("rolled back", "bad")
    if row.late:
        return Tag("late: moved MAIN", "waiting")
    if row.round_closed:
        return Tag("closed the round", "good")
    return rows.tag(row, "status")


PAGES = (Page("/sessions", sessions), Page("/session", session))
