"""Credit wallets: their keys, their journal, and the state that it comes down to.

A wallet is known by `{ledger_id}:{caller_key}`. The store knows it by hashes of that: 127 bits are its id, whose first
bit is set, so that it is never a session's; another 63 bits, negated, are its owner id, so that it is never a
player's. Two wallets that share an owner id by chance share a lock, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NewType

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import SEPARATOR, Key, OwnerId, Source, journal_key
from wallet_grpc.domain.ledgers.state import LedgerId
from wallet_grpc.domain.loaded import Rows
from wallet_grpc.domain.values import Name

WalletId = NewType("WalletId", str)
"""A UUID in its canonical text form."""

RESERVATION_PREFIX = "res_"
_ENDING_PREFIX = "wallet:ending:"

_parse_wallet_key = re.compile(
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):([\x21-\x7e]{1,91})", re.ASCII
).fullmatch
_parse_reservation_id = re.compile(rf"{RESERVATION_PREFIX}([0-9a-f]{{32}})", re.ASCII).fullmatch

_FIRST_BIT = 1 << 127
_ADDRESSES_KEPT = 50_000


class WalletAddress(Struct, frozen=True, kw_only=True, gc=False):
    """What a wallet's key says of it."""

    wallet_id: WalletId
    owner_id: OwnerId
    ledger_id: LedgerId
    caller_key: str


@lru_cache(maxsize=_ADDRESSES_KEPT)
def wallet_address(wallet_key: str) -> WalletAddress | None:
    """Read a wallet's key; None if it is none."""
    parts = _parse_wallet_key(wallet_key)
    if parts is None:
        return None
    ledger_id, caller_key = parts.groups()
    digest = sha256(f"{ledger_id}{SEPARATOR}{caller_key}".encode()).hexdigest()
    text = f"{int(digest[:32], 16) | _FIRST_BIT:032x}"
    return WalletAddress(
        wallet_id=WalletId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"),
        owner_id=OwnerId(-1 - (int(digest[32:48], 16) >> 1)),
        ledger_id=LedgerId(ledger_id),
        caller_key=caller_key,
    )


def wallet_entry_key(wallet_id: WalletId, transaction_id: str) -> Key:
    """The key of a transaction of a wallet: ids are known per wallet. Of a RESERVE it is its reservation's as well."""
    return journal_key(wallet_id, "entry", transaction_id)


def reservation_id_of(key: Key) -> str:
    """Make the id that callers know a reservation by."""
    return RESERVATION_PREFIX + key


def reservation_key(reservation_id: str) -> Key | None:
    """Read a reservation's id; None if it is none of ours."""
    parts = _parse_reservation_id(reservation_id)
    return None if parts is None else Key(parts[1])


def ending_id_of(key: Key) -> str:
    """The id under which the journal keeps a reservation's end: both ends share it, so that there is one."""
    return _ENDING_PREFIX + reservation_id_of(key)


class WalletEntryKind(Name):
    """What an entry of a wallet's journal is."""

    CREDIT = "CREDIT"
    DEBIT = "DEBIT"
    RESERVE = "RESERVE"
    COMMIT = "COMMIT"
    RELEASE = "RELEASE"


class WalletEntry(Struct, frozen=True, kw_only=True, gc=False):
    """A row of the journal. It never changes."""

    wallet_id: WalletId
    owner_id: OwnerId
    entry_no: int
    kind: WalletEntryKind
    transaction_id: str
    key: Key
    amount_minor: int
    change_minor: int
    """What the balance gained: 0 of a reservation and of a release."""
    balance_after_minor: int
    reservation_key: Key | None = None
    """What a COMMIT or RELEASE ended."""
    source: Source
    metadata: Mapping[str, str]


class KnownEntry(Struct, frozen=True, kw_only=True, gc=False):
    """What a retry is compared with."""

    kind: WalletEntryKind
    amount_minor: int


class ReservationState(Name):
    """Where a reservation stands, apart from the clock: an OPEN one is over from its `expires_at` on."""

    OPEN = "OPEN"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    """OPEN still when its time was over; a sweeper has passed since."""


ENDED_STATES = frozenset({ReservationState.COMMITTED, ReservationState.RELEASED})
"""Of reservations that a caller has ended, as the journal tells as well."""


class Reservation(Struct, frozen=True, kw_only=True, gc=False):
    """A part of a wallet's balance that is held for a while."""

    key: Key
    wallet_id: WalletId
    amount_minor: int
    ttl_s: int
    expires_at: datetime
    state: ReservationState
    committed_minor: int | None = None


class CreditWallet(Struct, kw_only=True, gc=False):
    """A wallet as it was loaded and as the commands decided so far have left it, with what they name of its journal."""

    wallet_id: WalletId
    owner_id: OwnerId
    ledger_id: LedgerId
    caller_key: str
    now: datetime
    """When its state was read, by the database's clock; never before it was read last, whatever the clock did."""
    is_new: bool = False
    """Whether it comes into being in this batch."""
    balance_minor: int = 0
    held_minor: int = 0
    """By reservations that are live at `now`."""
    has_reserved: bool = False
    """Whether it ever had a reservation: before the first, its journal tells nothing of what is held."""
    entry_count: int = 0
    known: Rows[Key, KnownEntry]
    """Of the journals of all wallets: those that the batch's commands are. A key is of one wallet."""
    reservations: Rows[Key, Reservation]
    """Of all wallets: those that the batch's commands are or name."""
    added: list[tuple[WalletEntry, int | None]] = field(default_factory=list)
    """What this batch adds to the journal, each with what is held right after it; None before the first reservation."""
    begun: dict[Key, Reservation] = field(default_factory=dict)
    """Reservations that came into being in this batch, as they stand."""
    ended: dict[Key, Reservation] = field(default_factory=dict)
    """Reservations that were there and ended in this batch."""

    @property
    def available_minor(self) -> int:
        """What can be debited or reserved."""
        return self.balance_minor - self.held_minor

    def record(self, entry: WalletEntry, reservation: Reservation | None) -> None:
        """Fold an entry in: later commands of the batch see it, and the store will write it."""
        assert entry.entry_no == self.entry_count + 1, "an entry that does not follow the one before"
        self.entry_count = entry.entry_no
        self.balance_minor += entry.change_minor
        self.known[entry.key] = KnownEntry(kind=entry.kind, amount_minor=entry.amount_minor)
        if reservation is not None:
            self.has_reserved = True
            key = reservation.key
            self.reservations[key] = reservation
            if reservation.state is ReservationState.OPEN:
                self.held_minor += reservation.amount_minor
                self.begun[key] = reservation
            else:
                self.held_minor -= reservation.amount_minor
                (self.begun if key in self.begun else self.ended)[key] = reservation
        self.added.append((entry, self.held_minor if self.has_reserved else None))
        assert 0 <= self.held_minor <= self.balance_minor, "a wallet below what is held of it"
        assert self.balance_minor == entry.balance_after_minor, "an entry that does not follow its balance"
