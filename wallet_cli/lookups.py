"""What operators look up: `wallet find`, and lists and single ones of players, transactions, withdrawals, sessions.

The same look-ups as BackofficeService's, straight from the database: of WALLET_BACKOFFICE_DATABASE_URL, or as the
service on connections that cannot write. Long because each list has its filters as options.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
import psycopg
from msgspec import structs

from wallet_cli import console
from wallet_grpc.app.lookups import lookups_of
from wallet_grpc.domain.accounts import AccountType, PlayerState
from wallet_grpc.domain.cells import Cells
from wallet_grpc.domain.changes import WithdrawalState
from wallet_grpc.domain.identifiers import PLAYER_ID_MAX, CurrencyNetworkId, PlayerId
from wallet_grpc.domain.ledgers.state import parse_ledger_id
from wallet_grpc.domain.sessions.state import session_address
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.store.backoffice.chains import Chain
from wallet_grpc.store.backoffice.lookups import Lookups
from wallet_grpc.store.backoffice.sessions import SessionFilter, SessionStatus
from wallet_grpc.store.backoffice.slices import Slice
from wallet_grpc.store.backoffice.transactions import TransactionFilter
from wallet_grpc.store.backoffice.withdrawals import UNDER_WAY, WithdrawalFilter
from wallet_grpc.store.connection.kinds import command, connect
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.operator.cells import all_cells

from .options import NETWORK, failed, period_of, read_settings, source_of

if TYPE_CHECKING:
    from wallet_grpc.store.reads.players import TransactionRecord

Found = TypeVar("Found")

_PAGE_ROWS = 500
_PLAYER = click.IntRange(1, PLAYER_ID_MAX)
_UNDER_WAY_MAX = 50
_AGES = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE_MAX = timedelta(days=36_500)
_parse_age = re.compile(r"([0-9]{1,7})([smhd])", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionLine:
    """A transaction in a list."""

    tx_id: str
    created_at: datetime
    kind: str
    status: str
    player_id: int
    currency_network_id: int | None
    amount_minor: int
    win_amount_minor: int | None
    source: str
    transaction_id: str
    game_code: str
    round_id: str
    reference_tx_id: str | None
    reversed_by_tx_id: str | None

    @classmethod
    def of(cls, record: TransactionRecord) -> TransactionLine:
        """Tell what a list tells of a transaction."""
        stored = record.transaction
        return cls(
            tx_id=stored.tx_id,
            created_at=stored.created_at,
            kind=stored.kind.value,
            status=stored.status.value,
            player_id=max(stored.owner_id, 0),
            currency_network_id=stored.currency_network_id,
            amount_minor=stored.amount_minor,
            win_amount_minor=stored.win_amount_minor,
            source=stored.source,
            transaction_id=stored.reference,
            game_code=stored.game.game_code,
            round_id=stored.game.round_id,
            reference_tx_id=stored.reference_tx_id or stored.reverses_tx_id,
            reversed_by_tx_id=record.reversed_by_tx_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceLine:
    """A player's balances in one currency network."""

    currency_network_id: int
    available_minor: int
    withdraw_hold_minor: int
    session_hold_minor: int
    bonus_minor: int
    total_minor: int


class AgeType(click.ParamType[timedelta]):
    """How long ago: a number of seconds, minutes, hours or days, such as 30m."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read an age."""
        if isinstance(value, timedelta):
            return value
        parts = _parse_age(value)
        if parts is None:
            self.fail(f"{value!r} is no age, such as 90s, 30m, 4h or 7d", param, ctx)
        age = timedelta(**{_AGES[parts[2]]: int(parts[1])})
        if age > _AGE_MAX:
            self.fail(f"{value!r} is more than {_AGE_MAX.days:,} days", param, ctx)
        return age


AGE = AgeType()


def formats(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a command print a table, or JSON, or CSV: in `file_format`."""
    for flag, text in (("json", "Print JSON, for programs."), ("csv", "Print CSV, with the names of its columns.")):
        function = click.option(f"--{flag}", "file_format", flag_value=flag, help=text)(function)
    return function


def limited(function: Callable[..., Any]) -> Callable[..., Any]:
    """Have a list stop after so many rows: in `limit`."""
    return click.option(
        "--limit", type=click.IntRange(1, 10_000_000), default=100, show_default=True, help="How many, at most."
    )(function)


@click.command("find")
@click.argument("query")
@formats
def find_command(query: str, file_format: str | None) -> None:
    """Find whatever QUERY names.

    A player id, tx_id, transaction_id, deposit or withdrawal id, the hash of an output, a round, a session's token, a
    credit wallet's key, a ledger, an event that waits or is parked. Up to 50.
    """
    found = ask(lambda lookups: lookups.search.find(query.strip()))
    console.print_listing([asdict(hit) for hit in found.hits], file_format=file_format, empty="nothing has this name")
    if found.truncated:
        click.echo("there may be more", err=True)


# ------------------------------------------------------------------------------------------------------------- players


@click.group("players")
def players() -> None:
    """Players: lists, and one with all that stands and is under way."""


@players.command("list")
@click.option("--state", type=click.Choice([state.value.lower() for state in PlayerState]), help="Only of this state.")
@click.option("--after", type=click.IntRange(0, PLAYER_ID_MAX), default=0, help="Only those with a higher id.")
@limited
@formats
def list_players(state: str | None, after: int, limit: int, file_format: str | None) -> None:
    """List players, by id."""
    wanted = None if state is None else PlayerState(state.upper())
    print_pages(lambda lookups: partial(lookups.players.page, wanted), (after,), limit, asdict, file_format)


@players.command("show")
@click.argument("player_id", type=_PLAYER)
@formats
def show_player(player_id: int, file_format: str | None) -> None:
    """Show a player: state, balances, what is under way, the day."""

    async def look(lookups: Lookups) -> Any:
        one = PlayerId(player_id)
        opened = await lookups.sessions.page(SessionFilter(player_id=one, unsettled=True), None, _UNDER_WAY_MAX)
        held = await lookups.withdrawals.page(WithdrawalFilter(player_id=one, states=UNDER_WAY), None, _UNDER_WAY_MAX)
        return (
            await lookups.players.one(one),
            [asdict(it.row) for it in opened.rows],
            [asdict(it.row) for it in held.rows],
        )

    found, opened, held = ask(look)
    balances = [
        asdict(
            BalanceLine(
                currency_network_id=network,
                available_minor=accounts.get(AccountType.MAIN, 0),
                withdraw_hold_minor=accounts.get(AccountType.WITHDRAW_HOLD, 0),
                session_hold_minor=accounts.get(AccountType.SESSION_HOLD, 0),
                bonus_minor=accounts.get(AccountType.BONUS, 0),
                total_minor=sum(accounts.values()),
            )
        )
        for network, accounts in found.balances.items()
    ]
    facts = {name: value for name, value in asdict(found).items() if name not in {"balances", "today"}}
    today = [asdict(total) for total in found.today]
    parts = {"balances": balances, "today": today, "open_sessions": opened, "withdrawals_under_way": held}
    console.print_parts(facts, parts, file_format=file_format, csv_part="balances")


# -------------------------------------------------------------------------------------------------------- transactions


@click.group("transactions")
def transactions() -> None:
    """Transactions of the general ledger: lists, and one with all it hangs together with."""


@transactions.command("list")
@click.option("--player", "player_id", type=_PLAYER, help="Only of this player.")
@click.option("--source", help="Only of this caller.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([kind.value.lower() for kind in Kind]),
    help="Only of this kind; several times for several.",
)
@click.option("--currency-network", "network_id", type=NETWORK, help="Only in this one.")
@click.option("--game", "game_code", help="Only of this game.")
@click.option("--round", "round_id", help="Only of this round.")
@click.option("--from", "begins_at", help="From this time on, ISO 8601; without an offset it is UTC.")
@click.option("--to", "ends_at", help="Up to this time, exclusive.")
@limited
@formats
def list_transactions(
    *,
    player_id: int | None,
    source: str | None,
    kinds: tuple[str, ...],
    network_id: int | None,
    game_code: str | None,
    round_id: str | None,
    begins_at: str | None,
    ends_at: str | None,
    limit: int,
    file_format: str | None,
) -> None:
    """List transactions, newest first."""
    begins, ends = period_of(begins_at, ends_at)
    wanted = TransactionFilter(
        player_id=None if player_id is None else PlayerId(player_id),
        source=None if source is None else source_of(source),
        kinds=tuple(Kind(kind.upper()) for kind in kinds) or None,
        currency_network_id=None if network_id is None else CurrencyNetworkId(network_id),
        game_code=game_code,
        round_id=round_id,
        begins_at=begins,
        ends_at=ends,
    )
    print_pages(
        lambda lookups: partial(lookups.transactions.page, wanted),
        None,
        limit,
        lambda record: asdict(TransactionLine.of(record)),
        file_format,
    )


@transactions.command("show")
@click.argument("tx_id")
@formats
def show_transaction(tx_id: str, file_format: str | None) -> None:
    """Show a transaction: its request, its postings, what it hangs together with, its events.

    Other names than its tx_id are found by `wallet find`.
    """
    known = parse_ledger_id(tx_id.lower())
    if known is None:
        raise click.BadParameter("must be a UUID; `wallet find` finds transactions by other names", param_hint="TX_ID")
    chain: Chain | None = ask(lambda lookups: lookups.chains.of(known))
    if chain is None:
        raise click.ClickException(f"there is no transaction {known}; `wallet find` finds them by their other names")
    asked = next(it for it in chain.transactions if it.linked_tx_id is None)
    stored = asked.record.transaction
    facts = asdict(TransactionLine.of(asked.record)) | {
        "reference_transaction_id": stored.reference_transaction_id,
        "fee_minor": stored.fee_minor,
        "round_closed": stored.closes_round,
        "details": None if stored.details is None else structs.asdict(stored.details),
        "metadata": dict(stored.metadata),
    }
    parts = {
        "postings": [
            {
                "account": posting.account_type.value,
                "amount_minor": posting.amount_minor,
                "balance_after_minor": posting.balance_after_minor,
            }
            for posting in stored.postings
        ],
        "chain": [
            {"link": it.link.value, "linked_tx_id": it.linked_tx_id} | asdict(TransactionLine.of(it.record))
            for it in chain.transactions
        ],
        "events": [asdict(event) for it in chain.transactions for event in it.events],
    }
    console.print_parts(facts, parts, file_format=file_format, csv_part="chain")


# --------------------------------------------------------------------------------------------------------- withdrawals


@click.group("withdrawals")
def withdrawals() -> None:
    """Withdrawals: those that wait, and all others."""


@withdrawals.command("list")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value.lower() for state in WithdrawalState]),
    help="Only of this state; several times for several.",
)
@click.option("--older-than", type=AGE, default="0s", help="Only those reserved longer ago than this, such as 4h.")
@click.option("--player", "player_id", type=_PLAYER, help="Only of this player.")
@click.option("--newest-first", is_flag=True, help="Otherwise the oldest come first.")
@limited
@formats
def list_withdrawals(
    *,
    states: tuple[str, ...],
    older_than: timedelta,
    player_id: int | None,
    newest_first: bool,
    limit: int,
    file_format: str | None,
) -> None:
    """List withdrawals, by when they were reserved."""
    wanted = WithdrawalFilter(
        states=tuple(WithdrawalState(state.upper()) for state in states) or tuple(WithdrawalState),
        older_than=older_than,
        player_id=None if player_id is None else PlayerId(player_id),
        newest_first=newest_first,
    )
    print_pages(lambda lookups: partial(lookups.withdrawals.page, wanted), None, limit, asdict, file_format)


@withdrawals.command("show")
@click.argument("withdrawal_id")
@formats
def show_withdrawal(withdrawal_id: str, file_format: str | None) -> None:
    """Show a withdrawal; `wallet transactions show` tells more of its transactions."""
    found = ask(lambda lookups: lookups.withdrawals.one(withdrawal_id))
    if found is None:
        raise click.ClickException(f"no withdrawal {withdrawal_id} was reserved")
    console.print_parts(asdict(found), {}, file_format=file_format)


# ------------------------------------------------------------------------------------------------------------ sessions


@click.group("sessions")
def sessions() -> None:
    """Game sessions: those that are open, and all others."""


@sessions.command("list")
@click.option("--player", "player_id", type=_PLAYER, help="Only of this player.")
@click.option("--source", help="Only of this caller.")
@click.option(
    "--status", type=click.Choice([status.value.lower() for status in SessionStatus]), help="Only of this status."
)
@click.option("--older-than", type=AGE, help="Only those opened longer ago than this, such as 4h.")
@click.option("--oldest-first", is_flag=True, help="Otherwise the newest come first.")
@limited
@formats
def list_sessions(
    *,
    player_id: int | None,
    source: str | None,
    status: str | None,
    older_than: timedelta | None,
    oldest_first: bool,
    limit: int,
    file_format: str | None,
) -> None:
    """List sessions, in the order in which they were opened."""
    wanted = SessionFilter(
        player_id=None if player_id is None else PlayerId(player_id),
        source=None if source is None else source_of(source),
        status=None if status is None else SessionStatus(status.upper()),
        older_than=older_than,
        oldest_first=oldest_first,
    )
    print_pages(lambda lookups: partial(lookups.sessions.page, wanted), None, limit, asdict, file_format)


@sessions.command("show")
@click.argument("session_token")
@formats
def show_session(session_token: str, file_format: str | None) -> None:
    """Show a session. What was played in it: LedgerSessionService.ListSessionTransactions."""
    address = session_address(session_token)
    found = None if address is None else ask(lambda lookups: lookups.sessions.one(address))
    if found is None:
        raise click.ClickException(f"there is no session {session_token}; `wallet find` finds it by other names")
    console.print_parts(asdict(found), {}, file_format=file_format)


# ------------------------------------------------------------------------------------------------------------- reading


def print_pages(
    page_of: Callable[[Lookups], Callable[[Any, int], Awaitable[Slice[Any, Any]]]],
    after: Any,
    limit: int,
    line_of: Callable[[Any], dict[str, Any]],
    file_format: str | None,
) -> None:
    """Print a list, up to a limit; a page that filtered all away is not the end of it."""

    async def look(lookups: Lookups) -> tuple[list[dict[str, Any]], bool]:
        read, place = page_of(lookups), after
        lines: list[dict[str, Any]] = []
        while True:
            found = await read(place, min(_PAGE_ROWS, limit - len(lines)))
            lines += [line_of(placed.row) for placed in found.rows]
            place = found.next_place
            if place is None or len(lines) == limit:
                return lines, place is not None

    lines, is_cut = ask(look)
    console.print_listing(lines, file_format=file_format, empty="there are none")
    if is_cut:
        click.echo("there may be more (--limit)", err=True)


def ask(question: Callable[[Lookups], Awaitable[Found]]) -> Found:
    """Ask the look-ups of the database that the settings name, or of the stack that `make run` has running."""
    settings = read_settings()

    async def look(cells: Cells) -> Found:
        lookups = lookups_of(settings, cells)
        try:
            return await question(lookups)
        finally:
            await lookups.close()

    try:
        with connect(settings.backoffice_dsn, command()) as connection:
            cells = Cells(len(all_cells(connection)))
        return asyncio.run(look(cells))
    except psycopg.Error as error:
        raise failed(error, settings) from error
    except DatabaseUnavailableError as error:
        raise click.ClickException(f"the database did not answer in time: {error}") from error
