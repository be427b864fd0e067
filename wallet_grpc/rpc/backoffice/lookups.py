"""The part of BackofficeService that finds: whatever a text names, and lists of players, transactions and the like."""

from __future__ import annotations

import asyncio
from functools import partial

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.ledgers.rules import LEDGER_NOT_FOUND
from wallet_grpc.domain.ledgers.state import parse_ledger_id
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.rpc.credit.requests import wallet_of
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.rpc.pages import PAGE_ROWS_MAX, page_size
from wallet_grpc.rpc.players.requests import PLAYER_STATES
from wallet_grpc.store.backoffice.lookups import Lookups
from wallet_grpc.store.backoffice.sessions import SessionFilter
from wallet_grpc.store.backoffice.withdrawals import UNDER_WAY, WithdrawalFilter
from wallet_grpc.store.reads.keys import Role

from . import answers, requests
from .pages import fill_slices, fill_walked, number_part, read_token, text_part, time_part, uuid_part

READERS = (Role.BACKOFFICE, Role.AUDITOR)
_UNDER_WAY_MAX = 50
_TRANSACTION_NOT_FOUND = Refusal(reason=Reason.TRANSACTION_NOT_FOUND, message="there is no such transaction")


class LookupServicer:
    """What operators find, over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, lookups: Lookups) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._ledgers = execution.directories.ledgers
        self._lookups = lookups

    @gated(*READERS)
    async def Search(self, request: pb.SearchRequest, _call: CallContext) -> pb.SearchResponse:
        """Find whatever a text names."""
        found = await self._lookups.search.find(requests.query_of(request))
        response = pb.SearchResponse(truncated=found.truncated)
        for hit in found.hits:
            answers.hit(hit, response.hits.add())
        return response

    @gated(*READERS)
    async def GetPlayer(self, request: pb.GetPlayerRequest, _call: CallContext) -> pb.GetPlayerResponse:
        """Read a player."""
        player_id = fields.player_id(request.player_id)
        open_ones = SessionFilter(player_id=player_id, unsettled=True)
        under_way = WithdrawalFilter(player_id=player_id, states=UNDER_WAY)
        found, opened, reserved = await asyncio.gather(
            self._lookups.players.one(player_id),
            self._lookups.sessions.page(open_ones, None, _UNDER_WAY_MAX),
            self._lookups.withdrawals.page(under_way, None, _UNDER_WAY_MAX),
        )
        response = answers.player(found)
        for session in opened.rows:
            answers.session(session.row, response.open_sessions.add())
        for withdrawal in reserved.rows:
            answers.withdrawal(withdrawal.row, response.withdrawals_under_way.add())
        return response

    @gated(*READERS)
    async def ListPlayers(self, request: pb.ListPlayersRequest, _call: CallContext) -> pb.ListPlayersResponse:
        """Read a page of players."""
        response = pb.ListPlayersResponse()
        response.next_page_token = await fill_slices(
            response.players,
            size=page_size(request.page_size),
            after=read_token(request.page_token, number_part),
            read=partial(self._lookups.players.page, fields.optional_choice(request.state, PLAYER_STATES, "state")),
            fill=answers.listed_player,
            rows_at_once=PAGE_ROWS_MAX,
        )
        return response

    @gated(*READERS)
    async def ListTransactions(
        self, request: pb.ListTransactionsRequest, _call: CallContext
    ) -> pb.ListTransactionsResponse:
        """Read a page of transactions."""
        wanted = requests.transaction_filter(request)
        response = pb.ListTransactionsResponse()
        response.next_page_token = await fill_walked(
            response.transactions,
            size=page_size(request.page_size),
            after=read_token(request.page_token, uuid_part if wanted.player_id is None else number_part),
            walk=partial(self._lookups.transactions.walk, wanted),
            read=self._lookups.transactions.read,
            fill=answers.listed_transaction,
        )
        return response

    @gated(*READERS)
    async def GetTransactionChain(
        self, request: pb.GetTransactionChainRequest, _call: CallContext
    ) -> pb.GetTransactionChainResponse:
        """Read a transaction with all it hangs together with."""
        tx_id = parse_ledger_id(fields.identifier(request.tx_id, "tx_id").lower())
        if tx_id is None:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "tx_id", "must be a UUID"))
        chain = await self._lookups.chains.of(tx_id)
        if chain is None:
            raise RefusedError(_TRANSACTION_NOT_FOUND)
        response = pb.GetTransactionChainResponse(truncated=chain.truncated)
        for found in chain.transactions:
            answers.chain_transaction(found, response.transactions.add())
        return response

    @gated(*READERS)
    async def ListWithdrawals(
        self, request: pb.ListWithdrawalsRequest, _call: CallContext
    ) -> pb.ListWithdrawalsResponse:
        """Read a page of withdrawals."""
        response = pb.ListWithdrawalsResponse()
        response.next_page_token = await fill_walked(
            response.withdrawals,
            size=page_size(request.page_size),
            after=read_token(request.page_token, time_part, text_part),
            walk=partial(self._lookups.withdrawals.walk, requests.withdrawal_filter(request)),
            read=self._lookups.withdrawals.read,
            fill=answers.withdrawal,
        )
        return response

    @gated(*READERS)
    async def ListSessions(self, request: pb.ListSessionsRequest, _call: CallContext) -> pb.ListSessionsResponse:
        """Read a page of sessions."""
        response = pb.ListSessionsResponse()
        response.next_page_token = await fill_walked(
            response.sessions,
            size=page_size(request.page_size),
            after=read_token(request.page_token, uuid_part),
            walk=partial(self._lookups.sessions.walk, requests.session_filter(request)),
            read=self._lookups.sessions.read,
            fill=answers.session,
        )
        return response

    @gated(*READERS)
    async def ListCreditWallets(
        self, request: pb.ListCreditWalletsRequest, _call: CallContext
    ) -> pb.ListCreditWalletsResponse:
        """Read a page of a ledger's wallets."""
        ledger_id = parse_ledger_id(fields.identifier(request.ledger_id, "ledger_id"))
        if ledger_id is None:
            raise RefusedError(LEDGER_NOT_FOUND)
        size, after = page_size(request.page_size), read_token(request.page_token, text_part)
        await self._ledgers.require(ledger_id, lambda _: True)
        response = pb.ListCreditWalletsResponse()
        response.next_page_token = await fill_slices(
            response.wallets,
            size=size,
            after=after,
            read=partial(self._lookups.wallets.page, ledger_id),
            fill=answers.wallet,
            rows_at_once=PAGE_ROWS_MAX,
        )
        return response

    @gated(*READERS)
    async def ListReservations(
        self, request: pb.ListReservationsRequest, _call: CallContext
    ) -> pb.ListReservationsResponse:
        """Read a page of what holds a part of a wallet."""
        address = wallet_of(request.wallet_key)
        size, after = page_size(request.page_size), read_token(request.page_token, time_part, uuid_part)
        await self._ledgers.require(address.ledger_id, lambda _: True)
        response = pb.ListReservationsResponse()
        response.next_page_token = await fill_slices(
            response.reservations,
            size=size,
            after=after,
            read=partial(self._lookups.wallets.reservations, address),
            fill=answers.reservation,
            rows_at_once=PAGE_ROWS_MAX,
        )
        return response
