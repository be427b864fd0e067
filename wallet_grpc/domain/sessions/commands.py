"""Session commands: what callers ask of game sessions. One class a call of LedgerSessionService."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from wallet_grpc.domain.identifiers import NO_KEY, CurrencyNetworkId, Key, PlayerId, Source, caller_key
from wallet_grpc.domain.transactions import NO_METADATA, WinKind

from .state import SessionId, entry_key, session_round_key


@final
class OpenSession(Struct, frozen=True, kw_only=True, gc=False):
    """Lock a stake: MAIN -> SESSION_HOLD."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    game_code: str
    lock_amount_minor: int
    ttl_s: int
    ttl_asked_s: int = 0
    """What the request said: 0 where ttl_s is the default. This is what a retry is compared by."""
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))


@final
class SettleSession(Struct, frozen=True, kw_only=True, gc=False):
    """End a session: its balance goes back to MAIN, the rest of the lock to HOUSE:WAGER, or the gain comes from it."""

    source: Source
    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    require_closed_rounds: bool = False


@final
class SessionBet(Struct, frozen=True, kw_only=True, gc=False):
    """Take a stake from the session's balance."""

    source: Source
    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    transaction_id: str
    amount_minor: int
    round_id: str
    round_closed: bool = False
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY
    round_key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", entry_key(self.session_id, self.transaction_id))
        force_setattr(self, "round_key", session_round_key(self.session_id, self.round_id))


@final
class SessionWin(Struct, frozen=True, kw_only=True, gc=False):
    """Pay a win to the session's balance; after the settlement to MAIN."""

    source: Source
    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    transaction_id: str
    amount_minor: int
    win_kind: WinKind
    round_id: str = ""
    round_closed: bool = False
    reference_transaction_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY
    round_key: Key | None = None
    """None for a win without a round (the kinds other than REGULAR may lack one)."""
    reference_key: Key | None = None
    """The bet's; None for the kinds whose reference is stored unchecked."""

    def __post_init__(self) -> None:
        """Hash the keys."""
        session_id, regular = self.session_id, self.win_kind is WinKind.REGULAR
        force_setattr(self, "key", entry_key(session_id, self.transaction_id))
        force_setattr(self, "round_key", session_round_key(session_id, self.round_id) if self.round_id else None)
        force_setattr(self, "reference_key", entry_key(session_id, self.reference_transaction_id) if regular else None)


@final
class SessionRollback(Struct, frozen=True, kw_only=True, gc=False):
    """Reverse a bet or a win of the session; or void an id that was not seen in it yet."""

    source: Source
    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    transaction_id: str
    reference_transaction_id: str
    round_closed: bool = False
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)
    key: Key = NO_KEY
    reference_key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", entry_key(self.session_id, self.transaction_id))
        force_setattr(self, "reference_key", entry_key(self.session_id, self.reference_transaction_id))


SessionPlay = SessionBet | SessionWin | SessionRollback
"""What changes a session's balance, and nothing else while the session is open."""

SessionCommand = SessionPlay | SettleSession
"""What names a session that was opened before."""
