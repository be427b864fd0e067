"""What commands of every capability need: their owners, balances, and transactions by key."""

from __future__ import annotations

from msgspec import Struct, field

from .identifiers import CurrencyNetworkId, Key, OwnerId

Purse = tuple[OwnerId, CurrencyNetworkId]
"""What a player has in one currency network: MAIN, and what is held of it."""


class SharedNeeds(Struct, kw_only=True):
    """Collects them; what several commands need is there several times."""

    owner_ids: list[OwnerId] = field(default_factory=list)
    """Those whose version and state count."""
    locked_owner_ids: list[OwnerId] = field(default_factory=list)
    """Those of whom no more than a lock is needed, and what comes with a session."""
    balances: list[Purse] = field(default_factory=list)
    gaining: set[Purse] = field(default_factory=set)
    whole_owner_ids: list[OwnerId] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)

    def add_gaining(self, purse: Purse) -> None:
        """Need a player's balances, to which the command may add."""
        self.balances.append(purse)
        self.gaining.add(purse)
