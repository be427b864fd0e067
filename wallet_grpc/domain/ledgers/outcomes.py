"""What an accepted call to a ledger answers."""

from __future__ import annotations

from datetime import datetime
from typing import final

from msgspec import Struct

from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.ledgers.state import Ledger


@final
class LedgerCreated(Struct, frozen=True, kw_only=True, gc=False):
    """A ledger that is there: now, or before (`replayed`)."""

    ledger: Ledger
    replayed: bool


@final
class JournalPosted(Struct, frozen=True, kw_only=True, gc=False):
    """An entry of a ledger that is recorded: now, or before (`replayed`)."""

    tx_id: TxId
    transaction_id: str
    balances: tuple[tuple[str, int], ...]
    """Each account that it names, in the order of its code, with its balance when this answer was decided."""
    created_at: datetime
    replayed: bool
