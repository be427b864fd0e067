"""Credit wallets: credits, debits, reservations and their ends (docs/rules.md, Credit wallets).

Time is that of the wallet's own read, taken after the locks: a reservation whose `expires_at` it has reached is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from msgspec.structs import replace

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, Credited
from wallet_grpc.domain.decisions import Decision, Moment, insufficient_funds
from wallet_grpc.domain.idempotency import refuse_other_write
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.refusals import Reason, Refusal, invalid

from .commands import Commit, Credit, CreditCommand, CreditEnding, CreditWrite, Debit, Release, Reserve
from .outcomes import Reserved, WriteStatus, Written
from .state import (
    ENDED_STATES,
    CreditWallet,
    KnownEntry,
    Reservation,
    ReservationState,
    WalletAddress,
    WalletEntry,
    WalletEntryKind,
    ending_id_of,
)

WALLET_NOT_FOUND = Refusal(
    reason=Reason.WALLET_NOT_FOUND, message="there is no such credit wallet; its first credit brings it into being"
)
RESERVATION_NOT_FOUND = Refusal(
    reason=Reason.RESERVATION_NOT_FOUND, message="the wallet has no reservation with this reservation_id"
)
_EXPIRED = Refusal(
    reason=Reason.RESERVATION_EXPIRED, message="the reservation's time is over; what it held is available again"
)
_CLOSED = Refusal(reason=Reason.RESERVATION_CLOSED, message="the reservation has ended otherwise")


def decide_write(book: Book, command: CreditWrite, moment: Moment) -> Decision:
    """Decide a credit, a debit or a reservation. The first write that is accepted brings its wallet into being."""
    wallet = book.credit.wallets.find(command.wallet.wallet_id)
    if wallet is None:
        wallet = _new_wallet(book, command.wallet, moment.now)
    else:
        known = wallet.known.find(command.key)
        if known is not None:
            return Decision(_repeated(wallet, command, known))
    match command:
        case Credit():
            return _decide_movement(wallet, command, WalletEntryKind.CREDIT, command.amount_minor)
        case Debit():
            return _decide_movement(wallet, command, WalletEntryKind.DEBIT, -command.amount_minor)
        case Reserve():
            return _decide_reserve(wallet, command)
        case _:
            assert_never(command)


def _new_wallet(book: Book, address: WalletAddress, now: datetime) -> CreditWallet:
    """A wallet that comes into being if its first write is accepted."""
    return CreditWallet(
        wallet_id=address.wallet_id,
        owner_id=address.owner_id,
        ledger_id=address.ledger_id,
        caller_key=address.caller_key,
        now=now,
        is_new=True,
        known=book.credit.known,
        reservations=book.credit.reservations,
    )


def _decide_movement(
    wallet: CreditWallet, command: Credit | Debit, kind: WalletEntryKind, change_minor: int
) -> Decision:
    if change_minor < 0 and wallet.available_minor < -change_minor:
        return Decision(_insufficient(wallet))
    entry = _entry(
        wallet,
        command,
        kind,
        transaction_id=command.transaction_id,
        amount_minor=command.amount_minor,
        change_minor=change_minor,
    )
    return Decision(
        Written(
            status=WriteStatus.ACCEPTED,
            balance_minor=entry.balance_after_minor,
            available_minor=wallet.available_minor + change_minor,
        ),
        _change(wallet, entry),
    )


def _decide_reserve(wallet: CreditWallet, command: Reserve) -> Decision:
    amount_minor = command.amount_minor
    if wallet.available_minor < amount_minor:
        return Decision(_insufficient(wallet))
    reservation = Reservation(
        key=command.key,
        wallet_id=wallet.wallet_id,
        amount_minor=amount_minor,
        ttl_s=command.ttl_s,
        expires_at=wallet.now + timedelta(seconds=command.ttl_s),
        state=ReservationState.OPEN,
    )
    entry = _entry(
        wallet,
        command,
        WalletEntryKind.RESERVE,
        transaction_id=command.transaction_id,
        amount_minor=amount_minor,
        change_minor=0,
    )
    return Decision(
        Reserved(
            status=WriteStatus.ACCEPTED,
            balance_minor=wallet.balance_minor,
            available_minor=wallet.available_minor - amount_minor,
            reservation_key=reservation.key,
            expires_at=reservation.expires_at,
        ),
        _change(wallet, entry, reservation),
    )


def decide_ending(book: Book, command: CreditEnding) -> Decision:
    """Decide the one end of a reservation: the same again is a duplicate, another is refused."""
    wallet = book.credit.wallets.find(command.wallet.wallet_id)
    if wallet is None:
        return Decision(WALLET_NOT_FOUND)
    reservation = wallet.reservations.find(command.reservation_key)
    if reservation is None or reservation.wallet_id != wallet.wallet_id:
        return Decision(RESERVATION_NOT_FOUND)
    committed = _committed(command, reservation)
    if reservation.state in ENDED_STATES:
        if reservation.committed_minor == committed:
            return Decision(_written(wallet, WriteStatus.DUPLICATE))
        return Decision(_CLOSED)
    if reservation.state is ReservationState.EXPIRED or wallet.now >= reservation.expires_at:
        return Decision(_EXPIRED)
    if committed is not None and committed > reservation.amount_minor:
        return Decision(invalid(Reason.INVALID_AMOUNT, "amount_minor", "must not be above what is reserved"))
    change_minor = -(committed or 0)
    entry = _entry(
        wallet,
        command,
        WalletEntryKind.RELEASE if committed is None else WalletEntryKind.COMMIT,
        transaction_id=ending_id_of(reservation.key),
        amount_minor=reservation.amount_minor if committed is None else committed,
        change_minor=change_minor,
        reservation_key=reservation.key,
    )
    ended = replace(
        reservation,
        state=ReservationState.RELEASED if committed is None else ReservationState.COMMITTED,
        committed_minor=committed,
    )
    return Decision(
        Written(
            status=WriteStatus.ACCEPTED,
            balance_minor=entry.balance_after_minor,
            available_minor=wallet.available_minor + reservation.amount_minor + change_minor,
        ),
        _change(wallet, entry, ended),
    )


def _committed(command: CreditEnding, reservation: Reservation) -> int | None:
    """Give what an ending takes; None for a release."""
    match command:
        case Commit():
            return reservation.amount_minor if command.amount_minor is None else command.amount_minor
        case Release():
            return None
        case _:
            assert_never(command)


def _repeated(wallet: CreditWallet, command: CreditWrite, known: KnownEntry) -> Written | Reserved | Refusal:
    """Answer a command whose id is taken in its wallet: nothing moves (rule 1)."""
    match command:
        case Credit() | Debit():
            return refuse_other_write(command, known, None) or _written(wallet, WriteStatus.DUPLICATE)
        case Reserve():
            reservation = wallet.reservations.find(command.key)
            refusal = refuse_other_write(command, known, reservation)
            if refusal is not None:
                return refusal
            assert reservation is not None
            return _reserved(wallet, reservation, WriteStatus.DUPLICATE)
        case _:
            assert_never(command)


def _written(wallet: CreditWallet, status: WriteStatus) -> Written:
    return Written(status=status, balance_minor=wallet.balance_minor, available_minor=wallet.available_minor)


def _reserved(wallet: CreditWallet, reservation: Reservation, status: WriteStatus) -> Reserved:
    return Reserved(
        status=status,
        balance_minor=wallet.balance_minor,
        available_minor=wallet.available_minor,
        reservation_key=reservation.key,
        expires_at=reservation.expires_at,
    )


def _insufficient(wallet: CreditWallet) -> Refusal:
    """Refuse for lack of what is available; the balance itself may be more."""
    refusal = insufficient_funds(wallet.available_minor)
    return replace(
        refusal,
        message=f"{wallet.available_minor} minor units of {wallet.balance_minor} are available, too little for this",
        metadata={"balance_minor": str(wallet.balance_minor), "available_minor": str(wallet.available_minor)},
    )


def _entry(
    wallet: CreditWallet,
    command: CreditCommand,
    kind: WalletEntryKind,
    *,
    transaction_id: str,
    amount_minor: int,
    change_minor: int,
    reservation_key: Key | None = None,
) -> WalletEntry:
    return WalletEntry(
        wallet_id=wallet.wallet_id,
        owner_id=wallet.owner_id,
        entry_no=wallet.entry_count + 1,
        kind=kind,
        transaction_id=transaction_id,
        key=command.key,
        amount_minor=amount_minor,
        change_minor=change_minor,
        balance_after_minor=wallet.balance_minor + change_minor,
        reservation_key=reservation_key,
        source=command.source,
        metadata=command.metadata,
    )


def _change(wallet: CreditWallet, entry: WalletEntry, reservation: Reservation | None = None) -> Change:
    return Change(owner_id=wallet.owner_id, credited=Credited(wallet=wallet, entry=entry, reservation=reservation))
