"""What operators ask for: every field is checked here, in its order, and refused by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import session_pb2, wallet_pb2
from wallet_grpc.domain import fields
from wallet_grpc.domain.changes import WithdrawalState
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, PlayerId, Source
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.domain.transactions import Kind
from wallet_grpc.rpc.wire import moment_of
from wallet_grpc.store.backoffice.sessions import SessionFilter, SessionStatus
from wallet_grpc.store.backoffice.transactions import TransactionFilter
from wallet_grpc.store.backoffice.withdrawals import WithdrawalFilter

Member = TypeVar("Member")
Number = TypeVar("Number", bound=int)

QUERY_LENGTH_MAX = 256
_DURATION_MAX = timedelta(days=36_500)
_NANOS_MAX = 999_999_999

KINDS = {
    wallet_pb2.TRANSACTION_KIND_BET: Kind.BET,
    wallet_pb2.TRANSACTION_KIND_WIN: Kind.WIN,
    wallet_pb2.TRANSACTION_KIND_BET_AND_WIN: Kind.BET_AND_WIN,
    wallet_pb2.TRANSACTION_KIND_ROLLBACK: Kind.ROLLBACK,
    wallet_pb2.TRANSACTION_KIND_WITHDRAWAL_RESERVATION: Kind.WITHDRAWAL_RESERVATION,
    wallet_pb2.TRANSACTION_KIND_WITHDRAWAL_SETTLEMENT: Kind.WITHDRAWAL_SETTLEMENT,
    wallet_pb2.TRANSACTION_KIND_WITHDRAWAL_FAILURE: Kind.WITHDRAWAL_FAILURE,
    wallet_pb2.TRANSACTION_KIND_DEPOSIT: Kind.DEPOSIT,
    wallet_pb2.TRANSACTION_KIND_ADJUSTMENT: Kind.ADJUSTMENT,
    wallet_pb2.TRANSACTION_KIND_PLAYER_STATE: Kind.PLAYER_STATE,
    wallet_pb2.TRANSACTION_KIND_TOMBSTONE: Kind.TOMBSTONE,
    wallet_pb2.TRANSACTION_KIND_SESSION_OPENING: Kind.SESSION_OPENING,
    wallet_pb2.TRANSACTION_KIND_SESSION_SETTLEMENT: Kind.SESSION_SETTLEMENT,
    wallet_pb2.TRANSACTION_KIND_LEDGER_CREATION: Kind.LEDGER_CREATION,
    wallet_pb2.TRANSACTION_KIND_JOURNAL_ENTRY: Kind.JOURNAL_ENTRY,
    wallet_pb2.TRANSACTION_KIND_WALLET_POSTING: Kind.WALLET_POSTING,
}
assert set(KINDS.values()) == set(Kind)
WITHDRAWAL_STATES = {
    pb.WITHDRAWAL_STATE_RESERVED: WithdrawalState.RESERVED,
    pb.WITHDRAWAL_STATE_BROADCASTED: WithdrawalState.BROADCASTED,
    pb.WITHDRAWAL_STATE_SETTLED: WithdrawalState.SETTLED,
    pb.WITHDRAWAL_STATE_FAILED: WithdrawalState.FAILED,
}
assert set(WITHDRAWAL_STATES.values()) == set(WithdrawalState)
SESSION_STATUSES = {
    session_pb2.SESSION_STATUS_OPEN: SessionStatus.OPEN,
    session_pb2.SESSION_STATUS_EXPIRED: SessionStatus.EXPIRED,
    session_pb2.SESSION_STATUS_SETTLED: SessionStatus.SETTLED,
}
assert set(SESSION_STATUSES.values()) == set(SessionStatus)


def query_of(request: pb.SearchRequest) -> str:
    """Check what is looked for."""
    query = request.query.strip()
    if not query:
        raise MalformedError(invalid(Reason.MISSING_FIELD, "query", "is required"))
    if len(query) > QUERY_LENGTH_MAX or not query.isprintable():
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, "query", f"must be up to {QUERY_LENGTH_MAX} printable characters")
        )
    return query


def transaction_filter(request: pb.ListTransactionsRequest) -> TransactionFilter:
    """Read which transactions are asked for."""
    begins_at, ends_at = period_of(request)
    return TransactionFilter(
        player_id=optional_player(request.player_id),
        source=optional_source(request.source),
        kinds=choices(request.kinds, KINDS, "kinds") or None,
        currency_network_id=network_of(request.currency_network_id),
        game_code=fields.optional_identifier(request.game_code, "game_code") or None,
        round_id=fields.optional_identifier(request.round_id, "round_id") or None,
        begins_at=begins_at,
        ends_at=ends_at,
    )


def withdrawal_filter(request: pb.ListWithdrawalsRequest) -> WithdrawalFilter:
    """Read which withdrawals are asked for."""
    return WithdrawalFilter(
        states=choices(request.states, WITHDRAWAL_STATES, "states") or tuple(WithdrawalState),
        older_than=_older_than(request.older_than),
        player_id=optional_player(request.player_id),
        newest_first=request.newest_first,
    )


def session_filter(request: pb.ListSessionsRequest) -> SessionFilter:
    """Read which sessions are asked for."""
    return SessionFilter(
        player_id=optional_player(request.player_id),
        source=optional_source(request.source),
        status=fields.optional_choice(request.status, SESSION_STATUSES, "status"),
        older_than=_older_than(request.older_than) if request.HasField("older_than") else None,
        oldest_first=request.oldest_first,
    )


def period_of(request: Message) -> tuple[datetime | None, datetime | None]:
    """Read `from` and `to` of a request, which are None where they are not set."""
    begins_at = _moment(request, "from")
    ends_at = _moment(request, "to")
    if begins_at is not None and ends_at is not None and ends_at < begins_at:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "to", "is before from"))
    return begins_at, ends_at


def optional_player(value: int) -> PlayerId | None:
    """Read a player's id that may be left out."""
    return fields.player_id(value) if value else None


def optional_source(value: str) -> Source | None:
    """Read a caller's name that may be left out."""
    return Source(fields.identifier(value, "source")) if value else None


def choices(values: Sequence[Number], members: Mapping[Number, Member], name: str) -> tuple[Member, ...]:
    """Read a list of choices, each once."""
    return tuple(dict.fromkeys(fields.choice(value, members, name) for value in values))


def _moment(request: Message, name: str) -> datetime | None:
    if not request.HasField(name):
        return None
    timestamp: Timestamp = getattr(request, name)
    return moment_of(timestamp, name)


def _older_than(duration: Duration) -> timedelta:
    if not (0 <= duration.nanos <= _NANOS_MAX and 0 <= duration.seconds <= _DURATION_MAX.total_seconds()):
        raise MalformedError(invalid(Reason.INVALID_FIELD, "older_than", f"must be 0 to {_DURATION_MAX.days:,} days"))
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)


def network_of(value: int) -> CurrencyNetworkId | None:
    """Read a currency network that may be left out."""
    return fields.currency_network_id(value) if value else None
