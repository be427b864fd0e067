"""The part of BackofficeService that reports: what accounts hold, what is owed, what games earned."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain.days import DAY_LENGTH
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.rpc.pages import page_size
from wallet_grpc.rpc.wire import fill_timestamp, moment_of
from wallet_grpc.store.backoffice.figures import (
    AccountFigure,
    AccountFigures,
    Basis,
    FigureReader,
    FutureDayError,
)
from wallet_grpc.store.backoffice.open_day import DaysBehindError
from wallet_grpc.store.backoffice.revenue import FIRST_PART, NO_DAY, Revenue, RevenueKey, RevenueSplit
from wallet_grpc.store.reads.slices import SESSION_PLAY

from .answers import KIND_NUMBERS
from .lookups import READERS
from .pages import network_part, read_token, text_part, time_part, write_token
from .requests import period_of

OWED = ("MAIN", "WITHDRAW_HOLD", "SESSION_HOLD", "BONUS", SESSION_PLAY, "WALLET")
"""Types of accounts that the house owes, and what sessions under way have won beside what they hold."""
_PLAY = (Kind.BET, Kind.WIN, Kind.BET_AND_WIN, Kind.ROLLBACK)
_BY = {
    pb.REVENUE_BY_DAY: "by_day",
    pb.REVENUE_BY_SOURCE: "by_source",
    pb.REVENUE_BY_GAME: "by_game",
    pb.REVENUE_BY_CURRENCY_NETWORK: "",
}


class FigureServicer:
    """Figures over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, figures: FigureReader) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._figures = figures

    @gated(*READERS)
    async def GetTrialBalance(
        self, request: pb.GetTrialBalanceRequest, _call: CallContext
    ) -> pb.GetTrialBalanceResponse:
        """Tell what every type of account holds."""
        found = await self._accounts(request)
        response = pb.GetTrialBalanceResponse()
        fill_basis(found.basis, response.basis)
        for figure in found.accounts:
            if figure.account_type != SESSION_PLAY:  # it is in no account
                _trial_row(figure, found.basis, response.rows.add())
        return response

    @gated(*READERS)
    async def GetLiabilities(self, request: pb.GetLiabilitiesRequest, _call: CallContext) -> pb.GetLiabilitiesResponse:
        """Tell what is owed."""
        found = await self._accounts(request)
        response = pb.GetLiabilitiesResponse()
        fill_basis(found.basis, response.basis)
        for figure in sorted(_owed(found.accounts), key=_place_of):
            _liability_row(figure, found.basis, response.rows.add())
        return response

    @gated(*READERS)
    async def GetGamingRevenue(
        self, request: pb.GetGamingRevenueRequest, _call: CallContext
    ) -> pb.GetGamingRevenueResponse:
        """Tell what games earned."""
        split = _split(request)
        size = page_size(request.page_size)
        place = read_token(request.page_token, time_part, network_part, text_part, text_part)
        after = FIRST_PART if place is None else RevenueKey(*place)
        with _told_why():
            found = await self._figures.revenue(split, after, size)
        response = pb.GetGamingRevenueResponse()
        fill_basis(found.basis, response.basis)
        for part, revenue, is_open in found.parts:
            period = (
                (part.begins_at, part.begins_at + DAY_LENGTH) if split.by_day else (found.counts_from, found.counts_to)
            )
            _revenue_row(part, revenue, period, response.rows.add(), is_open=is_open)
        if found.more:
            response.next_page_token = write_token(found.parts[-1][0])
        return response

    async def _accounts(self, request: pb.GetTrialBalanceRequest | pb.GetLiabilitiesRequest) -> AccountFigures:
        at = moment_of(request.at, "at") if request.HasField("at") else None
        with _told_why():
            return await self._figures.accounts(at)


@contextmanager
def _told_why() -> Iterator[None]:
    """Refuse what cannot be told, or not yet, saying why."""
    try:
        yield
    except FutureDayError as error:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "at", "is yet to come")) from error
    except DaysBehindError as error:
        raise RefusedError(Refusal(reason=Reason.DATABASE_UNAVAILABLE, message=str(error))) from error


# ------------------------------------------------------------------------------------------------------------ requests


def _split(request: pb.GetGamingRevenueRequest) -> RevenueSplit:
    ways: set[str] = set()
    for number in request.by:
        if number not in _BY:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "by", f"{number} is no way to split revenue"))
        ways.add(_BY[number])
    begins_at, ends_at = period_of(request)
    return RevenueSplit(
        begins_at=begins_at,
        ends_at=ends_at,
        by_day="by_day" in ways,
        by_source="by_source" in ways,
        by_game="by_game" in ways,
    )


# ------------------------------------------------------------------------------------------------------------- answers


def fill_basis(basis: Basis, message: pb.FigureBasis) -> None:
    """Tell as of when figures are."""
    fill_timestamp(basis.as_of, message.as_of)
    if basis.closed_until is not None:
        fill_timestamp(basis.closed_until, message.closed_until)
    if basis.open_day_as_of is not None:
        message.includes_open_day = True
        fill_timestamp(basis.open_day_as_of, message.open_day_as_of)


def _trial_row(figure: AccountFigure, basis: Basis, message: pb.TrialBalanceRow) -> None:
    message.currency_network_id = figure.currency_network_id
    message.account = figure.account_type
    message.debits_minor = str(figure.debits_minor)
    message.credits_minor = str(figure.credits_minor)
    message.balance_minor = str(figure.balance_minor)
    _rows(
        message.rows,
        figure.currency_network_id,
        f"every posting to {figure.account_type} accounts before {_told(basis.as_of)}",
        ends_at=basis.as_of,
    )


def _owed(accounts: Collection[AccountFigure]) -> list[AccountFigure]:
    return [figure for figure in accounts if figure.account_type in OWED]


def _place_of(figure: AccountFigure) -> tuple[int, int]:
    return figure.currency_network_id, OWED.index(figure.account_type)


def _liability_row(figure: AccountFigure, basis: Basis, message: pb.LiabilityRow) -> None:
    message.currency_network_id = figure.currency_network_id
    message.account = figure.account_type
    message.amount_minor = str(figure.balance_minor)
    if figure.account_type == SESSION_PLAY:
        _rows(
            message.rows,
            figure.currency_network_id,
            f"bets, wins and rollbacks in sessions that were not settled before {_told(basis.as_of)}",
            ends_at=basis.as_of,
            sessions=True,
        )
    else:
        _rows(
            message.rows,
            figure.currency_network_id,
            f"every posting to {figure.account_type} accounts before {_told(basis.as_of)}",
            ends_at=basis.as_of,
        )


def _revenue_row(
    part: RevenueKey,
    revenue: Revenue,
    period: tuple[datetime | None, datetime | None],
    message: pb.RevenueRow,
    *,
    is_open: bool,
) -> None:
    if part.begins_at != NO_DAY:
        fill_timestamp(part.begins_at, message.day)
    message.currency_network_id = part.currency_network_id
    message.source = part.source
    message.game_code = part.game_code
    message.bets_minor = str(revenue.bets_minor)
    message.wins_minor = str(revenue.wins_minor)
    message.rolled_back_bets_minor = str(revenue.rolled_back_bets_minor)
    message.rolled_back_wins_minor = str(revenue.rolled_back_wins_minor)
    message.revenue_minor = str(revenue.revenue_minor)
    message.bets = revenue.bets
    message.wins = revenue.wins
    message.is_open = is_open
    begins_at, ends_at = period
    _rows(
        message.rows,
        part.currency_network_id,
        "bets, wins and rollbacks of the ledger, and those inside sessions; not what settlements of sessions posted",
        begins_at=begins_at,
        ends_at=ends_at,
        sessions=True,
    )
    message.rows.source = part.source
    message.rows.game_code = part.game_code
    message.rows.kinds.extend(KIND_NUMBERS[kind] for kind in _PLAY)


def _rows(
    message: pb.FigureRows,
    network_id: int,
    in_words: str,
    begins_at: datetime | None = None,
    ends_at: datetime | None = None,
    *,
    sessions: bool = False,
) -> None:
    message.currency_network_id = network_id
    message.in_words = in_words
    message.sessions = sessions
    if begins_at is not None:
        fill_timestamp(begins_at, getattr(message, "from"))
    if ends_at is not None:
        fill_timestamp(ends_at, message.to)


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
