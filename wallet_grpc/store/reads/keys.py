"""Callers' keys: who a key names, and what it may do. Only a hash of a key is ever stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.operators import Channel, Operator, operator_name
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "keys.sql")
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
    operator: Operator | None = None
    """The person whose key it is; None for a key without role `backoffice`, and for one that speaks for logins."""
    speaks_for_logins: bool = False
    """Whether its calls name the person who is logged in where they come from."""


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
                callers.update((bytes(key_hash), _caller(_KeyRow(*row))) for key_hash, *row in rows)
                await asyncio.sleep(0)  # calls go on meanwhile, however many keys there are
        return callers


class _KeyRow(NamedTuple):
    """A row of `callers`, without the key's hash."""

    key_id: str
    source: str
    roles: list[str]
    rate_per_s: int | None
    operator: str | None
    speaks_for_logins: bool


def _caller(row: _KeyRow) -> Caller:
    roles = frozenset(_ROLES[role] for role in row.roles if role in _ROLES)  # a newer wallet may know others
    operator = None
    if Role.BACKOFFICE in roles and not row.speaks_for_logins:
        name = operator_name(row.operator or row.source)  # an older wallet kept it as it was typed
        operator = Operator(name=name, channel=Channel.CALL, key_id=row.key_id)
    return Caller(
        key_id=row.key_id,
        source=Source(row.source),
        roles=roles,
        rate_per_s=row.rate_per_s,
        operator=operator,
        speaks_for_logins=row.speaks_for_logins,
    )
