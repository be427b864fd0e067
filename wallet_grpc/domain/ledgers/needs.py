"""What commands on callers' ledgers need: their transaction, what it had created or posted, the accounts."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key
from wallet_grpc.domain.shared_needs import SharedNeeds

from .commands import CreateLedger, LedgerCommand, PostJournalEntry
from .state import JournalAccountName


class LedgerNeeds(Struct, kw_only=True):
    """What the rules may read of ledgers, beside what is shared."""

    creation_keys: list[Key] = field(default_factory=list)
    entry_keys: list[Key] = field(default_factory=list)
    """Of entries that may have been posted before."""
    accounts: list[tuple[JournalAccountName, CurrencyNetworkId]] = field(default_factory=list)


def add_ledger_needs(command: LedgerCommand, shared: SharedNeeds, needs: LedgerNeeds) -> None:
    """Add what one command needs."""
    shared.owner_ids.append(command.owner_id)
    shared.keys.append(command.key)
    match command:
        case CreateLedger():
            needs.creation_keys.append(command.key)
        case PostJournalEntry():
            needs.entry_keys.append(command.key)
            needs.accounts.extend(
                ((command.ledger_id, leg.account_code), command.currency_network_id) for leg in command.legs
            )
        case _:
            assert_never(command)
