"""Players: what one has, did and may do; statements; corrections and states, each with a reason."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_console import links, rows
from wallet_console.amounts import minor_of
from wallet_console.command_lines import command
from wallet_console.problems import PageError
from wallet_console.tables import Amount, Column, Network, Table, Text, moment, words
from wallet_console.visits import PageRequest, Visit, whole_number

from .page import Page, choices, number_of_enum, set_time
from .transactions import filters_of, timeline

_NO_LINE_YET = "None among those that were looked at for this page. Go on with the next page."
_STATES = choices(wallet_pb2.PlayerState, "PLAYER_STATE_")


async def players(visit: Visit) -> Response:
    """List players, of a state where one is asked for."""
    state = visit.asked("state")
    number = number_of_enum(wallet_pb2.PlayerState, "PLAYER_STATE_", state)

    async def load(page: PageRequest) -> Table[Any]:
        answer = await visit.ask(pb.ListPlayersRequest(state=number, page_size=page.size, page_token=page.token))
        return Table(
            title="Players",
            columns=_PLAYERS,
            rows=answer.players,
            next_token=answer.next_page_token,
            empty="No player of this state. Choose another one, or all.",
            command=command("players", "list", state=state),
        )

    return await visit.page("players.html", table=await visit.table("players", load), state=state, states=_STATES)


async def player(visit: Visit) -> Response:
    """Show one player: state, balances, what is under way, and the timeline."""
    player_id = _player_id(visit)
    found = await visit.ask(pb.GetPlayerRequest(player_id=player_id))
    table = await visit.table("timeline", timeline(visit, player_id=player_id, columns=rows.OF_PLAYER))
    sessions = Table(
        title="Sessions that are not settled",
        columns=_without_player(rows.SESSIONS),
        rows=found.open_sessions,
        empty="None is open.",
        command=command("sessions", "list", player=player_id),
    )
    withdrawals = Table(
        title="Withdrawals under way",
        columns=_without_player(rows.WITHDRAWALS),
        rows=found.withdrawals_under_way,
        empty="None is under way.",
        command=command("withdrawals", "list", player=player_id),
    )
    today = Table(title="Today, by business day", columns=_TODAY, rows=found.today, empty="Nothing moved today.")
    return await visit.page(
        "player.html",
        player=found,
        state=words(found, "state"),
        table=table,
        sessions=await visit.short_table("open-sessions", sessions),
        withdrawals=await visit.short_table("withdrawals-under-way", withdrawals),
        today=await visit.short_table("today", today),
        filters=filters_of(visit),
        states=_STATES,
        form_id=str(uuid.uuid4()),
        statement=links.statement_of_month(player_id, datetime.now(UTC)),
    )


async def statement(visit: Visit) -> Response:
    """Show what a player's money did in a period: opening, what moved, closing, and each line."""
    player_id = _player_id(visit)
    accounts: list[Any] = []
    basis: list[Any] = []

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.GetStatementRequest(
            player_id=player_id,
            currency_network_id=visit.network(),
            page_size=page.size,
            page_token=page.token,
        )
        set_time(request, "from", visit.asked("begin"))
        set_time(request, "to", visit.asked("end"))
        answer = await visit.ask(request)
        accounts.extend(answer.accounts)
        basis.append(answer.basis)
        return Table(
            title="Lines",
            columns=_LINES,
            rows=answer.lines,
            next_token=answer.next_page_token,
            empty=_NO_LINE_YET if answer.next_page_token else "Nothing moved in this period.",
            command=command("report", "statement", str(player_id), from_=visit.asked("begin"), to=visit.asked("end")),
        )

    table = await visit.table("lines", load)
    totals = Table(
        title="Accounts", columns=_ACCOUNTS, rows=accounts, empty="No account moved before or in this period."
    )
    return await visit.page(
        "statement.html",
        player_id=player_id,
        table=table,
        totals=await visit.short_table("accounts", totals),
        basis=basis[0],
        network=visit.network(),
        begin=visit.asked("begin"),
        end=visit.asked("end"),
    )


async def set_state(visit: Visit) -> Response:
    """Block, close or open a player."""
    player_id = _player_id(visit)
    form = await visit.form()
    assert visit.operator is not None
    await visit.ask(
        wallet_pb2.SetPlayerStateRequest(
            transaction_id=form.get("form_id", ""),
            player_id=player_id,
            state=number_of_enum(wallet_pb2.PlayerState, "PLAYER_STATE_", form.get("state", "")),
            reason=form.get("reason", ""),
            actor=visit.operator.name,
        )
    )
    return visit.go(links.player(player_id))


async def propose(visit: Visit) -> Response:
    """Propose a correction, for another person to decide."""
    player_id = _player_id(visit)
    form = await visit.form()
    assert visit.operator is not None
    number = whole_number(form.get("currency_network_id", ""), "currency network")
    known = (await visit.backoffice.networks(visit.operator)).get(number)
    if known is None:
        raise PageError(HTTPStatus.BAD_REQUEST, "There is no such currency network", "Choose one of the list.")
    amount_minor = minor_of(form.get("amount", ""), known.decimals)
    if amount_minor is None:
        raise PageError(
            HTTPStatus.BAD_REQUEST,
            "This is no amount",
            f"Write it in {known.currency}, with at most {known.decimals} decimals, such as 12.50.",
        )
    proposal = await visit.ask(
        pb.ProposeAdjustmentRequest(
            transaction_id=form.get("form_id", ""),
            player_id=player_id,
            currency_network_id=number,
            amount_minor=amount_minor,
            direction=number_of_enum(wallet_pb2.Direction, "DIRECTION_", form.get("direction", "")),
            reason=form.get("reason", ""),
            actor=visit.operator.name,
        )
    )
    return visit.go(links.proposal(proposal.proposal_id))


def _player_id(visit: Visit) -> int:
    return whole_number(str(visit.request.path_params["player_id"]), "player id")


def _without_player(columns: tuple[Column[Any], ...]) -> tuple[Column[Any], ...]:
    return tuple(column for column in columns if column.title != "Player")


_PLAYERS: tuple[Column[Any], ...] = (
    Column("Player", lambda row: Text(str(row.player_id), links.player(row.player_id))),
    Column("State", lambda row: rows.tag(row, "state")),
    Column("Last activity", lambda row: moment(row.last_activity_at, shows_age=True)),
)
_TODAY: tuple[Column[Any], ...] = (
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Kind", lambda row: Text(words(row, "kind"))),
    Column("How many", lambda row: Text(str(row.transactions)), is_number=True),
    Column("Amount", lambda row: Amount(row.amount_minor, row.currency_network_id), is_number=True),
    Column("Paid out", lambda row: Amount(row.win_amount_minor or "0", row.currency_network_id), is_number=True),
)
_LINES: tuple[Column[Any], ...] = (
    Column("Time", lambda row: moment(row.created_at)),
    Column("Kind", rows.kind),
    Column("Account", lambda row: Text(row.account)),
    Column("Moved", lambda row: Amount(row.amount_minor, row.currency_network_id, is_signed=True), is_number=True),
    Column("Held after", lambda row: Amount(row.balance_after_minor, row.currency_network_id), is_number=True),
    Column("Game", lambda row: Text(row.game_code)),
    Column("Source", lambda row: Text(row.source)),
    Column("Caller's id", lambda row: Text(row.transaction_id, links.transaction(row.tx_id), is_id=True)),
)
_ACCOUNTS: tuple[Column[Any], ...] = (
    Column("Currency network", lambda row: Network(row.currency_network_id)),
    Column("Account", lambda row: Text(row.account)),
    Column("Opening", lambda row: Amount(row.opening_minor, row.currency_network_id), is_number=True),
    Column("Closing", lambda row: Amount(row.closing_minor, row.currency_network_id), is_number=True),
    Column(
        "Moved by", lambda row: Text(", ".join(f"{words(part, 'kind')} ({part.transactions})" for part in row.totals))
    ),
)

PAGES = (
    Page("/players", players),
    Page("/players/{player_id}", player),
    Page("/players/{player_id}/statement", statement),
    Page("/players/{player_id}/state", set_state, "POST"),
    Page("/players/{player_id}/proposals", propose, "POST"),
)
