"""Search: one box for everything. A single hit is gone to at once."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console import links
from wallet_console.command_lines import command
from wallet_console.tables import Amount, Column, Table, Text, Value, moment, words
from wallet_console.visits import PageRequest, Visit

from .page import Page


async def search(visit: Visit) -> Response:
    """Show what a text names, or go there if it is one thing."""
    query = visit.asked("q")
    if not query:
        return await visit.page("search.html", table=None)
    answer = await visit.ask(pb.SearchRequest(query=query))
    if len(answer.hits) == 1 and not visit.asked("csv"):
        return visit.go(place_of(answer.hits[0]))

    async def load(_page: PageRequest) -> Table[Any]:
        return Table(
            title=f"What “{query}” names",
            columns=_COLUMNS,
            rows=answer.hits,
            empty="Nothing is called so. A text must be the whole of a player id, a transaction's, deposit's or "
            "withdrawal's id, an output's hash, a round, a session, a wallet, a ledger or an event.",
            command=command("find", query),
            note="There may be more: these are the first 50." if answer.truncated else "",
        )

    return await visit.page("search.html", table=await visit.table("hits", load))


def place_of(hit: Any) -> str:
    """Give the page of a hit."""
    match hit.kind:
        case pb.SEARCH_HIT_KIND_PLAYER:
            return links.player(hit.player_id)
        case pb.SEARCH_HIT_KIND_ROUND if hit.session_token:
            return links.session(hit.session_token)
        case pb.SEARCH_HIT_KIND_ROUND:
            return links.round_(hit.player_id, hit.currency_network_id, hit.game_code, hit.round_id, hit.source)
        case pb.SEARCH_HIT_KIND_SESSION:
            return links.session(hit.session_token)
        case pb.SEARCH_HIT_KIND_WALLET:
            return links.wallet(hit.wallet_key)
        case pb.SEARCH_HIT_KIND_LEDGER:
            return links.ledger(hit.ledger_id)
        case pb.SEARCH_HIT_KIND_PARKED_EVENT:
            return links.event(hit.event_ref)
        case _:
            return links.transaction(hit.tx_id) or links.player(hit.player_id)


def _named(hit: Any) -> Text:
    name = (
        hit.transaction_id
        or hit.round_id
        or hit.session_token
        or hit.wallet_key
        or hit.ledger_id
        or hit.event_ref
        or hit.tx_id
        or str(hit.player_id)
    )
    return Text(name, place_of(hit), is_id=True)


def _amount(hit: Any) -> Value:
    return Amount(hit.amount_minor, hit.currency_network_id) if hit.amount_minor else Text("")


_COLUMNS: tuple[Column[Any], ...] = (
    Column("What", lambda hit: Text(words(hit, "kind"))),
    Column("Name", _named),
    Column("Kind", lambda hit: Text(words(hit, "transaction_kind") if hit.transaction_kind else "")),
    Column("Player", lambda hit: Text(str(hit.player_id or ""), links.player(hit.player_id))),
    Column("Amount", _amount, is_number=True),
    Column("Game", lambda hit: Text(hit.game_code)),
    Column("Source", lambda hit: Text(hit.source)),
    Column("Time", lambda hit: moment(hit.created_at)),
)

PAGES = (Page("/search", search),)
