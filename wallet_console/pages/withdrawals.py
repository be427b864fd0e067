"""Withdrawals by their age: those under way first, the oldest on top."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration
from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console import rows
from wallet_console.command_lines import command
from wallet_console.tables import Table
from wallet_console.visits import PageRequest, Visit

from .page import Page, choices, number_of_enum

_STATES = choices(pb.WithdrawalState, "WITHDRAWAL_STATE_")
_UNDER_WAY = "under_way"
_HOUR_S = 3_600


async def withdrawals(visit: Visit) -> Response:
    """List withdrawals; without a choice those under way."""
    state = visit.asked("state") or _UNDER_WAY
    player_id, hours = visit.number("player"), visit.hours("older_than_hours")
    wanted = ["reserved", "broadcasted"] if state == _UNDER_WAY else [] if state == "all" else [state]
    numbers = [number_of_enum(pb.WithdrawalState, "WITHDRAWAL_STATE_", name) for name in wanted]

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.ListWithdrawalsRequest(
            states=numbers,
            player_id=player_id,
            newest_first=state != _UNDER_WAY,
            page_size=page.size,
            page_token=page.token,
        )
        if hours:
            request.older_than.CopyFrom(Duration(seconds=hours * _HOUR_S))
        answer = await visit.ask(request)
        return Table(
            title="Withdrawals",
            columns=rows.WITHDRAWALS,
            rows=answer.withdrawals,
            next_token=answer.next_page_token,
            empty="No withdrawal is under way." if state == _UNDER_WAY else "No withdrawal fits. Take a filter away.",
            command=command(
                "withdrawals",
                "list",
                state=wanted,
                player=player_id,
                older_than=f"{hours}h" if hours else "",
                newest_first=state != _UNDER_WAY,
            ),
        )

    return await visit.page(
        "withdrawals.html",
        table=await visit.table("withdrawals", load),
        state=state,
        states=[_UNDER_WAY, *_STATES, "all"],
        player_id=player_id,
        hours=hours,
    )


PAGES = (Page("/withdrawals", withdrawals),)
