"""What a batch knows of sessions: each with what it names of its journal, the rails, and what players have at play."""

from __future__ import annotations

from msgspec import Struct, field

from wallet_grpc.domain.changes import Journaled
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, Source
from wallet_grpc.domain.loaded import Counts, Rows
from wallet_grpc.domain.shared_needs import Purse
from wallet_grpc.domain.transactions import Kind

from .needs import SessionNeeds
from .state import Rail, Session, SessionId, SessionState


class SessionBook(Struct):
    """The sessions' section of the book."""

    by_id: Rows[SessionId, Session] = field(default_factory=Rows)
    opened: set[Key] = field(default_factory=set)
    """Keys of openings that were asked for: a session that one of them finds is loaded with it."""
    entry_keys: set[Key] = field(default_factory=set)
    """Entries of the journals that were asked for."""
    round_keys: set[Key] = field(default_factory=set)
    at_play: Counts[Purse] = field(default_factory=Counts)
    """What a player's open sessions hold, in minor units; known of those to whom the batch may give money."""
    rails: Rows[tuple[Source, CurrencyNetworkId], Rail] = field(default_factory=Rows)
    """Where a new session is settled; without one, none may be opened."""

    def ask(self, needs: SessionNeeds) -> None:
        """Note what the rules may read."""
        self.by_id.ask(needs.session_ids)
        self.opened.update(needs.opening_keys)
        self.entry_keys.update(needs.entry_keys)
        self.round_keys.update(needs.round_keys)
        self.rails.ask(needs.rails)

    def put(self, session: Session) -> None:
        """Put a session in. What a rule may read of its journal is what was asked for of all of them."""
        self.by_id[session.session_id] = session
        session.entries.asked = self.entry_keys
        session.rounds.asked = self.round_keys

    def opened_by(self, key: Key, session_id: SessionId) -> Session:
        """Give the session that an opening of this key has made."""
        assert key in self.opened, f"read without a need that declares it: {key!r}"
        return self.by_id[session_id]

    def record(self, journaled: Journaled) -> None:
        """Fold in what a mutation adds to a session."""
        session = journaled.session
        if journaled.is_opening:
            self.put(session)
        purse = (session.owner_id, session.currency_network_id)
        before = session.balance_minor if session.state is SessionState.OPEN and not journaled.is_opening else 0
        reversed_entry = journaled.reversed
        for entry in journaled.entries:
            if entry.kind is Kind.SESSION_SETTLEMENT:
                session.settle(entry)
            else:
                session.record(entry, reversed_entry)
            reversed_entry = None
        after = session.balance_minor if session.state is SessionState.OPEN else 0
        self.at_play.add(purse, after - before)
