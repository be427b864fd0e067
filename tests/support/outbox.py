"""The outbox as tests look into it: its events with what the ledger tells of them, and events that nobody made."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import RawCursor

from wallet_grpc.store.batch.transactions import TOLD_TRANSACTIONS, ToldTransaction
from wallet_grpc.store.queues.told_events import (
    NamedEvent,
    OutboxRow,
    facts_parameters,
    outbox_rows,
)

from .database import Installation

_NAMED = """
    SELECT outbox_id, owner_id, tx_id::TEXT, event_no, sequence, traceparent
    FROM outbox_events WHERE owner_id BETWEEN %s AND %s ORDER BY outbox_id
"""
_INSERT = """
    WITH made AS (
        INSERT INTO ledger_transactions (
            tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id,
            amount_minor, closes_round, main_balance_after_minor, entry_count, created_at
        )
        SELECT gen_random_uuid(), owner_id,
            row_number() OVER (PARTITION BY owner_id)
            + (SELECT count(*) FROM ledger_transactions WHERE ledger_transactions.owner_id = named.owner_id),
            'payments', 'made up', gen_random_uuid(), %s, 'APPLIED', 1, 1, FALSE, 1, 0, %s::TIMESTAMPTZ
        FROM unnest(%s::BIGINT[]) AS named (owner_id)
        RETURNING owner_id, tx_id
    )

    INSERT INTO outbox_events (owner_id, tx_id, event_no, sequence)
    SELECT owner_id, tx_id, 1, 1 FROM made ORDER BY owner_id
    RETURNING outbox_id
"""


class Told(NamedTuple):
    """An event that waits."""

    event_type: str
    player_id: int
    sequence: int
    data: dict[str, Any]


def outbox_of(installation: Installation, first_player_id: int, last_player_id: int | None = None) -> list[OutboxRow]:
    """Give a player's events that wait, or those of a range of players, in their order."""
    last = first_player_id if last_player_id is None else last_player_id
    named = [NamedEvent(*row) for row in installation.rows(_NAMED, first_player_id, last)]
    with installation.connect() as connection, RawCursor(connection) as cursor:
        statement = TOLD_TRANSACTIONS.statement
        cursor.execute(statement.text, statement.values(facts_parameters(named)))
        return outbox_rows(named, [ToldTransaction(*row) for row in cursor.fetchall()])


def told(installation: Installation, first_player_id: int, last_player_id: int | None = None) -> list[Told]:
    """Tell the same events as subscribers will read them."""
    return [
        Told(str(row.event_type), row.owner_id, row.sequence, json.loads(row.tell().data))
        for row in outbox_of(installation, first_player_id, last_player_id)
    ]


def make_up_events(
    connection: psycopg.Connection, owner_ids: Sequence[int], *, kind: str = "DEPOSIT", created_at: str = "now"
) -> list[int]:
    """Put an event of each owner into the outbox, with a transaction that no rule has seen; gives their outbox_ids."""
    rows = connection.execute(_INSERT, [kind, created_at, list(owner_ids)]).fetchall()
    return [outbox_id for (outbox_id,) in rows]


def parked_inbox(installation: Installation) -> int:
    ((inbox_id,),) = installation.rows(
        "INSERT INTO inbox_events (key_hash, source, event_id, event_type, body_hash, body, state, reason, received_at,"
        " changed_at) VALUES (gen_random_uuid(), 'payments', gen_random_uuid()::TEXT, 'payments.deposit.settled',"
        " gen_random_uuid(), '{}', 'PARKED', 'INVALID_FIELD', now(), now()) RETURNING inbox_id"
    )
    return int(inbox_id)


def parked_outbox(installation: Installation) -> int:
    ((outbox_id,),) = installation.rows(
        "UPDATE outbox_events SET parked_at = now(), failure = 'no queue' WHERE outbox_id ="
        " (SELECT min(outbox_id) FROM outbox_events WHERE parked_at IS NULL) RETURNING outbox_id"
    )
    return int(outbox_id)
