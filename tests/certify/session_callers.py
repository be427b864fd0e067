"""Sample callers for `wallet certify` that play game sessions."""

from typing import Any

from certify.callers import STAKE_MINOR, TRIES_TO_THE_END_MAX, WIN_MINOR, GoodCaller, UnansweredError

from wallet.v1 import session_pb2 as session_pb
from wallet.v1 import session_pb2_grpc
from wallet.v1 import wallet_pb2 as pb


class SessionCaller(GoodCaller):
    """Plays its rounds in two game sessions, and settles them."""

    rounds = 6

    async def play_rounds(self) -> None:
        sessions: Any = session_pb2_grpc.LedgerSessionServiceStub(self.channel)
        self.stub, whose = sessions, self.whose
        for _ in range(2):
            opening = session_pb.OpenSessionRequest(
                transaction_id=self.new_id(), game_code="certify", lock_amount_minor="1000", **whose
            )
            opened = await self.send(sessions.OpenSession, opening, tries_max=TRIES_TO_THE_END_MAX)
            self.whose = {"session_token": opened.session_token}
            await super().play_rounds()
            await self.settle()

    async def settle(self) -> None:
        settlement = session_pb.SettleSessionRequest(**self.whose)
        await self.send(self.stub.SettleSession, settlement, tries_max=TRIES_TO_THE_END_MAX)

    def new_bet(self, number: int) -> Any:
        return session_pb.SessionBetRequest(
            transaction_id=self.new_id(), amount_minor=str(STAKE_MINOR), round_id=str(number), **self.whose
        )

    def new_win(self, bet: Any) -> Any:
        return session_pb.SessionWinRequest(
            transaction_id=self.new_id(),
            reference_transaction_id=bet.transaction_id,
            amount_minor=str(WIN_MINOR),
            win_kind=pb.WIN_KIND_REGULAR,
            round_closed=True,
            round_id=bet.round_id,
            **self.whose,
        )

    def new_rollback(self, bet: Any) -> Any:
        return session_pb.SessionRollbackRequest(reference_transaction_id=bet.transaction_id, **self.whose)


class OpensAnew(SessionCaller):
    """Opens another session where the answer to the opening was lost."""

    def again(self, request: Any) -> Any:
        if isinstance(request, session_pb.OpenSessionRequest):
            request.transaction_id = self.new_id()
        return request


class SettlesOnce(SessionCaller):
    """Leaves a session to itself whose settlement has no answer."""

    async def settle(self) -> None:
        try:
            await self.send(self.stub.SettleSession, session_pb.SettleSessionRequest(**self.whose), tries_max=1)
        except UnansweredError:
            return
