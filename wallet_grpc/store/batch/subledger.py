"""Journals: the rows of `subledger_entries`, which sessions and credit wallets share."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.identifiers import OwnerId, TxId
from wallet_grpc.domain.sessions.state import Entry, SessionId
from wallet_grpc.domain.transactions import NO_METADATA, Kind, TransactionStatus, WinKind
from wallet_grpc.domain.values import by_text
from wallet_grpc.store.connection.statements import statements

from .columns import (
    BigInt,
    Boolean,
    NullableBigInt,
    NullableInstant,
    NullableJsonb,
    NullableNumeric,
    NullableText,
    NullableUuid,
    NullableWord,
    Numeric,
    Text,
    Uuid,
    Word,
    key_of,
    key_or_none,
    notes_or_none,
)
from .part import Step

_KINDS = by_text(Kind)
_STATUSES = by_text(TransactionStatus)
_WIN_KINDS = by_text(WinKind)


class LoadedEntry(NamedTuple):
    """A row of `load_session_entries`."""

    session_id: str
    entry_no: int
    owner_id: int
    kind: str
    status: str
    transaction_id: str
    key_hash: str
    amount_minor: str
    change_minor: str
    balance_after_minor: str
    round_id: str | None
    round_hash: str | None
    closes_round: bool
    reference_transaction_id: str | None
    reference_key: str | None
    reverses_key: str | None
    variant: str | None
    late: bool
    tx_id: str | None
    created_at: datetime
    rollback_entry_no: int | None
    rollback_transaction_id: str | None
    rollback_key_hash: str | None
    rollback_balance_after_minor: str | None
    rollback_late: bool | None
    rollback_tx_id: str | None
    standing_wins: int | None
    round_bets: int | None
    round_closers: int | None


def entry_of(row: LoadedEntry) -> Entry:
    """Read a journal row for its facts: without its notes, which no rule reads.

    Columns are read by name, and not what stands against the entry: a statement that reads whole journals has no more.
    """
    return Entry(
        session_id=SessionId(row.session_id),
        entry_no=row.entry_no,
        owner_id=OwnerId(row.owner_id),
        kind=_KINDS[row.kind],
        status=_STATUSES[row.status],
        transaction_id=row.transaction_id,
        key=key_of(row.key_hash),
        amount_minor=int(row.amount_minor),
        change_minor=int(row.change_minor),
        balance_after_minor=int(row.balance_after_minor),
        round_id=row.round_id,
        round_key=key_or_none(row.round_hash),
        closes_round=row.closes_round,
        reference_transaction_id=row.reference_transaction_id,
        reference_key=key_or_none(row.reference_key),
        reverses_key=key_or_none(row.reverses_key),
        win_kind=None if row.variant is None else _WIN_KINDS[row.variant],
        late=row.late,
        tx_id=None if row.tx_id is None else TxId(row.tx_id),
        metadata=NO_METADATA,
        created_at=row.created_at,
    )


class SubledgerRow(Struct, frozen=True, gc=False):
    """A row of `subledger_entries`, of a session or a credit wallet; its `created_at` is the batch's time."""

    subledger_id: Uuid
    entry_no: BigInt
    owner_id: BigInt
    kind: Word
    status: Word
    transaction_id: Text
    key_hash: Uuid
    amount_minor: Numeric
    change_minor: Numeric
    balance_after_minor: Numeric
    open_rounds: NullableBigInt = None
    round_id: NullableText = None
    round_hash: NullableUuid = None
    closes_round: Boolean = False
    reference_transaction_id: NullableText = None
    reference_key: NullableUuid = None
    reverses_key: NullableUuid = None
    variant: NullableWord = None
    late: Boolean = False
    tx_id: NullableUuid = None
    metadata: NullableJsonb = None
    source: NullableText = None
    """Who wrote to a wallet; a session has one source for all."""
    held_minor: NullableNumeric = None
    held_as_of: NullableInstant = None
    """What is reserved of a wallet after its first reservation."""


SUBLEDGER_ENTRIES = Step(
    "subledger_entries", statements(__package__, "subledger.sql"), SubledgerRow, order=lambda row: row.key_hash
)


def row_of(entry: Entry, open_rounds: int | None) -> SubledgerRow:
    """Write an entry of a session, with the open rounds that it left; in the order of the columns."""
    return SubledgerRow(
        entry.session_id,
        entry.entry_no,
        entry.owner_id,
        entry.kind,
        entry.status,
        entry.transaction_id,
        entry.key,
        entry.amount_minor,
        entry.change_minor,
        entry.balance_after_minor,
        open_rounds,
        entry.round_id,
        entry.round_key,
        entry.closes_round,
        entry.reference_transaction_id,
        entry.reference_key,
        entry.reverses_key,
        entry.win_kind,
        entry.late,
        entry.tx_id,
        notes_or_none(entry.metadata),
    )
