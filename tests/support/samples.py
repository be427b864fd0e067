"""A valid request of each mutation, with whatever must have happened before it could be applied."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from support.requests import OPERATIONS, Player, fail, settle
from support.wallet import Caller, Wallet
from wallet.v1 import wallet_pb2 as pb

# Each mutation by its name in `Operation`.
CALLS = tuple(name for name, _ in OPERATIONS.values())
# Which calls a role may make.
CALLS_OF_ROLE = {
    "game": ("bet", "win", "rollback", "bet_and_win"),
    "payments": ("reserve_withdrawal", "settle_withdrawal", "fail_withdrawal", "apply_deposit_settlement"),
    "backoffice": ("adjust", "set_player_state"),
    "credit": (),
    "auditor": (),
}


def sample(call: str, player: Player) -> Any:
    """Build a well-formed request, whatever it may be refused for once its shape was looked at."""
    builders: dict[str, Callable[[], Message]] = {
        "bet": lambda: player.bet("10"),
        "win": lambda: player.win("20", of=player.bet()),
        "rollback": lambda: player.rollback(player.bet()),
        "bet_and_win": lambda: player.bet_and_win("10", "20"),
        "reserve_withdrawal": lambda: player.reserve("10"),
        "settle_withdrawal": lambda: settle(player.reserve(), "1"),
        "fail_withdrawal": lambda: fail(player.reserve()),
        "apply_deposit_settlement": lambda: player.deposit("10"),
        "adjust": lambda: player.adjust("10", pb.DIRECTION_CREDIT),
        "set_player_state": lambda: player.state(pb.PLAYER_STATE_BLOCKED),
    }
    return builders[call]()


def prepared(wallet: Wallet, call: str, player: Player, *, by: Caller | None = None) -> Any:
    """Build a request that will be applied, after sending what it needs; the player has at least 10 in MAIN."""
    match call:
        case "win" | "rollback":
            bet = player.bet("10")
            wallet.applied(bet, by=by)
            return player.win("20", of=bet) if call == "win" else player.rollback(bet)
        case "settle_withdrawal" | "fail_withdrawal":
            reservation = player.reserve("10")
            wallet.applied(reservation, by=by)
            return settle(reservation, "1") if call == "settle_withdrawal" else fail(reservation)
        case _:
            return sample(call, player)
