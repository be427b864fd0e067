"""What a batch knows of sessions: each with what it names of its journal, the rails, and what players have at play."""

from __future__ import annotations

from dataclasses import dataclass, field

from wallet_grpc.domain.changes import Journaled
from wallet_grpc.domain.identifiers import CurrencyNetworkId, OwnerId, Source

from .state import Rail, Session, SessionId


@dataclass(slots=True)
class SessionBook:
    """The sessions' section of the book."""

    by_id: dict[SessionId, Session] = field(default_factory=dict)
    at_play: dict[tuple[OwnerId, CurrencyNetworkId], int] = field(default_factory=dict)
    """What a player's open sessions hold, in minor units; known of those to whom the batch may give money."""
    rails: dict[tuple[Source, CurrencyNetworkId], Rail] = field(default_factory=dict)
    """Where a new session is settled; without one, none may be opened."""

    def record(self, journaled: Journaled) -> None:
        """Fold in what a mutation adds to a session."""
        session = journaled.session
        self.by_id.setdefault(session.session_id, session)
        purse = (session.owner_id, session.currency_network_id)
        before = 0 if journaled.is_opening else session.balance_minor
        reversed_entry = journaled.reversed
        for entry in journaled.entries:
            session.record(entry, reversed_entry)
            reversed_entry = None
        if journaled.settlement is not None:
            session.settle(journaled.settlement.tx_id, journaled.settlement.created_at)
        after = 0 if journaled.settlement is not None else session.balance_minor
        self.at_play[purse] = self.at_play.get(purse, 0) + after - before
