"""Requests as values: built here, sent by `support.wallet`.

A case builds its requests once, so that the very same one can be sent alone, in a batch, in a stream, again, or
changed. Every id and every round is fresh unless a case names it, so tests share a server without meeting each other.
"""

import secrets
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from google.protobuf.message import Message

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.cells import cell_of_owner

# The currency networks that every test database has.
USDT_TRON = 1
USDT_ETHEREUM = 2
ETH_ETHEREUM = 3
KNOWN_NETWORKS = (USDT_TRON, USDT_ETHEREUM, ETH_ETHEREUM)
USDC_SOLANA = 5
"""The currency of the studios' page, in the databases of the tests that play it."""
UNKNOWN_NETWORK = 999

# A player whom no test has, for requests that name somebody else.
STRANGER_ID = 4242
CELLS = 3
"""How many cells the suite's larger installations have."""

GAME = "slots-7"

M = TypeVar("M", bound=Message)

# The name of each mutation in `Operation`, and of its call.
OPERATIONS: dict[type[Message], tuple[str, str]] = {
    pb.BetRequest: ("bet", "Bet"),
    pb.WinRequest: ("win", "Win"),
    pb.RollbackRequest: ("rollback", "Rollback"),
    pb.BetAndWinRequest: ("bet_and_win", "BetAndWin"),
    pb.ReserveWithdrawalRequest: ("reserve_withdrawal", "ReserveWithdrawal"),
    pb.SettleWithdrawalRequest: ("settle_withdrawal", "SettleWithdrawal"),
    pb.FailWithdrawalRequest: ("fail_withdrawal", "FailWithdrawal"),
    pb.DepositSettlementRequest: ("apply_deposit_settlement", "ApplyDepositSettlement"),
    pb.AdjustRequest: ("adjust", "Adjust"),
    pb.SetPlayerStateRequest: ("set_player_state", "SetPlayerState"),
}
READS: dict[type[Message], str] = {
    pb.GetBalanceRequest: "GetBalance",
    pb.GetTransactionRequest: "GetTransaction",
    pb.GetRoundRequest: "GetRound",
    pb.ListCurrencyNetworksRequest: "ListCurrencyNetworks",
}
GAME_REQUESTS = (pb.BetRequest, pb.WinRequest, pb.RollbackRequest, pb.BetAndWinRequest)
BACKOFFICE_REQUESTS = (pb.AdjustRequest, pb.SetPlayerStateRequest)


def fresh_id(word: str = "id") -> str:
    """Return an id that nobody used before."""
    return f"{word}-{uuid.uuid4().hex}"


def fresh_player_id() -> int:
    """Return a player that nobody used before."""
    return secrets.randbelow(2**62) + 1


def neighbour_id(player_id: int) -> int:
    """Return a player that nobody used before, of the same cell where there are three.

    Ids of games are unique over players only within a cell, so that is where another player's use of one is refused.
    """
    while True:
        other = fresh_player_id()
        if cell_of_owner(other, CELLS) == cell_of_owner(player_id, CELLS):
            return other


def method_of(request: Message) -> str:
    """Return the name of the call that takes this request."""
    known = OPERATIONS.get(type(request))
    return READS[type(request)] if known is None else known[1]


def operation(request: Message) -> pb.Operation:
    """Return the request as an item of a batch or a stream; an `Operation` stays what it is."""
    if isinstance(request, pb.Operation):
        return request
    return pb.Operation(**{OPERATIONS[type(request)][0]: request})


def id_of(request: Message) -> str:
    """Return the id that the request is known by, the derived one of a rollback included."""
    for name in ("transaction_id", "withdrawal_id", "deposit_id"):
        if getattr(request, name, ""):
            return str(getattr(request, name))
    assert isinstance(request, pb.RollbackRequest), "only a rollback may leave its id empty"
    return f"rollback:{request.reference_transaction_id}"


def changed(request: M, **fields: Any) -> M:
    """Return a copy of the request with other values in some fields."""
    copy = type(request)()
    copy.CopyFrom(request)
    for name, value in fields.items():
        copy.ClearField(name)
        if value is None:
            continue
        if isinstance(value, dict):
            getattr(copy, name).update(value)
        else:
            setattr(copy, name, value)
    return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """A player in one currency network, which builds requests about itself."""

    player_id: int = field(default_factory=fresh_player_id)
    currency_network_id: int = USDT_TRON

    def on(self, currency_network_id: int) -> "Player":
        """Return the same player in another currency network."""
        return replace(self, currency_network_id=currency_network_id)

    def bet(self, amount_minor: str = "10", **fields: Any) -> pb.BetRequest:
        return self._build(pb.BetRequest, _round("bet"), {"amount_minor": amount_minor}, fields)

    def win(self, amount_minor: str = "20", *, of: Message | None = None, **fields: Any) -> pb.WinRequest:
        """Build a win: a REGULAR one of the bet `of`, or of another kind without one."""
        named: dict[str, Any] = _round("win") | {"amount_minor": amount_minor, "win_kind": pb.WIN_KIND_REGULAR}
        if of is not None:
            named |= {"reference_transaction_id": id_of(of), "game_code": of.game_code, "round_id": of.round_id}
        return self._build(pb.WinRequest, named, fields)

    def rollback(self, of: Message | str, **fields: Any) -> pb.RollbackRequest:
        """Build a rollback of a request, or of an id; under an id of its own unless it is given as empty."""
        reference = of if isinstance(of, str) else id_of(of)
        return self._build(
            pb.RollbackRequest,
            {"transaction_id": fresh_id("back"), "reference_transaction_id": reference},
            fields,
        )

    def bet_and_win(self, amount_minor: str = "10", win_amount_minor: str = "20", **fields: Any) -> pb.BetAndWinRequest:
        amounts = {"amount_minor": amount_minor, "win_amount_minor": win_amount_minor}
        return self._build(pb.BetAndWinRequest, _round("spin"), amounts, fields)

    def reserve(self, amount_minor: str = "40", **fields: Any) -> pb.ReserveWithdrawalRequest:
        named = {"withdrawal_id": fresh_id("payout"), "amount_minor": amount_minor}
        return self._build(pb.ReserveWithdrawalRequest, named, fields)

    def deposit(self, amount_minor: str = "50", **fields: Any) -> pb.DepositSettlementRequest:
        named = {"deposit_id": fresh_id("deposit"), "amount_minor": amount_minor}
        return self._build(pb.DepositSettlementRequest, named, fields)

    def adjust(
        self, amount_minor: str = "5", direction: pb.Direction = pb.DIRECTION_CREDIT, **fields: Any
    ) -> pb.AdjustRequest:
        named = {
            "transaction_id": fresh_id("adjust"),
            "amount_minor": amount_minor,
            "direction": direction,
            "reason": "a goodwill credit",
            "actor": "ana@desk",
        }
        return self._build(pb.AdjustRequest, named, fields)

    def state(self, state: pb.PlayerState, **fields: Any) -> pb.SetPlayerStateRequest:
        named = {
            "transaction_id": fresh_id("state"),
            "player_id": self.player_id,
            "state": state,
            "reason": "asked by phone",
            "actor": "ana@desk",
        }
        return pb.SetPlayerStateRequest(**(named | fields))

    def balance(self) -> pb.GetBalanceRequest:
        return pb.GetBalanceRequest(player_id=self.player_id, currency_network_id=self.currency_network_id)

    def round(self, of: Message) -> pb.GetRoundRequest:
        """Build a read of the round that a bet or a win stands in."""
        return self._build(pb.GetRoundRequest, {"game_code": of.game_code, "round_id": of.round_id})

    def _build(self, kind: type[Any], *parts: dict[str, Any]) -> Any:
        fields: dict[str, Any] = {"player_id": self.player_id, "currency_network_id": self.currency_network_id}
        for part in parts:
            fields |= part
        return kind(**fields)


def settle(reservation: pb.ReserveWithdrawalRequest | str, fee_minor: str = "0", **fields: Any) -> Any:
    withdrawal_id = reservation if isinstance(reservation, str) else reservation.withdrawal_id
    return pb.SettleWithdrawalRequest(**({"withdrawal_id": withdrawal_id, "fee_minor": fee_minor} | fields))


def fail(reservation: pb.ReserveWithdrawalRequest | str, **fields: Any) -> pb.FailWithdrawalRequest:
    withdrawal_id = reservation if isinstance(reservation, str) else reservation.withdrawal_id
    return pb.FailWithdrawalRequest(**({"withdrawal_id": withdrawal_id} | fields))


def _round(word: str) -> dict[str, Any]:
    return {"transaction_id": fresh_id(word), "game_code": GAME, "round_id": fresh_id("round")}
