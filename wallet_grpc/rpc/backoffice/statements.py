"""The part of BackofficeService that gives statements: what a player's money did in a period."""

from __future__ import annotations

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.rpc.pages import FOREIGN_TOKEN, page_size
from wallet_grpc.rpc.wire import fill_timestamp
from wallet_grpc.store.backoffice.figures import Basis
from wallet_grpc.store.backoffice.player_statements import (
    StatementAccount,
    StatementLine,
    StatementPeriod,
    StatementPlace,
    StatementReader,
    StatementsBusyError,
    StatementTooLongError,
    UnknownPlaceError,
)
from wallet_grpc.store.reads.moments import UnsettledMomentError

from .answers import KIND_NUMBERS
from .figures import fill_basis
from .lookups import READERS
from .pages import number_part, read_token, uuid_part, write_token
from .requests import network_of, period_of


class StatementServicer:
    """Statements over gRPC. The protos tell what the call means."""

    def __init__(self, gate: CallGate, execution: Execution, statements: StatementReader) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._statements = statements

    @gated(*READERS)
    async def GetStatement(self, request: pb.GetStatementRequest, _call: CallContext) -> pb.GetStatementResponse:
        """Tell what a player's money did."""
        player_id = fields.player_id(request.player_id)
        begins_at, ends_at = period_of(request)
        period = StatementPeriod(
            player_id=player_id,
            begins_at=begins_at,
            ends_at=ends_at,
            currency_network_id=network_of(request.currency_network_id),
        )
        size = page_size(request.page_size)
        place = read_token(request.page_token, uuid_part, number_part)
        try:
            period = await self._statements.settled(period)
            page = await self._statements.page(period, None if place is None else StatementPlace(*place), size)
        except (UnsettledMomentError, StatementsBusyError) as error:
            raise RefusedError(Refusal(reason=Reason.DATABASE_UNAVAILABLE, message=f"{error}; send it again")) from None
        except UnknownPlaceError:
            raise MalformedError(FOREIGN_TOKEN) from None
        except StatementTooLongError as error:
            why = f"{error}: name a later time, or have its lines by `wallet report statement`"
            raise MalformedError(invalid(Reason.INVALID_FIELD, "from", why)) from None
        response = pb.GetStatementResponse()
        ends_at = period.ends_at if period.written is not None else None
        fill_basis(Basis(as_of=ends_at or page.as_of, closed_until=ends_at, open_day_as_of=None), response.basis)
        for account in page.accounts:
            _statement_account(account, response.accounts.add())
        for line in page.lines:
            _statement_line(line, response.lines.add())
        if page.next_place is not None:
            response.next_page_token = write_token(page.next_place)
        return response


def _statement_account(account: StatementAccount, message: pb.StatementAccount) -> None:
    message.currency_network_id = account.currency_network_id
    message.account = account.account_type
    message.opening_minor = str(account.opening_minor)
    message.closing_minor = str(account.closing_minor)
    for kind, (transactions, moved) in sorted(account.totals.items()):
        message.totals.add(kind=KIND_NUMBERS[Kind(kind)], transactions=transactions, amount_minor=str(moved))


def _statement_line(line: StatementLine, message: pb.StatementLine) -> None:
    fill_timestamp(line.created_at, message.created_at)
    message.tx_id = line.tx_id
    message.kind = KIND_NUMBERS[Kind(line.kind)]
    message.transaction_id = line.transaction_id
    message.source = line.source
    message.currency_network_id = line.currency_network_id
    message.account = line.account_type
    message.amount_minor = line.amount_minor
    message.balance_after_minor = line.balance_after_minor
    message.game_code = line.game_code
    message.round_id = line.round_id
