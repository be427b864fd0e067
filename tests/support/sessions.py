"""Game sessions as their callers have them: requests about one, and one strict way to send and to be refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from support.refusals import opened
from support.requests import GAME, Player, fresh_id, id_of
from support.wallet import TIMEOUT_S, Caller, Sender, Wallet, check_replay, patiently
from wallet.v1 import session_pb2 as pb
from wallet.v1 import session_pb2_grpc, wallet_pb2

OPERATIONS: dict[type[Message], tuple[str, str]] = {
    pb.OpenSessionRequest: ("open_session", "OpenSession"),
    pb.SessionBetRequest: ("bet", "Bet"),
    pb.SessionWinRequest: ("win", "Win"),
    pb.SessionRollbackRequest: ("rollback", "Rollback"),
    pb.SettleSessionRequest: ("settle_session", "SettleSession"),
}
_READS: dict[type[Message], str] = {
    pb.GetSessionRequest: "GetSession",
    pb.GetSessionRoundRequest: "GetRound",
    pb.ListSessionTransactionsRequest: "ListSessionTransactions",
}


def open_session(player: Player, lock_minor: str = "50", **fields: Any) -> pb.OpenSessionRequest:
    named: dict[str, Any] = {
        "transaction_id": fresh_id("open"),
        "player_id": player.player_id,
        "currency_network_id": player.currency_network_id,
        "game_code": GAME,
        "lock_amount_minor": lock_minor,
    }
    return pb.OpenSessionRequest(**(named | fields))


def operation(request: Message) -> pb.SessionOperation:
    if isinstance(request, pb.SessionOperation):
        return request
    return pb.SessionOperation(**{OPERATIONS[type(request)][0]: request})


@dataclass(frozen=True, slots=True)
class Play:
    """Builds requests about one session."""

    token: str

    def bet(self, amount_minor: str = "10", **fields: Any) -> pb.SessionBetRequest:
        named = {"transaction_id": fresh_id("bet"), "round_id": fresh_id("round"), "amount_minor": amount_minor}
        return pb.SessionBetRequest(**({"session_token": self.token} | named | fields))

    def win(
        self, amount_minor: str = "20", *, of: pb.SessionBetRequest | None = None, **fields: Any
    ) -> pb.SessionWinRequest:
        named: dict[str, Any] = {
            "session_token": self.token,
            "transaction_id": fresh_id("win"),
            "amount_minor": amount_minor,
            "win_kind": wallet_pb2.WIN_KIND_REGULAR,
        }
        if of is not None:
            named |= {"reference_transaction_id": of.transaction_id, "round_id": of.round_id}
        return pb.SessionWinRequest(**(named | fields))

    def rollback(self, of: Message | str, **fields: Any) -> pb.SessionRollbackRequest:
        reference = of if isinstance(of, str) else id_of(of)
        named = {"transaction_id": fresh_id("back"), "reference_transaction_id": reference}
        return pb.SessionRollbackRequest(**({"session_token": self.token} | named | fields))

    def settle(self, **fields: Any) -> pb.SettleSessionRequest:
        return pb.SettleSessionRequest(session_token=self.token, **fields)

    def read(self) -> pb.GetSessionRequest:
        return pb.GetSessionRequest(session_token=self.token)

    def round(self, round_id: str) -> pb.GetSessionRoundRequest:
        return pb.GetSessionRoundRequest(session_token=self.token, round_id=round_id)

    def journal(self, **fields: Any) -> pb.ListSessionTransactionsRequest:
        return pb.ListSessionTransactionsRequest(session_token=self.token, **fields)


class SessionCaller(Sender):
    """The calls of game sessions, under one key."""

    def __init__(self, caller: Caller, channel: grpc.Channel) -> None:
        self.stub = session_pb2_grpc.LedgerSessionServiceStub(channel)
        self.credentials = caller.credentials

    def call_once(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        kind = type(request)
        method = OPERATIONS[kind][1] if kind in OPERATIONS else _READS[kind]
        return getattr(self.stub, method)(request, metadata=self.credentials, timeout=timeout_s)

    def batch(self, requests: Iterable[Message]) -> list[Any]:
        batch = pb.ExecuteSessionBatchRequest(operations=map(operation, requests))
        answer = patiently(lambda: self.stub.ExecuteBatch(batch, metadata=self.credentials, timeout=TIMEOUT_S))
        assert len(answer.outcomes) == len(batch.operations)
        return [opened(outcome) for outcome in answer.outcomes]

    def stream(self, requests: Iterable[Message]) -> list[Any]:
        sent = map(operation, requests)
        return [opened(outcome) for outcome in self.stub.Execute(sent, metadata=self.credentials, timeout=TIMEOUT_S)]

    # ------------------------------------------------------------------------------------------- send, with a check

    def open(self, player: Player, lock_minor: str = "50", **fields: Any) -> Play:
        session = self.first(open_session(player, lock_minor, **fields))
        assert not session.replayed
        return Play(session.session_token)

    def applied(self, request: Message, *, late: bool = False) -> pb.SessionResult:
        result = self.first(request)
        assert result.status == wallet_pb2.OPERATION_STATUS_APPLIED, result
        assert (result.replayed, result.late) == (False, late), result
        return result

    def replayed(self, request: Message, first: pb.SessionResult) -> pb.SessionResult:
        again = self.call(request)
        check_replay(again, first)
        return again

    def balance(self, play: Play) -> str:
        return str(self.call(play.read()).balance_minor)

    def journal(self, play: Play) -> list[pb.SessionTransaction]:
        return list(self.call(play.journal(page_size=1000)).transactions)


def sessions_of(wallet: Wallet, caller: Caller | None = None) -> SessionCaller:
    """Return the sessions of a wallet's caller, the games' unless said."""
    return SessionCaller(caller or wallet.games, wallet.channel())
