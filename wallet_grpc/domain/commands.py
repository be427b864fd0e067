"""Commands: what callers ask for, checked in shape and stamped with who asks. One class a call, in its capability.

No command is a subclass of another, so a `match` over them means the same in whatever order its cases stand.
"""

from __future__ import annotations

from typing import assert_never

from wallet_grpc.domain.credit.commands import Commit, Credit, CreditCommand, Debit, Release, Reserve
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.ledgers.commands import CreateLedger, LedgerCommand, PostJournalEntry
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    FailWithdrawal,
    PlayerCommand,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    UnlocatedEnding,
    Win,
)
from wallet_grpc.domain.sessions.commands import (
    OpenSession,
    SessionBet,
    SessionCommand,
    SessionRollback,
    SessionWin,
    SettleSession,
)

Command = PlayerCommand | OpenSession | SessionCommand | CreditCommand | LedgerCommand


Request = Command | UnlocatedEnding
"""What a caller asks for: an ending becomes a command once its owner is known."""


def owner_of(command: Command) -> OwnerId:
    """Whose state the command changes: the shard key."""
    match command:
        case Bet() | SessionBet() | Win() | SessionWin() | BetAndWin() | Rollback() | SessionRollback():
            return OwnerId(command.player_id)
        case Credit() | Debit() | Reserve() | Commit() | Release():
            return command.wallet.owner_id
        case OpenSession() | SettleSession() | ReserveWithdrawal() | SettleWithdrawal() | FailWithdrawal():
            return OwnerId(command.player_id)
        case ApplyDeposit() | Adjust() | SetPlayerState():
            return OwnerId(command.player_id)
        case CreateLedger() | PostJournalEntry():
            return command.owner_id
        case _:
            assert_never(command)
