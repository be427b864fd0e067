"""Finance: trial balance, liabilities, gaming revenue; each figure opens into the rows that it is made of."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console import links
from wallet_console.command_lines import command
from wallet_console.tables import Amount, Column, Network, Table, Tag, Text, moment
from wallet_console.visits import PageRequest, Visit

from .page import Page, number_of_enum, set_time

_BY = ("day", "source", "game")
"""What it may be split by; by currency network it always is."""


async def trial_balance(visit: Visit) -> Response:
    """Show what all accounts hold."""
    request = pb.GetTrialBalanceRequest()
    set_time(request, "at", visit.asked("at"))
    answer = await visit.ask(request)

    async def load(_page: PageRequest) -> Table[Any]:
        return Table(
            title="Trial balance",
            columns=_TRIAL_BALANCE,
            rows=answer.rows,
            empty="Nothing was posted yet.",
            command=command("report", "trial-balance", at=visit.asked("at")),
        )

    return await visit.page(
        "trial_balance.html", table=await visit.table("rows", load), basis=answer.basis, at=visit.asked("at")
    )


async def liabilities(visit: Visit) -> Response:
    """Show what is owed to players and to credit wallets."""
    request = pb.GetLiabilitiesRequest()
    set_time(request, "at", visit.asked("at"))
    answer = await visit.ask(request)

    async def load(_page: PageRequest) -> Table[Any]:
        return Table(
            title="Liabilities",
            columns=_LIABILITIES,
            rows=answer.rows,
            empty="Nothing is owed to anybody.",
            command=command("report", "liabilities", at=visit.asked("at")),
        )

    return await visit.page(
        "liabilities.html", table=await visit.table("rows", load), basis=answer.basis, at=visit.asked("at")
    )


async def revenue(visit: Visit) -> Response:
    """Show gross gaming revenue, split as it is asked for."""
    by = visit.request.query_params.getlist("by") or ["day"]
    basis: list[Any] = []

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.GetGamingRevenueRequest(
            by=[number_of_enum(pb.RevenueBy, "REVENUE_BY_", name) for name in by],
            page_size=page.size,
            page_token=page.token,
        )
        set_time(request, "from", visit.asked("begin"))
        set_time(request, "to", visit.asked("end"))
        answer = await visit.ask(request)
        basis.append(answer.basis)
        return Table(
            title="Gross gaming revenue",
            columns=[column for column in _REVENUE if _ASKED_BY.get(column.title, by[0]) in by],
            rows=answer.rows,
            next_token=answer.next_page_token,
            empty="Nothing was played in this period.",
            command=command("report", "revenue", by=by, from_=visit.asked("begin"), to=visit.asked("end")),
        )

    table = await visit.table("rows", load)
    return await visit.page(
        "revenue.html",
        table=table,
        basis=basis[0],
        by=by,
        choices=_BY,
        begin=visit.asked("begin"),
        end=visit.asked("end"),
    )


def _open(row: Any) -> Tag:
    return Tag("still open", "waiting") if row.is_open else Tag("closed", "good")


_TRIAL_BALANCE: tuple[Column[Any], ...] = (
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Account", lambda row: Text(row.account)),
    Column("Debits", lambda row: Amount(row.debits_minor, row.currency_network_id), is_number=True),
    Column("Credits", lambda row: Amount(row.credits_minor, row.currency_network_id), is_number=True),
    Column(
        "Balance",
        lambda row: Amount(row.balance_minor, row.currency_network_id, is_signed=True, href=links.figure(row.rows)),
        is_number=True,
    ),
    Column("Made of", lambda row: Text(row.rows.in_words)),
)
_LIABILITIES: tuple[Column[Any], ...] = (
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Account", lambda row: Text(row.account)),
    Column(
        "Owed",
        lambda row: Amount(row.amount_minor, row.currency_network_id, href=links.figure(row.rows)),
        is_number=True,
    ),
    Column("Made of", lambda row: Text(row.rows.in_words)),
)
_ASKED_BY = {"Day": "day", "Source": "source", "Game": "game"}
"""Columns that are shown where the figures are split by them."""
_REVENUE: tuple[Column[Any], ...] = (
    Column("Day", lambda row: moment(row.day)),
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Source", lambda row: Text(row.source)),
    Column("Game", lambda row: Text(row.game_code)),
    Column("Bets", lambda row: Amount(row.bets_minor, row.currency_network_id), is_number=True),
    Column("Wins", lambda row: Amount(row.wins_minor, row.currency_network_id), is_number=True),
    Column("Bets rolled back", lambda row: Amount(row.rolled_back_bets_minor, row.currency_network_id), is_number=True),
    Column("Wins rolled back", lambda row: Amount(row.rolled_back_wins_minor, row.currency_network_id), is_number=True),
    Column(
        "Revenue",
        lambda row: Amount(row.revenue_minor, row.currency_network_id, is_signed=True, href=links.figure(row.rows)),
        is_number=True,
    ),
    Column("How many bets", lambda row: Text(str(row.bets)), is_number=True),
    Column("State", _open),
)

PAGES = (
    Page("/finance", revenue),
    Page("/finance/trial-balance", trial_balance),
    Page("/finance/liabilities", liabilities),
)
