"""Keys as an operator makes, lists, limits and revokes them. A key's secret is seen once, when it is made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.operators import Act, ActKind, operator_name
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.keys import Role, hash_of
from wallet_grpc.store.trail.acts import note

_SQL = statements(__package__, "keys.sql")
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key as the database keeps it, without its secret."""

    key_id: str
    source: str
    roles: list[str]
    rate_per_s: int | None
    operator: str | None
    """The person whose key it is; None for a key without role `backoffice`, and for one that speaks for logins."""
    speaks_for_logins: bool
    created_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made: the only time that its secret is seen."""

    key_id: str
    key: str
    source: str
    roles: list[str]
    rate_per_s: int | None
    operator: str | None
    speaks_for_logins: bool


def create_key(
    connection: psycopg.Connection[Any],
    *,
    prefix: str,
    source: str,
    roles: list[Role],
    rate_per_s: int | None = None,
    operator: str | None = None,
    speaks_for_logins: bool = False,
    reason: str = "",
) -> NewKey:
    """Make a key with 256 random bits and store its hash.

    A key of role `backoffice` is a person's: of the one who is called as its source, where no other is named.
    """
    key = f"{prefix}{secrets.token_urlsafe(_KEY_BYTES)}"
    if operator is None and Role.BACKOFFICE in roles and not speaks_for_logins:
        operator = source
    facts: dict[str, Any] = {
        "source": source,
        "roles": [role.value for role in roles],
        "rate_per_s": rate_per_s,
        "operator": None if operator is None else operator_name(operator),
        "speaks_for_logins": speaks_for_logins,
    }
    key_id = f"key_{secrets.token_hex(6)}"
    with connection.transaction():
        connection.execute(_SQL["add_key"], {**facts, "key_id": key_id, "key_hash": hash_of(key)})
        note(connection, Act(kind=ActKind.KEY_CREATION, subject=f"key {key_id}", reason=reason, after=facts))
    return NewKey(key_id=key_id, key=key, **facts)


def list_keys(connection: psycopg.Connection[Any]) -> list[StoredKey]:
    """Give all keys, oldest first."""
    with connection.cursor(row_factory=class_row(StoredKey)) as cursor:
        return cursor.execute(_SQL["list_keys"]).fetchall()


def limit_key(connection: psycopg.Connection[Any], key_id: str, *, rate_per_s: int | None, reason: str = "") -> bool:
    """Set a key's rate, or take it away; False if there is no key of that id."""
    with connection.transaction():
        found = connection.execute(_SQL["lock_key"], {"key_id": key_id}).fetchone()
        if found is None:
            return False
        connection.execute(_SQL["limit_key"], {"key_id": key_id, "rate_per_s": rate_per_s})
        act = Act(
            kind=ActKind.KEY_LIMIT,
            subject=f"key {key_id}",
            reason=reason,
            before={"rate_per_s": found[0]},
            after={"rate_per_s": rate_per_s},
        )
        note(connection, act)
    return True


def revoke_key(connection: psycopg.Connection[Any], key_id: str, *, reason: str = "") -> bool:
    """Revoke a key for good; False if there is none of that id. Revoking again changes nothing."""
    with connection.transaction():
        found = connection.execute(_SQL["lock_key"], {"key_id": key_id}).fetchone()
        if found is None:
            return False
        if connection.execute(_SQL["revoke_key"], {"key_id": key_id}).rowcount:
            act = Act(
                kind=ActKind.KEY_REVOCATION,
                subject=f"key {key_id}",
                reason=reason,
                before={"revoked": False},
                after={"revoked": True},
            )
            note(connection, act)
    return True
