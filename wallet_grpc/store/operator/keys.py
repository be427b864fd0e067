"""Keys as an operator makes, lists, limits and revokes them. A key's secret is seen once, when it is made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.keys import Role, hash_of

_SQL = statements(__package__, "keys.sql")
_KEY_BYTES = 32


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


def create_key(
    connection: psycopg.Connection[Any],
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


def list_keys(connection: psycopg.Connection[Any]) -> list[StoredKey]:
    """Give all keys, oldest first."""
    with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        return cursor.execute(_SQL["list_keys"]).fetchall()


def limit_key(connection: psycopg.Connection[Any], key_id: str, *, rate_per_s: int | None) -> bool:
    """Set a key's rate, or take it away; False if there is no key of that id."""
    parameters = {"key_id": key_id, "rate_per_s": rate_per_s}
    return connection.execute(_SQL["limit_key"], parameters).rowcount == 1


def revoke_key(connection: psycopg.Connection[Any], key_id: str) -> bool:
    """Revoke a key for good; False if there is none of that id. Revoking again changes nothing."""
    return connection.execute(_SQL["revoke_key"], {"key_id": key_id}).rowcount == 1
