"""What writes to credit wallets need: their wallet, the entry that they are, the reservation that they are or end."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.shared_needs import SharedNeeds

from .commands import Commit, Credit, CreditCommand, Debit, Release, Reserve
from .state import WalletAddress, WalletId


class CreditNeeds(Struct, kw_only=True):
    """What the rules may read of credit wallets. Of their owners no more than the lock: each wallet has a version."""

    wallets: dict[WalletId, WalletAddress] = field(default_factory=dict)
    entry_keys: list[Key] = field(default_factory=list)
    """Of the journals."""
    reservation_keys: list[Key] = field(default_factory=list)


def add_credit_needs(command: CreditCommand, shared: SharedNeeds, needs: CreditNeeds) -> None:
    """Add what one command needs."""
    wallet = command.wallet
    shared.locked_owner_ids.append(wallet.owner_id)
    needs.wallets[wallet.wallet_id] = wallet
    match command:
        case Credit() | Debit():
            needs.entry_keys.append(command.key)
        case Reserve():
            needs.entry_keys.append(command.key)
            needs.reservation_keys.append(command.key)
        case Commit() | Release():
            needs.reservation_keys.append(command.reservation_key)
        case _:
            assert_never(command)
