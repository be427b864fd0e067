"""The steps of the store statement that concern sessions: new ones, changed ones, and their journals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.sessions.state import Entry, Session, SessionState
from wallet_grpc.store.connection.arrays import literal, nullable_literal, nullable_separated, separated

_encode = msgspec.json.Encoder().encode


def session_steps(book: Book, parameters: dict[str, object]) -> Mapping[str, int]:
    """Give how many rows each step must touch, and add its parameters."""
    if not book.sessions.by_id:
        return {}
    ordered = [book.sessions.by_id[session_id] for session_id in sorted(book.sessions.by_id)]
    new = [session for session in ordered if session.loaded_version is None]
    changed = [session for session in ordered if session.loaded_version not in {None, session.version}]
    ended = {
        change.journaled.session.session_id
        for change in book.changes
        if change.journaled is not None and change.journaled.settlement is not None
    }
    raised = [session for session in changed if session.session_id not in ended]
    settled = [session for session in changed if session.session_id in ended]
    entries = [entry for change in book.changes if change.journaled is not None for entry in change.journaled.entries]
    _opened(new, parameters)
    _raised(raised, parameters)
    _ended(settled, parameters)
    _journal(entries, parameters)
    return {
        "new_sessions": len(new),
        "raised_sessions": len(raised),
        "settled_sessions": len(settled),
        "subledger_entries": len(entries),
    }


def _opened(sessions: Sequence[Session], parameters: dict[str, object]) -> None:
    assert all(session.version == 0 for session in sessions), "nothing can name a session before its opening is told"
    if sessions:
        parameters["new_session_ids"] = literal([row.session_id for row in sessions])
        parameters["new_session_owner_ids"] = literal([row.owner_id for row in sessions])
        parameters["new_session_sources"] = separated([row.source for row in sessions])
        parameters["new_session_network_ids"] = literal([row.currency_network_id for row in sessions])
        parameters["new_session_game_codes"] = separated([row.game_code for row in sessions])
        parameters["new_session_locks"] = literal([row.lock_amount_minor for row in sessions])
        parameters["new_session_rails"] = literal([row.rail for row in sessions])
        parameters["new_session_ttls"] = literal([row.ttl_asked_s for row in sessions])
        parameters["new_session_expiries"] = separated([row.expires_at.isoformat() for row in sessions])


def _raised(sessions: Sequence[Session], parameters: dict[str, object]) -> None:
    if sessions:
        parameters["raised_session_ids"] = literal([row.session_id for row in sessions])
        parameters["raised_session_loaded_versions"] = literal([row.loaded_version for row in sessions])
        parameters["raised_session_versions"] = literal([row.version for row in sessions])
        parameters["raised_session_balances"] = literal([row.balance_minor for row in sessions])
        parameters["raised_session_open_rounds"] = literal([row.open_rounds for row in sessions])


def _ended(sessions: Sequence[Session], parameters: dict[str, object]) -> None:
    assert all(session.state is SessionState.SETTLED for session in sessions)
    if sessions:
        parameters["ended_session_ids"] = literal([row.session_id for row in sessions])
        parameters["ended_session_loaded_versions"] = literal([row.loaded_version for row in sessions])
        parameters["ended_session_versions"] = literal([row.version for row in sessions])
        parameters["ended_session_balances"] = literal([row.balance_minor for row in sessions])
        parameters["ended_session_open_rounds"] = literal([row.open_rounds for row in sessions])
        parameters["ended_session_tx_ids"] = literal([row.settlement_tx_id for row in sessions])


def _journal(entries: Sequence[Entry], parameters: dict[str, object]) -> None:
    if not entries:
        return
    rows = sorted(entries, key=lambda entry: entry.key)
    parameters["journal_session_ids"] = literal([row.session_id for row in rows])
    parameters["journal_entry_nos"] = literal([row.entry_no for row in rows])
    parameters["journal_owner_ids"] = literal([row.owner_id for row in rows])
    parameters["journal_kinds"] = literal([row.kind for row in rows])
    parameters["journal_statuses"] = literal([row.status for row in rows])
    parameters["journal_transaction_ids"] = separated([row.transaction_id for row in rows])
    parameters["journal_keys"] = literal([row.key for row in rows])
    parameters["journal_amounts"] = literal([row.amount_minor for row in rows])
    parameters["journal_changes"] = literal([row.change_minor for row in rows])
    parameters["journal_balances"] = nullable_literal([row.balance_after_minor for row in rows])
    parameters["journal_round_ids"] = nullable_separated([row.round_id for row in rows])
    parameters["journal_round_keys"] = nullable_literal([row.round_key for row in rows])
    parameters["journal_closes_rounds"] = literal([row.closes_round for row in rows])
    parameters["journal_references"] = nullable_separated([row.reference_transaction_id for row in rows])
    parameters["journal_reference_keys"] = nullable_literal([row.reference_key for row in rows])
    parameters["journal_reverses_keys"] = nullable_literal([row.reverses_key for row in rows])
    parameters["journal_variants"] = nullable_literal([row.win_kind for row in rows])
    parameters["journal_lates"] = literal([row.late for row in rows])
    parameters["journal_tx_ids"] = nullable_literal([row.tx_id for row in rows])
    parameters["journal_metadata"] = nullable_separated(
        [_encode(row.metadata).decode() if row.metadata else None for row in rows]
    )
