"""What commands on a player's own money need: their transaction, what they name, their round, the balances."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct, field

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.identifiers import Key, OwnerId
from wallet_grpc.domain.shared_needs import SharedNeeds

from .commands import (
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
    Win,
)


class PlayerNeeds(Struct, kw_only=True):
    """What the rules may read of players' play, beside what is shared."""

    round_keys: list[Key] = field(default_factory=list)
    """Rounds that are played in."""
    output_keys: list[Key] = field(default_factory=list)
    """Outputs on a network that a deposit uses up."""
    claimed_keys: list[Key] = field(default_factory=list)
    """Ids that a player of another cell may have used: of deposits and of reservations."""
    proposal_ids: list[str] = field(default_factory=list)
    """Proposals that are approved."""


def add_player_needs(command: PlayerCommand, shared: SharedNeeds, needs: PlayerNeeds) -> None:
    """Add what one command needs."""
    owner_id = OwnerId(command.player_id)
    shared.owner_ids.append(owner_id)
    shared.keys.append(command.key)
    match command:
        case Bet():
            shared.balances.append((owner_id, command.currency_network_id))
            needs.round_keys.append(command.round_key)
        case BetAndWin():
            shared.add_gaining((owner_id, command.currency_network_id))
            needs.round_keys.append(command.round_key)
        case Win():
            shared.add_gaining((owner_id, command.currency_network_id))
            if command.reference_key is not None and command.round_key is not None:
                shared.keys.append(command.reference_key)
                needs.round_keys.append(command.round_key)
        case Rollback():
            shared.add_gaining((owner_id, command.currency_network_id))
            shared.keys.append(command.reference_key)
            shared.keys.extend(command.foreign_keys)
        case ReserveWithdrawal():
            shared.balances.append((owner_id, command.currency_network_id))
            needs.claimed_keys.append(command.key)
        case SettleWithdrawal() | FailWithdrawal():
            shared.balances.append((owner_id, command.currency_network_id))
            shared.keys.append(command.reservation_key)
        case ApplyDeposit():
            shared.add_gaining((owner_id, command.currency_network_id))
            needs.claimed_keys.append(command.key)
            if command.output_key is not None:
                needs.output_keys.append(command.output_key)
        case Adjust():
            shared.add_gaining((owner_id, command.currency_network_id))
            if command.approval is not None:
                needs.proposal_ids.append(command.approval.proposal_id)
        case SetPlayerState():
            if command.state is PlayerState.CLOSED:
                shared.whole_owner_ids.append(owner_id)
        case _:
            assert_never(command)
