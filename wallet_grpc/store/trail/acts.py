"""Acts of operators that no batch stores: each has its row of the trail by the transaction that does it.

Of a command the operator is the login of the database that it connected by, which the database knows. Beside it stands
the user of the machine, and an id that all rows of one run of the command share.
"""

from __future__ import annotations

import os
import pwd
import secrets
import socket
from datetime import datetime
from functools import cache
from typing import Any

import psycopg

from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.domain.fields import TEXT_LENGTH_MAX
from wallet_grpc.domain.identifiers import TxId, TxIdSequence, unix_ms_of
from wallet_grpc.domain.operators import Act, Channel, Operator, operator_name
from wallet_grpc.store.batch.columns import facts_or_none
from wallet_grpc.store.connection.pool import Connection, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.moments import clock_class_of

_SQL = statements(__package__, "acts.sql")
_CLOCK = {"clock_class": clock_class_of(ONLY_CELL)}
_ids = TxIdSequence(ONLY_CELL)


def note(connection: psycopg.Connection[Any], *acts: Act) -> None:
    """Write a row for each thing that a command does, in the transaction that does it."""
    row = connection.execute(_SQL["clock"], _CLOCK).fetchone()
    assert row is not None
    now, login = row
    operator = Operator(name=operator_name(login), channel=Channel.COMMAND)
    run, user = _run_of_command(), _user_of_machine()
    rows = [_row(act, operator, run, now, actor=user) for act in acts]
    connection.cursor().executemany(_SQL["note"], rows)


async def clock(connection: Connection) -> datetime:
    """Give the time of what an open transaction of a call does; who answers about the past waits for its end."""
    now, _ = await only_row(connection, _SQL["clock"], _CLOCK)
    assert isinstance(now, datetime)
    return now


async def note_call(connection: Connection, act: Act, operator: Operator, *, request_id: str, now: datetime) -> None:
    """Write the row of what a call does, in the transaction that does it, at the time that `clock` gave it."""
    await connection.execute(_SQL["note"], _row(act, operator, request_id, now, actor=act.actor))


def next_id(now: datetime) -> TxId:
    """Make the id of an act, or of a proposal: they sort by their time."""
    return _ids.next(unix_ms_of(now))


def _row(act: Act, operator: Operator, request_id: str, now: datetime, *, actor: str) -> dict[str, object]:
    return {
        "action_id": next_id(now),
        "acted_at": now,
        "kind": act.kind.value,
        "channel": operator.channel.value,
        "operator": operator.name,
        "subject": act.subject,
        "player_id": act.player_id,
        "key_id": operator.key_id,
        "actor": actor or None,
        "reason": act.reason or None,
        "result_id": act.result_id or None,
        "request_id": request_id or None,
        "facts_before": facts_or_none(act.before),
        "facts_after": facts_or_none(act.after),
    }


@cache
def _run_of_command() -> str:
    """Give the id that the rows of this process share."""
    return f"command-{secrets.token_hex(6)}"


@cache
def _user_of_machine() -> str:
    """Give the user whom the machine runs this process for, by the kernel's knowledge and not by the environment's."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = f"uid {uid}"
    told = f"{user}@{socket.gethostname()}"
    return "".join(character if character.isprintable() else " " for character in told)[:TEXT_LENGTH_MAX]
