"""Credit wallets: loaded by wallet, entry and reservation at one instant, and stored with their journals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.state import (
    CreditWallet,
    KnownEntry,
    Reservation,
    ReservationState,
    WalletAddress,
    WalletEntry,
    WalletEntryKind,
    WalletId,
)
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.transactions import TransactionStatus
from wallet_grpc.domain.values import by_text
from wallet_grpc.store.connection.arrays import uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import (
    BigInt,
    Instant,
    Integer,
    NullableNumeric,
    Numeric,
    Text,
    Uuid,
    Word,
    int_or_none,
    key_of,
    notes_or_none,
)
from .part import Decided, Query, Reading, Step, Steps
from .subledger import SUBLEDGER_ENTRIES, SubledgerRow

_SQL = statements(__package__, "credit.sql")
_ENTRY_KINDS = by_text(WalletEntryKind)
_RESERVATION_STATES = by_text(ReservationState)


# ---------------------------------------------------------------------------------------------------------------- load


class LoadedWallet(NamedTuple):
    """A row of `load_wallets`."""

    wallet_id: str
    balance_minor: str
    entry_count: int
    held_minor: str | None
    now: datetime


class LoadedWalletEntry(NamedTuple):
    """A row of `load_wallet_entries`."""

    wallet_id: str
    key_hash: str
    kind: str
    amount_minor: str


class LoadedReservation(NamedTuple):
    """A row of `load_reservations`."""

    reservation_id: str
    wallet_id: str
    amount_minor: str
    ttl_s: int
    expires_at: datetime
    state: str
    committed_minor: str | None


LOAD_WALLETS = Query(_SQL["load_wallets"], LoadedWallet)
LOAD_WALLET_ENTRIES = Query(_SQL["load_wallet_entries"], LoadedWalletEntry)
LOAD_RESERVATIONS = Query(_SQL["load_reservations"], LoadedReservation)


def ask(trip: RoundTrip, needs: Needs, _standing_max: int) -> Iterator[Reading]:
    """Ask for wallets. Their clock is read first, so nothing that is loaded later is older than it."""
    wanted = needs.credit
    if wanted is None:
        return
    yield LOAD_WALLETS.ask(trip, {"wallet_ids": uuids(wanted.wallets)}, partial(_read_wallet, wanted.wallets))
    if wanted.entry_keys:
        yield LOAD_WALLET_ENTRIES.ask(trip, {"entry_keys": uuids(wanted.entry_keys)}, _read_entry)
    if wanted.reservation_keys:
        parameters = {"reservation_keys": uuids(wanted.reservation_keys)}
        yield LOAD_RESERVATIONS.ask(trip, parameters, _read_reservation)


def _read_wallet(addresses: dict[WalletId, WalletAddress], book: Book, row: LoadedWallet) -> None:
    address = addresses[WalletId(row.wallet_id)]
    book.credit.wallets[address.wallet_id] = CreditWallet(
        wallet_id=address.wallet_id,
        owner_id=address.owner_id,
        ledger_id=address.ledger_id,
        caller_key=address.caller_key,
        now=row.now,
        balance_minor=int(row.balance_minor),
        held_minor=int(row.held_minor or 0),
        has_reserved=row.held_minor is not None,
        entry_count=row.entry_count,
        known=book.credit.known,
        reservations=book.credit.reservations,
    )


def _read_entry(book: Book, row: LoadedWalletEntry) -> None:
    """Put an entry into its wallet: what a retry is compared with."""
    wallet = book.credit.wallets.get(WalletId(row.wallet_id))
    if wallet is not None:  # else it has come into being since the statement before, and the store will refuse
        wallet.known[key_of(row.key_hash)] = KnownEntry(kind=_ENTRY_KINDS[row.kind], amount_minor=int(row.amount_minor))


def _read_reservation(book: Book, row: LoadedReservation) -> None:
    """Put a reservation into its wallet; one of a wallet that nobody named belongs nowhere."""
    wallet = book.credit.wallets.get(WalletId(row.wallet_id))
    if wallet is not None:
        key = key_of(row.reservation_id)
        wallet.reservations[key] = Reservation(
            key=key,
            wallet_id=wallet.wallet_id,
            amount_minor=int(row.amount_minor),
            ttl_s=row.ttl_s,
            expires_at=row.expires_at,
            state=_RESERVATION_STATES[row.state],
            committed_minor=int_or_none(row.committed_minor),
        )


# --------------------------------------------------------------------------------------------------------------- store


class NewWallet(Struct, frozen=True, gc=False):
    """A wallet that comes into being, at the batch's time."""

    wallet_id: Uuid
    owner_id: BigInt
    ledger_id: Uuid
    caller_key: Text


class NewReservation(Struct, frozen=True, gc=False):
    """A reservation that comes into being."""

    reservation_id: Uuid
    wallet_id: Uuid
    owner_id: BigInt
    amount_minor: Numeric
    ttl_s: Integer
    expires_at: Instant
    state: Word
    committed_minor: NullableNumeric


class EndedReservation(Struct, frozen=True, gc=False):
    """The end of a reservation that was open."""

    reservation_id: Uuid
    state: Word
    committed_minor: NullableNumeric


class QueuedWallet(Struct, frozen=True, gc=False):
    """A wallet that the poster has to learn of; there is one row in the queue for each ledger."""

    ledger_id: Uuid
    wallet_id: Uuid


NEW_WALLETS = Step("new_wallets", _SQL, NewWallet, order=lambda row: row.wallet_id)
NEW_RESERVATIONS = Step("new_reservations", _SQL, NewReservation, order=lambda row: row.reservation_id)
ENDED_RESERVATIONS = Step("ended_reservations", _SQL, EndedReservation, order=lambda row: row.reservation_id)
POSTING_QUEUE = Step("posting_queue", _SQL, QueuedWallet, order=lambda row: row.wallet_id)


def write(decided: Decided, steps: Steps) -> None:
    """Write the wallets that the batch wrote to, their journals and reservations, and tell the poster of them."""
    written = [wallet for wallet in decided.book.credit.wallets.values() if wallet.added]
    if not written:
        return
    steps.add(NEW_WALLETS, [_new_wallet(wallet) for wallet in written if wallet.is_new])
    steps.add(
        SUBLEDGER_ENTRIES,
        [_row_of(entry, held_minor, wallet.now) for wallet in written for entry, held_minor in wallet.added],
    )
    steps.add(NEW_RESERVATIONS, [_begun(wallet, row) for wallet in written for row in wallet.begun.values()])
    steps.add(ENDED_RESERVATIONS, [_ended(row) for wallet in written for row in wallet.ended.values()])
    steps.add(POSTING_QUEUE, [QueuedWallet(ledger_id=row.ledger_id, wallet_id=row.wallet_id) for row in written])


def _new_wallet(wallet: CreditWallet) -> NewWallet:
    return NewWallet(
        wallet_id=wallet.wallet_id,
        owner_id=wallet.owner_id,
        ledger_id=wallet.ledger_id,
        caller_key=wallet.caller_key,
    )


def _row_of(entry: WalletEntry, held_minor: int | None, now: datetime) -> SubledgerRow:
    """Write an entry of a wallet; in the order of the columns, as `row_of` in subledger.py does."""
    return SubledgerRow(
        entry.wallet_id,
        entry.entry_no,
        entry.owner_id,
        entry.kind,
        TransactionStatus.APPLIED,
        entry.transaction_id,
        entry.key,
        entry.amount_minor,
        entry.change_minor,
        entry.balance_after_minor,
        reference_key=entry.reservation_key,
        metadata=notes_or_none(entry.metadata),
        source=entry.source,
        held_minor=held_minor,
        held_as_of=None if held_minor is None else now,
    )


def _begun(wallet: CreditWallet, reservation: Reservation) -> NewReservation:
    return NewReservation(
        reservation_id=reservation.key,
        wallet_id=reservation.wallet_id,
        owner_id=wallet.owner_id,
        amount_minor=reservation.amount_minor,
        ttl_s=reservation.ttl_s,
        expires_at=reservation.expires_at,
        state=reservation.state,
        committed_minor=reservation.committed_minor,
    )


def _ended(reservation: Reservation) -> EndedReservation:
    return EndedReservation(
        reservation_id=reservation.key, state=reservation.state, committed_minor=reservation.committed_minor
    )
