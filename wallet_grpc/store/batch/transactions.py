"""Transactions and their postings: loaded for their facts by key, with what stands against them, and stored.

Long because a transaction has 25 columns, each named where it is loaded and where it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from itertools import count
from typing import NamedTuple

import msgspec
from msgspec import Struct

from wallet_grpc.domain.accounts import HOUSE_TYPES, AccountType, PlayerState, house_account_id
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, Key, OwnerId, Source, TxId
from wallet_grpc.domain.ledgers.state import LedgerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.transactions import (
    NO_METADATA,
    Details,
    Direction,
    GameFacts,
    Kind,
    Transaction,
    TransactionStatus,
    WinKind,
)
from wallet_grpc.domain.values import by_text
from wallet_grpc.store.connection.arrays import uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import (
    BigInt,
    Boolean,
    Integer,
    NullableBigInt,
    NullableInteger,
    NullableJsonb,
    NullableNumeric,
    NullableText,
    NullableUuid,
    NullableWord,
    Numeric,
    SmallInt,
    Text,
    Uuid,
    Word,
    int_or_none,
    json_of,
    key_or_none,
    notes_or_none,
)
from .part import Decided, Query, Reading, Step, Steps

_read_details = msgspec.json.Decoder(Details).decode

_SQL = statements(__package__, "transactions.sql")
_KINDS = by_text(Kind)
_STATUSES = by_text(TransactionStatus)


# ---------------------------------------------------------------------------------------------------------------- load


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


class ToldTransaction(NamedTuple):
    """A row of `told_transactions`: all that an event tells of its transaction."""

    tx_id: str
    owner_id: int
    source: str
    reference: str
    kind: str
    status: str
    currency_network_id: int | None
    currency: str | None
    network: str | None
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
    details: str | None
    created_at_text: str  # as PostgreSQL writes it: one that Python cannot tell is the fault of its own event

    @property
    def created_at(self) -> datetime:
        """When it happened; a ValueError where that is no time that can be told."""
        return datetime.fromisoformat(self.created_at_text)


LOAD_TRANSACTIONS = Query(_SQL["load_transactions"], LoadedTransaction)
TOLD_TRANSACTIONS = Query(_SQL["told_transactions"], ToldTransaction)


def ask(trip: RoundTrip, needs: Needs, standing_max: int) -> Iterator[Reading]:
    """Ask for the transactions that the commands are or name."""
    if needs.keys:
        parameters = {"keys": uuids(needs.keys), "standing_wins_max": standing_max}
        yield LOAD_TRANSACTIONS.ask(trip, parameters, partial(_read_transaction, needs.keys))


def _read_transaction(keys: list[Key], book: Book, row: LoadedTransaction) -> None:
    transaction = transaction_of(row, keys[row.position - 1])
    book.transactions[transaction.key] = transaction
    if row.standing_wins:
        book.players.standing_wins[transaction.tx_id] = row.standing_wins
    rollback = _rollback_of(row, transaction)
    if rollback is not None:
        book.players.reversals[transaction.tx_id] = rollback


def transaction_of(row: LoadedTransaction | ToldTransaction, key: Key, details: Details | None = None) -> Transaction:
    """Read a stored transaction for its facts: without its postings and notes, which no rule reads."""
    return Transaction(
        tx_id=TxId(row.tx_id),
        owner_id=OwnerId(row.owner_id),
        source=Source(row.source),
        reference=row.reference,
        key=key,
        kind=_KINDS[row.kind],
        status=_STATUSES[row.status],
        currency_network_id=None if row.currency_network_id is None else CurrencyNetworkId(row.currency_network_id),
        amount_minor=int(row.amount_minor),
        win_amount_minor=int_or_none(row.win_amount_minor),
        fee_minor=int_or_none(row.fee_minor),
        game=GameFacts(game_code=row.game_code or "", round_id=row.round_id or ""),
        round_key=key_or_none(row.round_hash),
        closes_round=row.closes_round,
        reference_transaction_id=row.reference_transaction_id,
        reference_tx_id=None if row.reference_tx_id is None else TxId(row.reference_tx_id),
        reverses_tx_id=None if row.reverses_tx_id is None else TxId(row.reverses_tx_id),
        variant=_variant_of(row.kind, row.variant),
        main_balance_after_minor=int_or_none(row.main_balance_after_minor),
        metadata=NO_METADATA,
        details=details,
        created_at=row.created_at,
    )


def told_transaction_of(row: ToldTransaction) -> Transaction:
    """Read a stored transaction for what events tell of it; a ValueError where its time is none that can be told."""
    return transaction_of(row, Key(""), None if row.details is None else _read_details(row.details))


def _rollback_of(row: LoadedTransaction, target: Transaction) -> Transaction | None:
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


def _variant_of(kind: str, variant: str | None) -> WinKind | Direction | PlayerState | None:
    """Read the column whose meaning depends on the kind."""
    if variant is None:
        return None
    match _KINDS[kind]:
        case Kind.WIN:
            return WinKind(variant)
        case Kind.ADJUSTMENT:
            return Direction(variant)
        case Kind.PLAYER_STATE:
            return PlayerState(variant)
        case other:
            raise AssertionError(f"a {other} has no variant")


# --------------------------------------------------------------------------------------------------------------- store


class TransactionRow(Struct, frozen=True, gc=False):
    """A row of `ledger_transactions`; its `created_at` is the batch's time."""

    tx_id: Uuid
    owner_id: BigInt
    owner_version: BigInt
    source: Text
    reference: Text
    key_hash: Uuid
    kind: Word
    status: Word
    currency_network_id: NullableInteger
    amount_minor: Numeric
    win_amount_minor: NullableNumeric
    fee_minor: NullableNumeric
    game_code: NullableText
    round_id: NullableText
    round_hash: NullableUuid
    closes_round: Boolean
    reference_transaction_id: NullableText
    reference_tx_id: NullableUuid
    reverses_tx_id: NullableUuid
    variant: NullableWord
    main_balance_after_minor: NullableNumeric
    entry_count: SmallInt
    metadata: NullableJsonb
    details: NullableJsonb


class EntryRow(Struct, frozen=True, gc=False):
    """A row of `ledger_entries`."""

    tx_id: Uuid
    entry_no: SmallInt
    owner_id: BigInt
    account_id: BigInt
    account_version: NullableBigInt
    currency_network_id: Integer
    amount_minor: Numeric
    balance_after: NullableNumeric


LEDGER_TRANSACTIONS = Step("ledger_transactions", _SQL, TransactionRow, order=lambda row: row.key_hash)
LEDGER_ENTRIES = Step("ledger_entries", _SQL, EntryRow)


def write(decided: Decided, steps: Steps) -> None:
    """Write the transactions of the batch, each with the next number of its owner's, and what they post."""
    book = decided.book
    made = [transaction for change in book.changes for transaction in change.transactions]
    numbers = {
        owner_id: count(owner.version + 1) for owner_id, owner in book.owners.items() if owner.version is not None
    }
    steps.add(LEDGER_TRANSACTIONS, [row_of(transaction, next(numbers[transaction.owner_id])) for transaction in made])
    steps.add(LEDGER_ENTRIES, _entries_of(made, decided))


def row_of(transaction: Transaction, owner_version: int) -> TransactionRow:
    """Write a transaction. In the order of the columns: by name it costs more than twice as much, for every bet."""
    game = transaction.game
    return TransactionRow(
        transaction.tx_id,
        transaction.owner_id,
        owner_version,
        transaction.source,
        transaction.reference,
        transaction.key,
        transaction.kind,
        transaction.status,
        transaction.currency_network_id,
        transaction.amount_minor,
        transaction.win_amount_minor,
        transaction.fee_minor,
        game.game_code,
        game.round_id,
        transaction.round_key,
        transaction.closes_round,
        transaction.reference_transaction_id,
        transaction.reference_tx_id,
        transaction.reverses_tx_id,
        transaction.variant,
        transaction.main_balance_after_minor,
        len(transaction.postings),
        notes_or_none(transaction.metadata),
        None if transaction.details is None else _details(transaction.details),
    )


def _details(details: Details) -> str:
    """Render the details as JSON; what is empty is left out."""
    facts: dict[str, str | int | None] = {
        "session_token": details.session_token or None,
        "rail": details.rail or None,
        "tx_hash": details.tx_hash or None,
        "output_index": details.output_index,
        "reason": details.reason or None,
        "actor": details.actor or None,
    }
    return json_of({name: fact for name, fact in facts.items() if fact is not None})


def _entries_of(made: Iterable[Transaction], decided: Decided) -> list[EntryRow]:
    """Write what transactions post, in the order of the columns, as `row_of` does."""
    book = decided.book
    accounts = book.accounts
    rows: list[EntryRow] = []
    for transaction in made:
        network, owner_id = transaction.currency_network_id, transaction.owner_id
        if network is None:
            continue
        for entry_no, posting in enumerate(transaction.postings, start=1):
            account_type = posting.account_type
            account_id: AccountId | None
            if account_type in HOUSE_TYPES:
                account_id = house_account_id(network, account_type)
            elif account_type is AccountType.JOURNAL:
                ledger_id = LedgerId(transaction.reference_tx_id or "")
                account_id = book.ledgers.accounts[ledger_id, posting.account_code].account_id
            else:
                account_id = accounts[owner_id, network, account_type].account_id
            assert account_id is not None, "an account that comes into being has got its id before"
            rows.append(
                EntryRow(
                    transaction.tx_id,
                    entry_no,
                    owner_id,
                    account_id,
                    posting.account_version,
                    network,
                    posting.amount_minor,
                    posting.balance_after_minor,
                )
            )
    return rows
