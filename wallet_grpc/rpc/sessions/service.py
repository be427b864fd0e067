"""LedgerSessionService serves game sessions: mutations as its table says, reads by the methods below it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.domain import fields
from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.opening import SESSION_NOT_FOUND
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import SessionAddress, session_round_key
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated, gated_stream
from wallet_grpc.rpc.operations import Execution, Mutation, Operation, Operations, in_known_network
from wallet_grpc.rpc.pages import after_number, fill_page, page_size
from wallet_grpc.rpc.wire import game_round
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.sessions import SessionReader

from . import answers, requests
from .answers import RESULT
from .requests import SessionTimes, addressed


def operations_of(times: SessionTimes) -> Mapping[str, Operation]:
    """Give every mutation by its name in `SessionOperation`; what a token names is found, or not, by the rules."""
    return {
        "open_session": Operation(
            Role.GAME, pb.OpenSessionRequest, partial(requests.open_session, times), in_known_network, answers.SESSION
        ),
        "bet": Operation(Role.GAME, pb.SessionBetRequest, requests.bet, None, RESULT),
        "win": Operation(Role.GAME, pb.SessionWinRequest, requests.win, None, RESULT),
        "rollback": Operation(Role.GAME, pb.SessionRollbackRequest, requests.rollback, None, RESULT),
        "settle_session": Operation(
            Role.GAME, pb.SettleSessionRequest, requests.settle_session, None, answers.SETTLEMENT
        ),
    }


class LedgerSessionServicer:
    """Game sessions over gRPC. The protos tell what each call means."""

    def __init__(
        self, gate: CallGate, execution: Execution, readers: ByCell[SessionReader], times: SessionTimes
    ) -> None:
        self.gate = gate
        self.operations = Operations(operations_of(times), execution)
        self._readers = readers

    OpenSession = Mutation("open_session")
    Bet = Mutation("bet")
    Win = Mutation("win")
    Rollback = Mutation("rollback")
    SettleSession = Mutation("settle_session")

    @gated()
    async def GetSession(self, request: pb.GetSessionRequest, call: CallContext) -> pb.Session:
        """Read a session."""
        address = addressed(fields.identifier(request.session_token, "session_token"))
        facts = await self._session(address, call)
        return answers.session(facts, pb.Session())

    @gated()
    async def GetRound(self, request: pb.GetSessionRoundRequest, call: CallContext) -> wallet_pb2.GetRoundResponse:
        """Read a round of a session."""
        token = fields.identifier(request.session_token, "session_token")
        round_id = fields.identifier(request.round_id, "round_id")
        address = addressed(token)
        await self._session(address, call)
        totals = await self._readers.of(address.player_id).round_totals(session_round_key(address.session_id, round_id))
        if totals is None:
            raise RefusedError(Refusal(reason=Reason.ROUND_NOT_FOUND, message="nothing was played in this round"))
        return game_round(totals)

    @gated()
    async def ListSessionTransactions(
        self, request: pb.ListSessionTransactionsRequest, call: CallContext
    ) -> pb.ListSessionTransactionsResponse:
        """Read a page of a session's journal."""
        token = fields.identifier(request.session_token, "session_token")
        size = page_size(request.page_size)
        after = after_number(request.page_token)
        address = addressed(token)
        await self._session(address, call)
        response = pb.ListSessionTransactionsResponse()
        response.next_page_token = await fill_page(
            response.transactions,
            size=size,
            after=after,
            read=partial(self._readers.of(address.player_id).journal, address.session_id),
            cursor_of=lambda row: row.entry.entry_no,
            fill=answers.journal_row,
        )
        return response

    @gated()
    async def ExecuteBatch(
        self, request: pb.ExecuteSessionBatchRequest, call: CallContext
    ) -> pb.ExecuteSessionBatchResponse:
        """Execute mutations in order, each on its own."""
        response = pb.ExecuteSessionBatchResponse()
        await self.operations.batch(request, response, answers.outcome, call)
        return response

    @gated_stream
    async def Execute(
        self, request_iterator: AsyncIterator[pb.SessionOperation], call: CallContext
    ) -> AsyncIterator[pb.SessionOutcome]:
        """Execute a stream of mutations, with the outcomes in their order."""
        async for outcome in self.operations.stream(request_iterator, pb.SessionOutcome, answers.outcome, call):
            yield outcome

    async def _session(self, address: SessionAddress, call: CallContext) -> SessionFacts:
        found = await self._readers.of(address.player_id).session(address)
        if found is None or not rights.sees_play(call.caller, found.source):
            raise RefusedError(SESSION_NOT_FOUND)
        return found.facts
