"""What session commands need: their session, the entries and rounds that they are and name, MAIN where it may move."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, Source
from wallet_grpc.domain.shared_needs import SharedNeeds

from .commands import OpenSession, SessionBet, SessionCommand, SessionRollback, SessionWin, SettleSession
from .state import SessionId


class SessionNeeds(Struct, kw_only=True):
    """What the rules may read of sessions, beside what is shared."""

    session_ids: list[SessionId] = field(default_factory=list)
    opening_keys: list[Key] = field(default_factory=list)
    """Of sessions that may have been opened before: they are found by their opening."""
    entry_keys: list[Key] = field(default_factory=list)
    """Of the journals."""
    round_keys: list[Key] = field(default_factory=list)
    """Rounds that are bet in; of an entry the round is loaded with it."""
    rails: list[tuple[Source, CurrencyNetworkId]] = field(default_factory=list)
    rollbacks: int = 0
    """How many of the commands are rollbacks: no more of a round's bets can cease to stand."""


def add_session_needs(command: OpenSession | SessionCommand, shared: SharedNeeds, needs: SessionNeeds) -> None:
    """Add what one command needs."""
    owner_id = OwnerId(command.player_id)
    if not isinstance(command, SessionBet):
        shared.owner_ids.append(owner_id)
    match command:
        case SessionBet():
            shared.locked_owner_ids.append(owner_id)  # the player's state comes with the session
            needs.session_ids.append(command.session_id)
            needs.entry_keys.append(command.key)
            needs.round_keys.append(command.round_key)
        case SessionWin():
            shared.add_gaining((owner_id, command.currency_network_id))
            needs.session_ids.append(command.session_id)
            needs.entry_keys.append(command.key)
            if command.reference_key is not None:
                needs.entry_keys.append(command.reference_key)
        case SessionRollback():
            shared.add_gaining((owner_id, command.currency_network_id))
            needs.session_ids.append(command.session_id)
            needs.entry_keys.append(command.key)
            needs.entry_keys.append(command.reference_key)
            needs.rollbacks += 1
        case OpenSession():
            shared.balances.append((owner_id, command.currency_network_id))
            shared.keys.append(command.key)
            needs.opening_keys.append(command.key)
            needs.rails.append((command.source, command.currency_network_id))
        case SettleSession():
            shared.balances.append((owner_id, command.currency_network_id))
            needs.session_ids.append(command.session_id)
        case _:
            assert_never(command)
