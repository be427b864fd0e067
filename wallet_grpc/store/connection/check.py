"""Tries the connections that a process will use, before it serves: each kind is opened, and all are held at once.

What it finds would otherwise be found by callers: hosts that lead to a standby, `target_session_attrs` that no server
of the DSN meets, too few connections for the login, and a pooler that gives a session's connection to others.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from wallet_grpc.domain.cells import Cell

from .kinds import ConnectionKind, connect_async, encoding_fault

_POOLER = (
    "a pooler gives this process's sessions to others (transaction or statement pooling); "
    "set pool_mode = session for it, or connect without a pooler"
)


class ConnectionsUnavailableError(Exception):
    """The database, or one connection that is needed, cannot be reached; the message says which, why and what to do."""


class UnfitConnectionsError(Exception):
    """The connections are there, and the process must not use them; the message says why and what to do."""


Connection = psycopg.AsyncConnection[Any]


async def check_connections(
    database_url: str, kinds: Sequence[ConnectionKind], *, on_primary: bool
) -> Mapping[Cell | None, str]:
    """Open a connection of each kind and see that the process can rely on them.

    Of several cells one may be away, with its node: the others are served, and it is when it is back. It is told apart
    from connections that are too few by one more attempt, when no other connection is open.

    Args:
        database_url: The process's DSN.
        kinds: What it will open.
        on_primary: Whether all of them must lead to a primary: what is read on a standby is behind.

    Returns:
        The cells that are away, each with why.

    Raises:
        ConnectionsUnavailableError: One could not be opened, or did not answer, and its cell is not simply away.
        UnfitConnectionsError: They do not do what the process needs.
    """
    async with AsyncExitStack() as open_connections:
        opened, away = await _open_all(database_url, kinds, open_connections)
        limit_s = max(kind.timeout_ms for kind in kinds) / 1000
        try:
            async with asyncio.timeout(limit_s):
                for kind, connection in opened:
                    await _check_server(kind, connection, on_primary=on_primary)
                # Before what a session has set is judged: behind a pooler it may be another's.
                await _check_sessions([connection for _, connection in opened])
                for kind, connection in opened:
                    await _check_writes(kind, connection)
        except TimeoutError:
            raise ConnectionsUnavailableError(
                f"{len(opened)} connections that are used at once did not answer within {limit_s:g} s; "
                "behind a pooler, its pool must hold every connection of every process (docs/operating.md)"
            ) from None
        except psycopg.Error as error:
            raise ConnectionsUnavailableError(f"the database went away: {_text_of(error)}") from error
    for kind, failure in away.values():
        if await _can_be_opened(database_url, kind):
            raise failure
    return {cell: str(failure) for cell, (_, failure) in away.items()}


async def _open_all(
    database_url: str, kinds: Sequence[ConnectionKind], open_connections: AsyncExitStack
) -> tuple[list[tuple[ConnectionKind, Connection]], dict[Cell | None, tuple[ConnectionKind, Exception]]]:
    """Give those that could be opened, and of each cell without any the kind that failed, with why.

    Raises:
        ConnectionsUnavailableError: One could not be opened beside others of its cell, or none could be at all.
    """
    opened: list[tuple[ConnectionKind, Connection]] = []
    away: dict[Cell | None, tuple[ConnectionKind, Exception]] = {}
    for kind in kinds:
        if kind.cell in away:
            continue
        try:
            connection = await _open(database_url, kind, others=len(opened))
        except ConnectionsUnavailableError as error:
            if any(other.cell == kind.cell for other, _ in opened):
                raise
            away[kind.cell] = kind, error
        else:
            await open_connections.enter_async_context(connection)
            opened.append((kind, connection))
    if not opened:
        _, failure = next(iter(away.values()))
        raise failure
    return opened, away


async def _can_be_opened(database_url: str, kind: ConnectionKind) -> bool:
    try:
        connection = await _open(database_url, kind, others=0)
    except ConnectionsUnavailableError:
        return False
    await connection.close()
    return True


async def _open(database_url: str, kind: ConnectionKind, *, others: int) -> Connection:
    try:
        return await connect_async(database_url, kind)
    except TimeoutError:
        raise ConnectionsUnavailableError(
            f"a connection `{kind.application_name}` did not answer within {kind.timeout_ms} ms, beside {others} "
            "others; behind a pooler, its pool must hold every connection of every process (docs/operating.md)"
        ) from None
    except psycopg.Error as error:
        raise ConnectionsUnavailableError(
            f"a connection `{kind.application_name}` cannot be opened: {with_advice(error, database_url)}"
        ) from error


def with_advice(error: psycopg.Error, database_url: str) -> str:
    """Give a failure to connect in one line, and what in the DSN may be the reason."""
    given = conninfo_to_dict(database_url)
    told = [_text_of(error)]
    attributes = given.get("target_session_attrs")
    if attributes not in {None, "any"}:
        told.append(
            f"the DSN says target_session_attrs={attributes}: the service needs `read-write` or `primary`; a server, "
            "database or login with default_transaction_read_only counts as read-only; the HTTP API takes `any`"
        )
    if given.get("options"):
        told.append("the DSN has `options`, which a pooler may refuse: take them out, or let it ignore them")
    return "; ".join(told)


async def _check_server(kind: ConnectionKind, connection: Connection, *, on_primary: bool) -> None:
    fault = encoding_fault(connection)
    if fault is not None:
        raise UnfitConnectionsError(fault)
    cursor = await connection.execute("SELECT pg_is_in_recovery()", prepare=False)
    if on_primary and await cursor.fetchone() == (True,):
        raise UnfitConnectionsError(
            f"a connection `{kind.application_name}` leads to a standby, where nothing can be written and reads "
            "are behind: let the DSN lead to the primary, or say target_session_attrs=primary"
        )


async def _check_writes(kind: ConnectionKind, connection: Connection) -> None:
    cursor = await connection.execute("SELECT current_setting('transaction_read_only') = 'on'", prepare=False)
    if await cursor.fetchone() == (True,) and not kind.reads_only:
        raise UnfitConnectionsError(
            f"a connection `{kind.application_name}` is read-only: default_transaction_read_only is on for the server, "
            "the database or the login"
        )


async def _check_sessions(connections: Sequence[Connection]) -> None:
    """See that a session is the same in its next transaction, while others are busy.

    Each session gets a name of its own. A pooler that shares connections has then written some names over others, or
    finds another connection for a session whose last one is busy.
    """
    names = [secrets.token_hex(8) for _ in connections]
    for name, connection in zip(names, connections, strict=True):
        await connection.execute(f"SET wallet.session = '{name}'".encode(), prepare=False)
    for name, connection in zip(names, connections, strict=True):
        try:
            await connection.execute("BEGIN", prepare=False)
            cursor = await connection.execute("SELECT current_setting('wallet.session', TRUE)", prepare=False)
        except psycopg.OperationalError as error:  # a pooler that takes single statements only
            raise UnfitConnectionsError(f"{_POOLER} ({_text_of(error)})") from error
        if await cursor.fetchone() != (name,):
            raise UnfitConnectionsError(_POOLER)
    for connection in connections:
        await connection.execute("ROLLBACK", prepare=False)


def _text_of(error: Exception) -> str:
    return " ".join(str(error).split())
