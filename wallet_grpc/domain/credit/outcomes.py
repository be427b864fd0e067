"""What an accepted write to a credit wallet answers."""

from __future__ import annotations

from datetime import datetime
from typing import final

from msgspec import Struct

from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.values import Name


class WriteStatus(Name):
    """How an accepted write to a credit wallet came out (protos/wallet/v1/credit_wallet.proto, WalletResult)."""

    ACCEPTED = "ACCEPTED"
    DUPLICATE = "DUPLICATE"


class Recorded(Struct, frozen=True, kw_only=True, gc=False):
    """What is told of everything that is recorded: now, or before. The balances are those of this moment."""

    status: WriteStatus
    balance_minor: int
    available_minor: int

    @property
    def replayed(self) -> bool:
        """Whether it was recorded before."""
        return self.status is WriteStatus.DUPLICATE


@final
class Written(Recorded, frozen=True, kw_only=True):
    """A write to a credit wallet."""


@final
class Reserved(Recorded, frozen=True, kw_only=True):
    """A reservation."""

    reservation_key: Key
    expires_at: datetime
