"""Commands: what callers ask for, checked in shape and stamped with who asks. One class a call, in its capability.

No command is a subclass of another, so a `match` over them means the same in whatever order its cases stand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from wallet_grpc.domain.credit.commands import CreditCommand
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.ledgers.commands import CreateLedger, LedgerCommand
from wallet_grpc.domain.players.commands import (
    Adjust,
    ApplyDeposit,
    PlayerCommand,
    ReserveWithdrawal,
    SetPlayerState,
    UnlocatedEnding,
)
from wallet_grpc.domain.sessions.commands import OpenSession, SessionCommand

Command = PlayerCommand | OpenSession | SessionCommand | CreditCommand | LedgerCommand


Request = Command | UnlocatedEnding
"""What a caller asks for: an ending becomes a command once its owner is known."""


def owner_of(command: Command) -> OwnerId:
    """Whose state the command changes: the shard key."""
    return _OWNER_OF[type(command)](command)


def _of_player(command: PlayerCommand | OpenSession | SessionCommand) -> OwnerId:
    return OwnerId(command.player_id)


def _of_wallet(command: CreditCommand) -> OwnerId:
    return command.wallet.owner_id


def _of_ledger(command: LedgerCommand) -> OwnerId:
    return command.owner_id


_OWNER_OF: Mapping[type[Command], Callable[[Any], OwnerId]] = {
    **dict.fromkeys((*get_args(PlayerCommand), OpenSession, *get_args(SessionCommand)), _of_player),
    **dict.fromkeys(get_args(CreditCommand), _of_wallet),
    **dict.fromkeys(get_args(LedgerCommand), _of_ledger),
}
"""By the exact class: each `case` of a match that a command is not would cost a tenth of a microsecond (decision 21).
"""
assert set(_OWNER_OF) == set(get_args(Command))

WRITTEN_FOR_ALL_CELLS = frozenset({ApplyDeposit, ReserveWithdrawal, Adjust, SetPlayerState, CreateLedger})
"""Commands that write to what all cells share, with their effect: claims, the trail, ledgers."""
