"""Callers' keys: who a key names, and what it may do. Only a hash of a key is ever stored."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "keys.sql")
_KEY_BYTES = 32
_ROWS_AT_ONCE = 1_000
"""Keys that are read in one turn of the event loop: a few milliseconds."""


class Role(StrEnum):
    """What a caller may change; each also reads what belongs to it (rpc/rights.py)."""

    GAME = "game"
    PAYMENTS = "payments"
    CREDIT = "credit"
    BACKOFFICE = "backoffice"
    AUDITOR = "auditor"
    """Reads everything, and changes nothing."""


_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: its name is the namespace of its transaction ids."""

    key_id: str
    source: Source
    roles: frozenset[Role]
    rate_per_s: int | None = None
    """Calls and operations a second that the key may send to one server process; None: no bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as the database keeps it, without its secret."""

    key_id: str
    source: str
    roles: list[str]
    rate_per_s: int | None
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made: the only time that its secret is seen."""

    key_id: str
    key: str
    source: str
    roles: list[str]
    rate_per_s: int | None


def hash_of(key: str) -> bytes:
    """Hash a key as it is stored."""
    return sha256(key.encode()).digest()


class KeyReader:
    """Reads the keys."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def callers(self) -> dict[bytes, Caller]:
        """Give the callers of all keys that are not revoked, by the hash of the key.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
        """
        callers: dict[bytes, Caller] = {}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_SQL["callers"])
            while rows := await cursor.fetchmany(_ROWS_AT_ONCE):
                callers.update((bytes(key_hash), _caller(*row)) for key_hash, *row in rows)
                await asyncio.sleep(0)  # calls go on meanwhile, however many keys there are
        return callers


def _caller(key_id: str, source: str, roles: list[str], rate_per_s: int | None) -> Caller:
    return Caller(
        key_id=key_id,
        source=Source(source),
        roles=frozenset(_ROLES[role] for role in roles if role in _ROLES),  # a newer wallet may know others
        rate_per_s=rate_per_s,
    )


def create_key(
    connection: psycopg.Connection[tuple[object, ...]],
    *,
    prefix: str,
    source: str,
    roles: list[Role],
    rate_per_s: int | None = None,
) -> NewKey:
    """Make a key with 256 random bits and store its hash."""
    key_id = f"key_{secrets.token_hex(6)}"
    key = f"{prefix}{secrets.token_urlsafe(_KEY_BYTES)}"
    connection.execute(
        _SQL["add_key"],
        {
            "key_id": key_id,
            "key_hash": hash_of(key),
            "source": source,
            "roles": [role.value for role in roles],
            "rate_per_s": rate_per_s,
        },
    )
    return NewKey(key_id=key_id, key=key, source=source, roles=[role.value for role in roles], rate_per_s=rate_per_s)


def list_keys(connection: psycopg.Connection[tuple[object, ...]]) -> list[StoredKey]:
    """Give all keys, oldest first."""
    with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        return cursor.execute(_SQL["list_keys"]).fetchall()


def limit_key(connection: psycopg.Connection[tuple[object, ...]], key_id: str, *, rate_per_s: int | None) -> bool:
    """Set a key's rate, or take it away; False if there is no key of that id."""
    parameters = {"key_id": key_id, "rate_per_s": rate_per_s}
    return connection.execute(_SQL["limit_key"], parameters).rowcount == 1


def revoke_key(connection: psycopg.Connection[tuple[object, ...]], key_id: str) -> bool:
    """Revoke a key for good; False if there is none of that id. Revoking again changes nothing."""
    return connection.execute(_SQL["revoke_key"], {"key_id": key_id}).rowcount == 1
