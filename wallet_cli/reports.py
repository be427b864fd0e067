"""What finance asks: `wallet report trial-balance|liabilities|revenue|statement`. docs/finance.md tells what it means.

The same figures as BackofficeService's, straight from the database: of WALLET_BACKOFFICE_DATABASE_URL, or as the
service on connections that cannot write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC
from typing import Any

import click

from wallet_cli import console
from wallet_grpc.domain.identifiers import PLAYER_ID_MAX, PlayerId
from wallet_grpc.store.backoffice.figures import AccountFigures, Basis, FutureDayError
from wallet_grpc.store.backoffice.lookups import Lookups
from wallet_grpc.store.backoffice.open_day import DaysBehindError
from wallet_grpc.store.backoffice.player_statements import StatementPeriod, StatementPlace, StatementTooLongError
from wallet_grpc.store.backoffice.revenue import FIRST_PART, RevenueKey, RevenueSplit
from wallet_grpc.store.reads.moments import UnsettledMomentError
from wallet_grpc.store.reads.slices import SESSION_PLAY

from .lookups import ask, formats
from .options import NETWORK, moment_of, period_of

_PAGE_ROWS = 1_000
_OWED = ("MAIN", "WITHDRAW_HOLD", "SESSION_HOLD", "BONUS", SESSION_PLAY, "WALLET")
_at = click.option("--at", help="As of the last business day that ended by this time, ISO 8601. Default: as of now.")
_from = click.option("--from", "begins_at", help="From this time on, ISO 8601; without an offset it is UTC.")
_to = click.option("--to", "ends_at", help="Up to this time, exclusive.")


@click.group("report")
def report() -> None:
    """Figures of finance: from closed business days, and the open day counted live."""


@report.command("trial-balance")
@_at
@formats
def trial_balance(at: str | None, file_format: str | None) -> None:
    """Show what every kind of account holds: in each currency network the balances sum to zero."""
    found = _accounts(at)
    _tell(found.basis)
    rows = [
        (it.currency_network_id, it.account_type, it.debits_minor, it.credits_minor, it.balance_minor)
        for it in found.accounts
        if it.account_type != SESSION_PLAY
    ]
    _print(("currency_network_id", "account", "debits_minor", "credits_minor", "balance_minor"), rows, file_format)


@report.command("liabilities")
@_at
@formats
def liabilities(at: str | None, file_format: str | None) -> None:
    """Show what is owed to players and to holders of credit wallets, by kind of account."""
    found = _accounts(at)
    _tell(found.basis)
    owed = [it for it in found.accounts if it.account_type in _OWED]
    owed.sort(key=lambda it: (it.currency_network_id, _OWED.index(it.account_type)))
    rows = [(it.currency_network_id, it.account_type, it.balance_minor) for it in owed]
    _print(("currency_network_id", "account", "amount_minor"), rows, file_format)


@report.command("revenue")
@_from
@_to
@click.option(
    "--by",
    "ways",
    multiple=True,
    type=click.Choice(["day", "source", "game"]),
    help="How it is split, beside by currency network; several times for several.",
)
@formats
def revenue(begins_at: str | None, ends_at: str | None, ways: tuple[str, ...], file_format: str | None) -> None:
    """Show gross gaming revenue of the business days that begin in a period: bets less wins, less what was undone."""
    begins, ends = period_of(begins_at, ends_at)
    split = RevenueSplit(
        begins_at=begins,
        ends_at=ends,
        by_day="day" in ways,
        by_source="source" in ways,
        by_game="game" in ways,
    )

    async def read(lookups: Lookups) -> tuple[Basis, list[Sequence[Any]]]:
        rows: list[Sequence[Any]] = []
        after: RevenueKey = FIRST_PART
        while True:
            page = await lookups.figures.revenue(split, after, _PAGE_ROWS)
            for part, came_to, is_open in page.parts:
                day = part.begins_at if split.by_day else None
                rows.append((day, *part[1:], *came_to, came_to.revenue_minor, is_open))
            if not page.more:
                return page.basis, rows
            after = page.parts[-1][0]

    basis, rows = _asked(read)
    _tell(basis)
    columns = (
        "day", "currency_network_id", "source", "game_code", "bets_minor", "wins_minor", "rolled_back_bets_minor",
        "rolled_back_wins_minor", "bets", "wins", "revenue_minor", "is_open",
    )  # fmt: skip
    _print(columns, rows, file_format)


@report.command("statement")
@click.argument("player_id", type=click.IntRange(1, PLAYER_ID_MAX))
@_from
@_to
@click.option("--currency-network", "network_id", type=NETWORK, help="Only in this one.")
@click.option("--accounts", "only_accounts", is_flag=True, help="What each account had and has, instead of the lines.")
@formats
def statement(  # noqa: PLR0917 - its options
    player_id: int,
    begins_at: str | None,
    ends_at: str | None,
    network_id: int | None,
    only_accounts: bool,  # noqa: FBT001 - click's flag
    file_format: str | None,
) -> None:
    """Show what a player's money did in a period, posting by posting."""
    begins, ends = period_of(begins_at, ends_at)
    period = StatementPeriod(
        player_id=PlayerId(player_id),
        begins_at=begins,
        ends_at=ends,
        currency_network_id=network_id,
    )

    async def read_lines(lookups: Lookups) -> list[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        after: StatementPlace | None = None
        settled = await lookups.statements.settled(period)
        while True:
            page = await lookups.statements.page(settled, after, _PAGE_ROWS, with_accounts=False)
            rows += [(line.created_at, line.tx_id, line.kind, *line[4:]) for line in page.lines]
            after = page.next_place
            if after is None:
                return rows

    async def read_accounts(lookups: Lookups) -> list[Sequence[Any]]:
        return [
            (it.currency_network_id, it.account_type, it.opening_minor, it.closing_minor)
            for it in await lookups.statements.accounts(await lookups.statements.settled(period))
        ]

    if only_accounts:
        columns: Sequence[str] = ("currency_network_id", "account", "opening_minor", "closing_minor")
        _print(columns, _asked(read_accounts), file_format)
        return
    columns = (
        "created_at", "tx_id", "kind", "transaction_id", "source", "currency_network_id", "account", "amount_minor",
        "balance_after_minor", "game_code", "round_id",
    )  # fmt: skip
    _print(columns, _asked(read_lines), file_format)


def _accounts(at: str | None) -> AccountFigures:
    moment = None if at is None else moment_of(at, "--at")
    found: AccountFigures = _asked(lambda lookups: lookups.figures.accounts(moment))
    return found


def _asked(read: Callable[[Lookups], Any]) -> Any:
    try:
        return ask(read)
    except FutureDayError:
        raise click.BadParameter("is yet to come", param_hint="--at") from None
    except StatementTooLongError as error:
        raise click.BadParameter(
            f"{error}: name a later time, or have the lines without --accounts", param_hint="--from"
        ) from None
    except (DaysBehindError, UnsettledMomentError) as error:
        raise click.ClickException(str(error)) from error


def _tell(basis: Basis) -> None:
    """Say as of when figures are, beside them."""
    told = f"as of {basis.as_of.astimezone(UTC).isoformat(timespec='seconds')}"
    if basis.open_day_as_of is not None:
        told += ", with the open day counted live"
    if basis.closed_until is not None:
        told += f"; closed until {basis.closed_until.astimezone(UTC).isoformat(timespec='seconds')}"
    click.echo(told, err=True)


def _print(columns: Sequence[str], rows: Sequence[Sequence[Any]], file_format: str | None) -> None:
    def all_rows() -> Iterator[Sequence[Any]]:
        yield columns
        yield from rows

    console.print_stream(all_rows(), file_format=file_format or "table")
