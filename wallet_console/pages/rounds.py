"""Rounds on MAIN: the ladder of entries, who closed it, gross and net."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_console import rows
from wallet_console.command_lines import command
from wallet_console.tables import Amount, Column, Table, Tag, Text
from wallet_console.visits import PageRequest, Visit

from .page import Page


async def round_(visit: Visit) -> Response:
    """Show a round."""
    player_id, network = visit.number("player"), visit.network()
    game_code, round_id, source = visit.asked("game_code"), visit.asked("round_id"), visit.asked("source")
    found = await visit.ask(
        wallet_pb2.GetRoundRequest(
            player_id=player_id, currency_network_id=network, game_code=game_code, round_id=round_id, source=source
        )
    )

    async def load(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(
            pb.ListTransactionsRequest(
                player_id=player_id,
                source=source,
                currency_network_id=network,
                game_code=game_code,
                round_id=round_id,
                page_size=page.size,
                page_token=page.token,
            )
        )
        return Table(
            title="Ladder, newest first",
            columns=_LADDER,
            rows=answer.transactions,
            next_token=answer.next_page_token,
            empty="Nothing of this round among what was looked at so far.",
            command=command("transactions", "list", player=player_id, source=source, game=game_code, round=round_id),
        )

    return await visit.page(
        "round.html",
        found=found,
        player_id=player_id,
        network=network,
        game_code=game_code,
        round_id=round_id,
        source=source,
        table=await visit.table("ladder", load),
        net=str(
            int(found.wins_minor)
            - int(found.rolled_back_wins_minor)
            - int(found.bets_minor)
            + int(found.rolled_back_bets_minor)
        ),
    )


def _closes(row: Any) -> Tag:
    return Tag("closed the round", "good") if row.round_closed and not row.reversed_by_tx_id else Tag("")


def _won(row: Any) -> Amount | Text:
    return Amount(row.win_amount_minor, row.currency_network_id) if row.win_amount_minor else Text("")


_LADDER: tuple[Column[Any], ...] = (
    *(column for column in rows.OF_PLAYER if column.title in {"Time", "Kind", "Amount"}),
    Column("Paid out", _won, is_number=True),
    *(column for column in rows.OF_PLAYER if column.title in {"MAIN changed", "MAIN after", "State"}),
    Column("Round", _closes),
    *(column for column in rows.OF_PLAYER if column.title == "Caller's id"),
)

PAGES = (Page("/round", round_),)
