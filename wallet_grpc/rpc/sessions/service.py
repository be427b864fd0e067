"""LedgerSessionService: each method converts the request, calls the engine or the reader, and converts the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.domain import fields
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.sessions.opening import SESSION_NOT_FOUND
from wallet_grpc.domain.sessions.outcomes import Played, SessionFacts, Settled
from wallet_grpc.domain.sessions.state import SessionAddress, session_round_key
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated, gated_stream
from wallet_grpc.rpc.operations import Dialect, Execution, Operations
from wallet_grpc.rpc.pages import after_number, fill_page, page_size
from wallet_grpc.rpc.players import answers
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.sessions import SessionReader

from . import answers as session_answers
from .requests import SessionTimes, addressed, session_calls


class LedgerSessionServicer:
    """Game sessions over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, reader: SessionReader, times: SessionTimes) -> None:
        self.gate = gate
        self._reader = reader
        self._operations = Operations(
            Dialect(calls=session_calls(times), new_outcome=pb.SessionOutcome, fill_outcome=session_answers.outcome),
            execution,
        )

    @gated(Role.GAME)
    async def OpenSession(self, request: pb.OpenSessionRequest, call: CallContext) -> pb.Session:
        """Lock a stake."""
        decided = await self._operations.one("open_session", request, call)
        assert isinstance(decided, SessionFacts)
        return session_answers.session(decided, pb.Session())

    @gated(Role.GAME)
    async def Bet(self, request: pb.SessionBetRequest, call: CallContext) -> pb.SessionResult:
        """Take a stake."""
        decided = await self._operations.one("bet", request, call)
        assert isinstance(decided, Played)
        return session_answers.result(decided, pb.SessionResult())

    @gated(Role.GAME)
    async def Win(self, request: pb.SessionWinRequest, call: CallContext) -> pb.SessionResult:
        """Pay a win."""
        decided = await self._operations.one("win", request, call)
        assert isinstance(decided, Played)
        return session_answers.result(decided, pb.SessionResult())

    @gated(Role.GAME)
    async def Rollback(self, request: pb.SessionRollbackRequest, call: CallContext) -> pb.SessionResult:
        """Reverse a bet or a win."""
        decided = await self._operations.one("rollback", request, call)
        assert isinstance(decided, Played)
        return session_answers.result(decided, pb.SessionResult())

    @gated(Role.GAME)
    async def SettleSession(self, request: pb.SettleSessionRequest, call: CallContext) -> pb.SettleSessionResponse:
        """End a session."""
        decided = await self._operations.one("settle_session", request, call)
        assert isinstance(decided, Settled)
        return session_answers.settlement(decided, pb.SettleSessionResponse())

    @gated()
    async def GetSession(self, request: pb.GetSessionRequest, call: CallContext) -> pb.Session:
        """Read a session."""
        address = addressed(fields.identifier(request.session_token, "session_token"))
        facts = await self._session(address, call)
        return session_answers.session(facts, pb.Session())

    @gated()
    async def GetRound(self, request: pb.GetSessionRoundRequest, call: CallContext) -> wallet_pb2.GetRoundResponse:
        """Read a round of a session."""
        token = fields.identifier(request.session_token, "session_token")
        round_id = fields.identifier(request.round_id, "round_id")
        address = addressed(token)
        await self._session(address, call)
        totals = await self._reader.round_totals(session_round_key(address.session_id, round_id))
        if totals is None:
            raise RefusedError(Refusal(reason=Reason.ROUND_NOT_FOUND, message="nothing was played in this round"))
        return answers.game_round(totals)

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
            read=partial(self._reader.journal, address.session_id),
            cursor_of=lambda row: row.entry.entry_no,
            fill=session_answers.journal_row,
        )
        return response

    @gated()
    async def ExecuteBatch(
        self, request: pb.ExecuteSessionBatchRequest, call: CallContext
    ) -> pb.ExecuteSessionBatchResponse:
        """Execute mutations in order, each on its own."""
        response = pb.ExecuteSessionBatchResponse()
        await self._operations.batch(request, response, call)
        return response

    @gated_stream
    async def Execute(
        self, request_iterator: AsyncIterator[pb.SessionOperation], call: CallContext
    ) -> AsyncIterator[pb.SessionOutcome]:
        """Execute a stream of mutations, with the outcomes in their order."""
        async for outcome in self._operations.stream(request_iterator, call):
            yield outcome

    async def _session(self, address: SessionAddress, call: CallContext) -> SessionFacts:
        found = await self._reader.session(address)
        if found is None or not rights.sees_play(call.caller, found.source):
            raise RefusedError(SESSION_NOT_FOUND)
        return found.facts
