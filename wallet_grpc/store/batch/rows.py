"""Rows to values: what the batch's SELECTs give, as the domain's types. Column order is that of `sql/batch.sql`."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, Source, TxId
from wallet_grpc.domain.transactions import NO_METADATA, Direction, Kind, Transaction, TransactionStatus, WinKind


class LoadedTransaction(NamedTuple):
    """A row of `load_transactions`."""

    position: int
    tx_id: str
    owner_id: int
    source: str
    reference: str
    kind: str
    status: str
    currency_network_id: int | None
    amount_minor: str
    win_amount_minor: str | None
    fee_minor: str | None
    game_code: str | None
    round_id: str | None
    round_hash: str | None
    closes_round: bool
    reference_transaction_id: str | None
    reference_tx_id: str | None
    reverses_tx_id: str | None
    variant: str | None
    main_balance_after_minor: str | None
    created_at: datetime
    rollback_tx_id: str | None
    rollback_main_balance_after_minor: str | None
    rollback_created_at: datetime | None
    standing_wins: int | None


def transaction_of(row: LoadedTransaction, key: Key) -> Transaction:
    """Read a stored transaction for its facts: without its postings and notes, which no rule reads."""
    return Transaction(
        tx_id=TxId(row.tx_id),
        owner_id=OwnerId(row.owner_id),
        source=Source(row.source),
        reference=row.reference,
        key=key,
        kind=Kind(row.kind),
        status=TransactionStatus(row.status),
        currency_network_id=None if row.currency_network_id is None else CurrencyNetworkId(row.currency_network_id),
        amount_minor=int(row.amount_minor),
        win_amount_minor=int_or_none(row.win_amount_minor),
        fee_minor=int_or_none(row.fee_minor),
        game_code=row.game_code,
        round_id=row.round_id,
        round_key=None if row.round_hash is None else key_of(row.round_hash),
        closes_round=row.closes_round,
        reference_transaction_id=row.reference_transaction_id,
        reference_tx_id=None if row.reference_tx_id is None else TxId(row.reference_tx_id),
        reverses_tx_id=None if row.reverses_tx_id is None else TxId(row.reverses_tx_id),
        variant=variant_of(row.kind, row.variant),
        main_balance_after_minor=int_or_none(row.main_balance_after_minor),
        metadata=NO_METADATA,
        created_at=row.created_at,
    )


def rollback_of(row: LoadedTransaction, target: Transaction) -> Transaction | None:
    """Read the rollback that reversed the row's transaction: as much of it as an answer repeats."""
    if row.rollback_tx_id is None:
        return None
    assert row.rollback_created_at is not None
    return Transaction(
        tx_id=TxId(row.rollback_tx_id),
        owner_id=target.owner_id,
        source=target.source,
        reference="",
        key=Key(""),
        kind=Kind.ROLLBACK,
        status=TransactionStatus.APPLIED,
        currency_network_id=target.currency_network_id,
        amount_minor=target.amount_minor,
        reverses_tx_id=target.tx_id,
        main_balance_after_minor=int_or_none(row.rollback_main_balance_after_minor),
        metadata=NO_METADATA,
        created_at=row.rollback_created_at,
    )


def variant_of(kind: str, variant: str | None) -> WinKind | Direction | PlayerState | None:
    """Read the column whose meaning depends on the kind."""
    if variant is None:
        return None
    match Kind(kind):
        case Kind.WIN:
            return WinKind(variant)
        case Kind.ADJUSTMENT:
            return Direction(variant)
        case Kind.PLAYER_STATE:
            return PlayerState(variant)
        case other:
            raise AssertionError(f"a {other} has no variant")


def key_of(uuid_text: str) -> Key:
    """Read a key, which PostgreSQL keeps as a UUID."""
    return Key(uuid_text.replace("-", ""))


def int_or_none(text: str | None) -> int | None:
    """Read an amount that may be NULL."""
    return None if text is None else int(text)
