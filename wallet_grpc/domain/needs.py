"""Needs: what the store must load so that a batch of commands can be decided."""

from __future__ import annotations

from collections.abc import Iterable

from .accounts import PlayerState
from .commands import (
    ApplyDeposit,
    Bet,
    Command,
    FailWithdrawal,
    Rollback,
    SetPlayerState,
    SettleWithdrawal,
    Win,
    owner_of,
)
from .identifiers import CurrencyNetworkId, Key, OwnerId
from .values import value


@value
class Needs:
    """Everything that the rules may read for a batch; each list without repeats."""

    owner_ids: list[OwnerId]
    """Sorted: the order in which their locks are taken."""
    balances: list[tuple[OwnerId, CurrencyNetworkId]]
    whole_owner_ids: list[OwnerId]
    """Owners of whom every account is needed: a player to be closed must have nothing anywhere."""
    keys: list[Key]
    round_keys: list[Key]
    output_keys: list[Key]
    receipt_keys: list[Key]
    """The received events that some of the commands come from."""


def needs_of(commands: Iterable[Command], receipt_keys: Iterable[Key] = ()) -> Needs:
    """Collect what the commands are, name and touch."""
    owner_ids: set[OwnerId] = set()
    balances: set[tuple[OwnerId, CurrencyNetworkId]] = set()
    whole_owner_ids: set[OwnerId] = set()
    keys: set[Key] = set()
    round_keys: set[Key] = set()
    output_keys: set[Key] = set()
    for command in commands:
        owner_id = owner_of(command)
        owner_ids.add(owner_id)
        keys.add(command.key)
        if isinstance(command, SetPlayerState):
            if command.state is PlayerState.CLOSED:
                whole_owner_ids.add(owner_id)
            continue
        balances.add((owner_id, command.currency_network_id))
        match command:
            case Bet():
                round_keys.add(command.round_key)
            case Win():
                if command.reference_key is not None and command.round_key is not None:
                    keys.add(command.reference_key)
                    round_keys.add(command.round_key)
            case Rollback():
                keys.add(command.reference_key)
                keys.update(command.foreign_keys)
            case SettleWithdrawal() | FailWithdrawal():
                keys.add(command.reservation_key)
            case ApplyDeposit():
                if command.output_key is not None:
                    output_keys.add(command.output_key)
            case _:
                pass
    return Needs(
        owner_ids=sorted(owner_ids),
        balances=list(balances),
        whole_owner_ids=list(whole_owner_ids),
        keys=list(keys),
        round_keys=list(round_keys),
        output_keys=list(output_keys),
        receipt_keys=list(set(receipt_keys)),
    )
