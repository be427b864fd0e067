"""Session reads: sessions, journals and rounds, as they are committed right now; and whose time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from msgspec.structs import replace
from psycopg.rows import class_row

from wallet_grpc.domain.identifiers import FIRST_UUID, CurrencyNetworkId, Key, OwnerId, PlayerId, Source
from wallet_grpc.domain.sessions.commands import SettleSession
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import Entry, SessionAddress, SessionId, SessionState, session_token
from wallet_grpc.store.batch.subledger import entry_of
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

from .players import RoundRow, RoundTotals
from .rows import rows_of

_SQL = statements(__package__, "sessions.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionJournalRow:
    """An entry of a journal, and what reversed it."""

    entry: Entry
    reversed_by_transaction_id: str | None


class SourcedSession(NamedTuple):
    """A session, and whose it is."""

    source: Source
    facts: SessionFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryPlace:
    """A place in the order in which sessions expire."""

    expires_at: datetime
    session_id: SessionId


FIRST_EXPIRY = ExpiryPlace(expires_at=datetime(1970, 1, 1, tzinfo=UTC), session_id=SessionId(FIRST_UUID))
"""Before all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiredSession:
    """A session whose time is over: how it is settled, and its place in the order."""

    settlement: SettleSession
    place: ExpiryPlace


class SessionReader:
    """Reads sessions. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def session(self, address: SessionAddress) -> SourcedSession | None:
        """Give a session; None if there is none."""
        async with self._pool.connection() as connection:
            named = {
                "session_id": address.session_id,
                "owner_id": address.player_id,
                "currency_network_id": address.currency_network_id,
            }
            rows = await rows_of(connection, _SQL["session"], named)
        return SourcedSession(Source(rows[0].source), _facts(address, rows[0])) if rows else None

    async def journal(self, session_id: SessionId, after: int, limit: int) -> list[SessionJournalRow]:
        """Give the entries after a number, oldest first."""
        async with self._pool.connection() as connection:
            named = {"session_id": session_id, "after": after, "rows_max": limit}
            rows = await rows_of(connection, _SQL["journal"], named)
        return [
            SessionJournalRow(
                entry=replace(entry_of(row), metadata=row.metadata or {}),
                reversed_by_transaction_id=row.reversed_by_transaction_id,
            )
            for row in rows
        ]

    async def round_totals(self, round_key: Key) -> RoundTotals | None:
        """Give a round's totals, or None if nothing ever happened in it."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(RoundRow))
            row = await (await cursor.execute(_SQL["round_totals"], {"round_key": round_key})).fetchone()
        assert row is not None
        return row.totals()

    async def expired(self, after: ExpiryPlace, *, grace_ms: int, limit: int) -> list[ExpiredSession]:
        """Give sessions whose time has been over for a while, the longest first, after a place in that order."""
        async with self._pool.connection() as connection:
            place = {"after_time": after.expires_at, "after_id": after.session_id}
            named = {**place, "grace_ms": grace_ms, "rows_max": limit}
            rows = await rows_of(connection, _SQL["expired"], named)
        return [
            ExpiredSession(
                settlement=SettleSession(
                    source=Source(row.source),
                    session_id=SessionId(row.session_id),
                    player_id=PlayerId(row.owner_id),
                    currency_network_id=CurrencyNetworkId(row.currency_network_id),
                ),
                place=ExpiryPlace(expires_at=row.expires_at, session_id=SessionId(row.session_id)),
            )
            for row in rows
        ]


def _facts(address: SessionAddress, row: Any) -> SessionFacts:
    return SessionFacts(
        session_token=session_token(address.session_id, address.player_id, address.currency_network_id),
        player_id=OwnerId(address.player_id),
        currency_network_id=address.currency_network_id,
        game_code=row.game_code,
        lock_amount_minor=int(row.lock_amount_minor),
        balance_minor=int(row.balance_minor),
        state=SessionState(row.state),
        expired=row.now >= row.expires_at,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
    )
