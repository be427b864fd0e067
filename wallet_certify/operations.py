"""Operations: what a caller asks that moves money, read out of its calls one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wallet.v1 import session_pb2, wallet_pb2


class Kind(Enum):
    """What an operation does."""

    BET = "bet"
    WIN = "win"
    BET_AND_WIN = "bet_and_win"
    ROLLBACK = "rollback"
    OPENING = "open_session"
    SETTLEMENT = "settle_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation as it was asked."""

    kind: Kind
    scope: str
    """The session that its id and its round are known in; empty outside."""
    transaction_id: str
    reference: str
    round: tuple[str, ...]
    """The round that it is of: session, player, currency network, game and round; empty where it names none."""
    round_closed: bool
    amount_minor: int
    gain_minor: int
    """What the player gains by it, negative for a stake; 0 of what tells no amount."""
    content: tuple[str, ...]
    """All but its id, by which one that is asked again under another id is known."""
    needs_bet: bool
    """Whether it is a win that must name its bet."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return (self.scope, self.transaction_id)

    @property
    def reference_key(self) -> tuple[str, str]:
        """What the operation is known by that it refers to."""
        return (self.scope, self.reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is one operation."""

    kind: Kind
    request: type[Any]
    response: type[Any]


def _calls() -> dict[str, Call]:
    players = {
        "Bet": (Kind.BET, wallet_pb2.BetRequest),
        "Win": (Kind.WIN, wallet_pb2.WinRequest),
        "BetAndWin": (Kind.BET_AND_WIN, wallet_pb2.BetAndWinRequest),
        "Rollback": (Kind.ROLLBACK, wallet_pb2.RollbackRequest),
    }
    sessions: Mapping[str, tuple[Kind, type[Any], type[Any]]] = {
        "OpenSession": (Kind.OPENING, session_pb2.OpenSessionRequest, session_pb2.Session),
        "Bet": (Kind.BET, session_pb2.SessionBetRequest, session_pb2.SessionResult),
        "Win": (Kind.WIN, session_pb2.SessionWinRequest, session_pb2.SessionResult),
        "Rollback": (Kind.ROLLBACK, session_pb2.SessionRollbackRequest, session_pb2.SessionResult),
        "SettleSession": (Kind.SETTLEMENT, session_pb2.SettleSessionRequest, session_pb2.SettleSessionResponse),
    }
    of_players = {
        f"/wallet.v1.WalletService/{name}": Call(kind=kind, request=request, response=wallet_pb2.OperationResult)
        for name, (kind, request) in players.items()
    }
    of_sessions = {
        f"/wallet.v1.LedgerSessionService/{name}": Call(kind=kind, request=request, response=response)
        for name, (kind, request, response) in sessions.items()
    }
    return of_players | of_sessions


CALLS = _calls()
"""The calls that are looked at; all others are handed on as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCall:
    """A call of many operations at once."""

    request: type[Any]
    response: type[Any]
    outcome: type[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCall:
    """A call that streams operations in, and their outcomes out."""

    operation: type[Any]
    outcome: type[Any]


BATCHES = {
    "/wallet.v1.WalletService/ExecuteBatch": BatchCall(
        request=wallet_pb2.ExecuteBatchRequest, response=wallet_pb2.ExecuteBatchResponse, outcome=wallet_pb2.Outcome
    ),
    "/wallet.v1.LedgerSessionService/ExecuteBatch": BatchCall(
        request=session_pb2.ExecuteSessionBatchRequest,
        response=session_pb2.ExecuteSessionBatchResponse,
        outcome=session_pb2.SessionOutcome,
    ),
}
STREAMS = {
    "/wallet.v1.WalletService/Execute": StreamCall(operation=wallet_pb2.Operation, outcome=wallet_pb2.Outcome),
    "/wallet.v1.LedgerSessionService/Execute": StreamCall(
        operation=session_pb2.SessionOperation, outcome=session_pb2.SessionOutcome
    ),
}
_KINDS = {kind.value: kind for kind in Kind}
"""By their names in a batch or a stream."""


def read_grouped(grouped: Any) -> Operation | None:
    """Read an operation of a batch or a stream; None of one that is handed on as it is."""
    name: str | None = grouped.WhichOneof("operation")
    kind = _KINDS.get(name or "")
    return None if name is None or kind is None else read(kind, getattr(grouped, name))


def read(kind: Kind, request: Any) -> Operation:
    """Read an operation out of a request of its call."""
    scope: str = getattr(request, "session_token", "")
    reference: str = getattr(request, "reference_transaction_id", "")
    transaction_id: str = getattr(request, "transaction_id", "") or (f"rollback:{reference}" if reference else "settle")
    whose = (str(getattr(request, "player_id", "")), str(getattr(request, "currency_network_id", "")))
    game: str = getattr(request, "game_code", "")
    round_id: str = getattr(request, "round_id", "")
    amount = _amount(request, "lock_amount_minor" if kind is Kind.OPENING else "amount_minor")
    won = amount if kind is Kind.WIN else _amount(request, "win_amount_minor")
    staked = amount if kind in {Kind.BET, Kind.BET_AND_WIN} else 0
    gain = won - staked
    return Operation(
        kind=kind,
        scope=scope,
        transaction_id=transaction_id,
        reference=reference,
        round=(scope, *whose, game, round_id) if round_id else (),
        round_closed=getattr(request, "round_closed", False),
        amount_minor=amount,
        gain_minor=gain,
        content=(kind.value, scope, *whose, game, round_id, reference, str(amount), str(gain)),
        needs_bet=kind is Kind.WIN and request.win_kind == wallet_pb2.WIN_KIND_REGULAR,
    )


def is_applied(result: Any) -> bool:
    """Whether an answer tells that its operation moved what it asked for: not if it is void, or was reversed before."""
    plays = wallet_pb2.OperationResult | session_pb2.SessionResult
    return not isinstance(result, plays) or result.status == wallet_pb2.OPERATION_STATUS_APPLIED


def _amount(request: Any, field: str) -> int:
    """Read an amount; 0 of what the wallet will refuse."""
    text: str = getattr(request, field, "")
    return int(text) if text.isascii() and text.isdigit() else 0
