"""Rebuilding derived balances from postings: owner by owner under the owner's lock, then the house accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from .sql import statements

_SQL = statements("rebuild.sql")
_OWNERS_CHUNK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """One derived row that was wrong, and what it is now."""

    account_id: int
    account: str
    was_minor: str
    is_minor: str
    was_version: str
    is_version: str


def rebuild_balances(
    admin_database_url: str, *, on_progress: Callable[[int], None] = lambda _: None
) -> Iterator[Correction]:
    """Rebuild every derived balance, giving each row that it changed. The service may run on.

    Player accounts are rebuilt in chunks of owners, each chunk in one transaction that holds the owners' locks. House
    accounts follow in one statement: whatever the stripes lack is put on stripe 0, so nobody's stripe is overwritten.
    """
    with psycopg.connect(admin_database_url, autocommit=True, application_name="wallet-rebuild") as connection:
        after = 0
        done = 0
        while True:
            owners = [
                row[0]
                for row in connection.execute(_SQL["owners_chunk"], {"after": after, "chunk": _OWNERS_CHUNK}).fetchall()
            ]
            if not owners:
                break
            with connection.transaction():
                connection.execute(_SQL["lock_owners"], {"owner_ids": owners})
                connection.execute(_SQL["lock_balances"], {"owner_ids": owners})
                rows = connection.execute(_SQL["rebuild_owners"], {"owner_ids": owners}).fetchall()
            yield from map(_correction, rows)
            after = owners[-1]
            done += len(owners)
            on_progress(done)
        with connection.transaction():
            connection.execute(_SQL["lock_house"])
            rows = connection.execute(_SQL["rebuild_house"], {}).fetchall()  # the parameters unescape %%
        yield from map(_correction, rows)


def _correction(row: Any) -> Correction:
    account_id, account, was, now, was_version, version = row
    return Correction(
        account_id=account_id,
        account=account,
        was_minor=was or "missing",
        is_minor=now,
        was_version=was_version or "missing",
        is_version=version,
    )
