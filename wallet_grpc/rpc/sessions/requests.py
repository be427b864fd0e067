"""Requests become session commands: every field is checked here, in its order, and a bad one is refused by its name.

A token that is none of ours names no session: that is found out last, since it is existence, not shape (rule 9).
Each maker is a row of the table in `service.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from wallet.v1 import session_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.domain import fields
from wallet_grpc.domain.identifiers import DERIVED_ROLLBACK_PREFIX, Source
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.domain.sessions.commands import (
    OpenSession,
    SessionBet,
    SessionRollback,
    SessionWin,
    SettleSession,
)
from wallet_grpc.domain.sessions.opening import SESSION_NOT_FOUND
from wallet_grpc.domain.sessions.state import SessionAddress, session_address
from wallet_grpc.rpc.wire import WIN_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimes:
    """How long a session may take bets, in seconds."""

    ttl_default_s: int
    ttl_max_s: int


def addressed(token: str) -> SessionAddress:
    """Read a token that has the right shape.

    Raises:
        MalformedError: It names no session.
    """
    address = session_address(token)
    if address is None:
        raise fields.MalformedError(SESSION_NOT_FOUND)
    return address


def open_session(times: SessionTimes, request: pb.OpenSessionRequest, source: Source) -> OpenSession:
    """Read an opening; without a time to live it gets the default."""
    transaction_id = fields.transaction_id(request.transaction_id)
    player = fields.player_id(request.player_id)
    network = fields.currency_network_id(request.currency_network_id)
    game_code = fields.identifier(request.game_code, "game_code")
    lock_minor = fields.positive_amount(request.lock_amount_minor, "lock_amount_minor")
    if not 0 <= request.ttl_seconds <= times.ttl_max_s:
        raise fields.MalformedError(
            invalid(Reason.INVALID_FIELD, "ttl_seconds", f"must be 0 for the default, or up to {times.ttl_max_s}")
        )
    return OpenSession(
        source=source,
        transaction_id=transaction_id,
        player_id=player,
        currency_network_id=network,
        game_code=game_code,
        lock_amount_minor=lock_minor,
        ttl_s=request.ttl_seconds or times.ttl_default_s,
        ttl_asked_s=request.ttl_seconds,
    )


def bet(request: pb.SessionBetRequest, source: Source) -> SessionBet:
    """Read a bet."""
    token = fields.identifier(request.session_token, "session_token")
    transaction_id = fields.transaction_id(request.transaction_id)
    amount_minor = fields.amount(request.amount_minor, "amount_minor")
    round_id = fields.identifier(request.round_id, "round_id")
    metadata = fields.metadata(request.metadata)
    address = addressed(token)
    return SessionBet(
        source=source,
        session_id=address.session_id,
        player_id=address.player_id,
        currency_network_id=address.currency_network_id,
        transaction_id=transaction_id,
        amount_minor=amount_minor,
        round_id=round_id,
        round_closed=request.round_closed,
        metadata=metadata,
    )


def win(request: pb.SessionWinRequest, source: Source) -> SessionWin:
    """Read a win; what names its bet is needed of a REGULAR one only."""
    regular = request.win_kind == wallet_pb2.WIN_KIND_REGULAR
    needed = fields.identifier if regular else fields.optional_identifier
    token = fields.identifier(request.session_token, "session_token")
    transaction_id = fields.transaction_id(request.transaction_id)
    amount_minor = fields.amount(request.amount_minor, "amount_minor")
    round_id = needed(request.round_id, "round_id")
    reference = (
        fields.reference(request.reference_transaction_id) if regular or request.reference_transaction_id else ""
    )
    win_kind = fields.choice(request.win_kind, WIN_KINDS, "win_kind")
    metadata = fields.metadata(request.metadata)
    address = addressed(token)
    return SessionWin(
        source=source,
        session_id=address.session_id,
        player_id=address.player_id,
        currency_network_id=address.currency_network_id,
        transaction_id=transaction_id,
        amount_minor=amount_minor,
        win_kind=win_kind,
        round_id=round_id,
        round_closed=request.round_closed,
        reference_transaction_id=reference,
        metadata=metadata,
    )


def rollback(request: pb.SessionRollbackRequest, source: Source) -> SessionRollback:
    """Read a rollback; without an id of its own it gets one that is derived."""
    token = fields.identifier(request.session_token, "session_token")
    own_id = fields.transaction_id(request.transaction_id) if request.transaction_id else ""
    referenced = fields.rolled_back_id(request.reference_transaction_id, own_id)
    metadata = fields.metadata(request.metadata)
    address = addressed(token)
    return SessionRollback(
        source=source,
        session_id=address.session_id,
        player_id=address.player_id,
        currency_network_id=address.currency_network_id,
        transaction_id=own_id or DERIVED_ROLLBACK_PREFIX + referenced,
        reference_transaction_id=referenced,
        round_closed=request.round_closed,
        metadata=metadata,
    )


def settle_session(request: pb.SettleSessionRequest, source: Source) -> SettleSession:
    """Read a settlement."""
    address = addressed(fields.identifier(request.session_token, "session_token"))
    return SettleSession(
        source=source,
        session_id=address.session_id,
        player_id=address.player_id,
        currency_network_id=address.currency_network_id,
        require_closed_rounds=request.require_closed_rounds,
    )
