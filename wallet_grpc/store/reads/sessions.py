"""Session reads: sessions, journals and rounds, as they are committed right now; and whose time is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, PlayerId, Source
from wallet_grpc.domain.sessions.commands import SettleSession
from wallet_grpc.domain.sessions.outcomes import SessionFacts
from wallet_grpc.domain.sessions.state import Entry, SessionAddress, SessionId, SessionState, session_token
from wallet_grpc.store.batch.session_rows import LoadedEntry, entry_of
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

from .players import RoundTotals

_SQL = statements(__package__, "sessions.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
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


FIRST_EXPIRY = ExpiryPlace(expires_at=datetime(1970, 1, 1, tzinfo=UTC), session_id=SessionId(str(UUID(int=0))))
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
            cursor = await connection.execute(
                _SQL["session"],
                {
                    "session_id": address.session_id,
                    "owner_id": address.player_id,
                    "currency_network_id": address.currency_network_id,
                },
            )
            row = await cursor.fetchone()
        return None if row is None else SourcedSession(Source(row[0]), _facts(address, row[1:]))

    async def journal(self, session_id: SessionId, after: int, limit: int) -> list[JournalRow]:
        """Give the entries after a number, oldest first."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                _SQL["journal"], {"session_id": session_id, "after": after, "rows_max": limit}
            )
            rows = await cursor.fetchall()
        return [
            JournalRow(
                entry=replace(entry_of(LoadedEntry(*columns, *[None] * 9)), metadata=metadata or {}),
                reversed_by_transaction_id=reversed_by,
            )
            for *columns, metadata, reversed_by in rows
        ]

    async def round_totals(self, round_key: Key) -> RoundTotals | None:
        """Give a round's totals, or None if nothing ever happened in it."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_SQL["round_totals"], {"round_key": round_key})
            row = await cursor.fetchone()
        assert row is not None
        closed, bets, wins, rolled_back_bets, rolled_back_wins, transactions = row
        if transactions == 0:
            return None
        return RoundTotals(
            closed=closed,
            bets_minor=int(bets),
            wins_minor=int(wins),
            rolled_back_bets_minor=int(rolled_back_bets),
            rolled_back_wins_minor=int(rolled_back_wins),
            transactions=transactions,
        )

    async def expired(self, after: ExpiryPlace, *, grace_ms: int, limit: int) -> list[ExpiredSession]:
        """Give sessions whose time has been over for a while, the longest first, after a place in that order."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                _SQL["expired"],
                {"after_time": after.expires_at, "after_id": after.session_id, "grace_ms": grace_ms, "rows_max": limit},
            )
            rows = await cursor.fetchall()
        return [
            ExpiredSession(
                settlement=SettleSession(
                    source=Source(source),
                    session_id=SessionId(session_id),
                    player_id=PlayerId(owner_id),
                    currency_network_id=CurrencyNetworkId(network_id),
                ),
                place=ExpiryPlace(expires_at=expires_at, session_id=SessionId(session_id)),
            )
            for session_id, source, owner_id, network_id, expires_at in rows
        ]


def _facts(address: SessionAddress, row: Any) -> SessionFacts:
    game_code, lock, balance, state, opened_at, expires_at, now = row
    assert isinstance(now, datetime)
    return SessionFacts(
        session_token=session_token(address.session_id, address.player_id, address.currency_network_id),
        player_id=OwnerId(address.player_id),
        currency_network_id=address.currency_network_id,
        game_code=game_code,
        lock_amount_minor=int(lock),
        balance_minor=int(balance),
        state=SessionState(state),
        expired=now >= expires_at,
        opened_at=opened_at,
        expires_at=expires_at,
    )
