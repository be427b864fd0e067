"""Commands: what callers ask for, checked in shape and stamped with who asks. One class a call, in its capability."""

from __future__ import annotations

from wallet_grpc.domain.credit.commands import CreditCommand
from wallet_grpc.domain.identifiers import (
    OwnerId,
)
from wallet_grpc.domain.ledgers.commands import LedgerCommand
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    UnlocatedEnding,
    Win,
)
from wallet_grpc.domain.sessions.commands import OpenSession, SessionCommand

Keyed = (
    Bet
    | Win
    | Rollback
    | BetAndWin
    | ReserveWithdrawal
    | SettleWithdrawal
    | FailWithdrawal
    | ApplyDeposit
    | Adjust
    | SetPlayerState
    | OpenSession
)
"""Commands that the ledger remembers under a key of their own."""


PlayerCommand = Keyed | SessionCommand
"""Commands whose owner is a player."""


Command = PlayerCommand | CreditCommand | LedgerCommand


Request = Command | UnlocatedEnding
"""What a caller asks for: an ending becomes a command once its owner is known."""


def owner_of(command: Command) -> OwnerId:
    """Whose state the command changes: the shard key."""
    if isinstance(command, CreditCommand):
        return command.wallet.owner_id
    if isinstance(command, LedgerCommand):
        return command.owner_id
    return OwnerId(command.player_id)
