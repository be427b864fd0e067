"""Session commands: what callers ask of game sessions. One class a call of LedgerSessionService."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from .identifiers import CurrencyNetworkId, Key, PlayerId, Source, caller_key
from .sessions import SessionId
from .transactions import NO_METADATA, WinKind
from .values import value


@value
class OpenSession:
    """Lock a stake: MAIN -> SESSION_HOLD."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    game_code: str
    lock_amount_minor: int
    ttl_s: int
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        """Hash the key."""
        object.__setattr__(self, "key", caller_key(self.source, self.transaction_id))


@value
class SettleSession:
    """End a session: its balance goes back to MAIN, the rest of the lock to HOUSE:WAGER, or the gain comes from it."""

    source: Source
    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    require_closed_rounds: bool = False


@value
class SessionBet:
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


@value
class SessionWin:
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


@value
class SessionRollback:
    """Reverse a bet or a win of the session; or void an id that was not seen in it yet."""

    source: Source
    session_id: SessionId
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    transaction_id: str
    reference_transaction_id: str
    round_closed: bool = False
    metadata: Mapping[str, str] = field(default_factory=lambda: NO_METADATA)


SessionPlay = SessionBet | SessionWin | SessionRollback
"""What changes a session's balance, and nothing else while the session is open."""

SessionCommand = OpenSession | SettleSession | SessionBet | SessionWin | SessionRollback
