"""What the filled ledger's things are called: drawn over its whole time, so that each question is about other pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from bench.servers.database import Server
from wallet_grpc.domain.identifiers import first_id_at

_BY_KEY = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off"
_TRANSACTIONS = """
    SELECT found.* FROM unnest(%(since)s::UUID[]) AS since
     CROSS JOIN LATERAL (
        SELECT tx_id::TEXT, owner_id, source, reference, game_code, round_id, details ->> 'tx_hash' AS tx_hash
          FROM ledger_transactions
         WHERE kind = %(kind)s AND tx_id >= since ORDER BY ledger_transactions.tx_id LIMIT 1) AS found
"""
_SESSIONS = """
    SELECT found.* FROM unnest(%(since)s::UUID[]) AS since
     CROSS JOIN LATERAL (
        SELECT session_id::TEXT, sessions.owner_id, played.transaction_id, played.round_id,
               'ses_' || sessions.owner_id || '_1_' || replace(session_id::TEXT, '-', '') AS token
          FROM sessions
          JOIN subledger_entries AS played ON played.subledger_id = session_id AND played.entry_no = 3
         WHERE session_id >= since ORDER BY sessions.session_id LIMIT 1) AS found
"""
_OTHERS = """
    SELECT ARRAY(SELECT proposal_id::TEXT FROM adjustment_proposals ORDER BY md5(proposal_id::TEXT) LIMIT 100)
               AS proposals,
           ARRAY(SELECT 'in-' || inbox_id FROM inbox_events ORDER BY md5(inbox_id::TEXT) LIMIT 100) AS events,
           ARRAY(SELECT event_id FROM inbox_events ORDER BY md5(inbox_id::TEXT) LIMIT 100) AS event_ids
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """So many of each, in no order of time that a cache would help."""

    bets: Sequence[Any]
    wins: Sequence[Any]
    deposits: Sequence[Any]
    withdrawals: Sequence[Any]
    sessions: Sequence[Any]
    proposals: Sequence[str]
    events: Sequence[str]
    event_ids: Sequence[str]
    now: datetime


def draw_names(server: Server, database: str, count: int, *, days: int) -> Names:
    """Draw so many of each from the days before now."""
    now = datetime.now(UTC)
    with psycopg.connect(
        server.cluster.dsn(database), options="-c search_path=cell_0,public", row_factory=namedtuple_row
    ) as connection:
        connection.execute(_BY_KEY)
        since = [first_id_at(now - timedelta(days=days) * (0.02 + 0.93 * ((i * 0.618) % 1))) for i in range(count)]

        def of_kind(kind: str) -> Sequence[Any]:
            return connection.execute(_TRANSACTIONS, {"since": since, "kind": kind}).fetchall()

        others: Any = connection.execute(_OTHERS).fetchone()
        return Names(
            bets=of_kind("BET"),
            wins=of_kind("WIN"),
            deposits=of_kind("DEPOSIT"),
            withdrawals=of_kind("WITHDRAWAL_RESERVATION"),
            sessions=connection.execute(_SESSIONS, {"since": since}).fetchall(),
            proposals=others.proposals,
            events=others.events,
            event_ids=others.event_ids,
            now=now,
        )
