"""The credit wallets' rules of the reference model: their journals, and the reservations that hold a part of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from model.core import Answer, Books, RefusedError, Unknown, refuse_difference
from model.ledgers import Ledgers

from wallet.v1 import credit_wallet_pb2 as pb

ACCEPTED, DUPLICATE = pb.WALLET_STATUS_ACCEPTED, pb.WALLET_STATUS_DUPLICATE
KINDS = {
    pb.CreditRequest: pb.WALLET_ENTRY_KIND_CREDIT,
    pb.DebitRequest: pb.WALLET_ENTRY_KIND_DEBIT,
    pb.ReserveRequest: pb.WALLET_ENTRY_KIND_RESERVE,
    pb.CommitRequest: pb.WALLET_ENTRY_KIND_COMMIT,
    pb.ReleaseRequest: pb.WALLET_ENTRY_KIND_RELEASE,
}


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """A row of a wallet's journal."""

    source: str
    request: Any
    amount: int
    change: int
    balance_after: int
    reservation: Reservation | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Reservation:
    """A part of a wallet's balance that is held for a while."""

    purse: Purse
    amount: int
    expires_at: datetime
    end: Any = None
    """The request that ended it."""
    committed: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Purse:
    """A credit wallet."""

    key: str
    entries: list[Entry] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)

    @property
    def balance(self) -> int:
        """What it has."""
        return sum(entry.change for entry in self.entries)

    def held(self, now: datetime) -> int:
        """What is held of it by reservations that have neither ended nor expired."""
        return sum(it.amount for it in self.reservations if it.end is None and now < it.expires_at)

    def entry(self, own_id: str) -> Entry | None:
        """Find what was written under an id."""
        named = (entry for entry in self.entries if getattr(entry.request, "transaction_id", "") == own_id)
        return next(named, None)


@dataclass(slots=True)
class Credit:
    """All credit wallets, and what the calls about them must be answered."""

    books: Books
    ledgers: Ledgers
    purses: dict[str, Purse] = field(default_factory=dict)
    """By key, those that are there: the ones with an entry."""
    reservations: dict[str, Reservation] = field(default_factory=dict)
    """Once the wallet has told their ids."""

    def send(self, source: str, request: Any) -> Answer:
        """Execute a request."""
        self.ledgers.of(source, request.wallet_key.split(":", 1)[0])
        purse = self.purses.get(request.wallet_key) or Purse(key=request.wallet_key)
        if isinstance(request, pb.CommitRequest | pb.ReleaseRequest):
            return self._end(source, request, purse)
        known = purse.entry(request.transaction_id)
        if known is not None:
            compared = ("amount_minor", "ttl_seconds") if isinstance(request, pb.ReserveRequest) else ("amount_minor",)
            refuse_difference(request, known.request, compared)
            return self._answer(purse, DUPLICATE, known.reservation)
        amount = int(request.amount_minor)
        reservation = None
        if isinstance(request, pb.CreditRequest):
            return self._write(source, request, purse, amount, amount)
        if self._available(purse) < amount:
            raise RefusedError(
                "INSUFFICIENT_FUNDS", balance_minor=purse.balance, available_minor=self._available(purse)
            )
        if isinstance(request, pb.DebitRequest):
            return self._write(source, request, purse, amount, -amount)
        expires_at = self.books.now + timedelta(seconds=request.ttl_seconds)
        reservation = Reservation(purse=purse, amount=amount, expires_at=expires_at)
        purse.reservations.append(reservation)
        return self._write(source, request, purse, amount, 0, held=reservation)

    def _end(self, source: str, request: Any, purse: Purse) -> Answer:
        if purse.key not in self.purses:
            raise RefusedError("WALLET_NOT_FOUND")
        held = self.reservations.get(request.reservation_id)
        if held is None or held.purse is not purse:
            raise RefusedError("RESERVATION_NOT_FOUND")
        is_commit = isinstance(request, pb.CommitRequest)
        committed = int(request.amount_minor or held.amount) if is_commit else 0
        if held.end is not None:
            if type(held.end) is not type(request) or held.committed != committed:
                raise RefusedError("RESERVATION_CLOSED")
            return self._answer(purse, DUPLICATE)
        if self.books.now >= held.expires_at:
            raise RefusedError("RESERVATION_EXPIRED")
        if committed > held.amount:
            raise RefusedError("INVALID_AMOUNT", field="amount_minor")
        held.end, held.committed = request, committed
        amount = committed if is_commit else held.amount
        return self._write(source, request, purse, amount, -committed, held=held)

    def _write(
        self, source: str, request: Any, purse: Purse, amount: int, change: int, *, held: Reservation | None = None
    ) -> Answer:
        self.purses[purse.key] = purse
        entry = Entry(
            source=source,
            request=request,
            amount=amount,
            change=change,
            balance_after=purse.balance + change,
            reservation=held,
        )
        purse.entries.append(entry)
        return self._answer(purse, ACCEPTED, held if isinstance(request, pb.ReserveRequest) else None)

    def _available(self, purse: Purse) -> int:
        return purse.balance - purse.held(self.books.now)

    def _answer(self, purse: Purse, status: int, reservation: Reservation | None = None) -> Answer:
        told = {
            "status": status,
            "balance_minor": str(purse.balance),
            "available_minor": str(self._available(purse)),
        }
        if reservation is None:
            return Answer(pb.WalletResult, told)
        named = {
            "reservation_id": Unknown("reservation_id", reservation),
            "expires_at": Unknown("expires_at", reservation),
        }
        return Answer(pb.ReserveResponse, told | named)

    # ---------------------------------------------------------------------------------------------------------- reads

    def wallet(self, purse: Purse) -> Answer:
        """Tell what GetWallet must answer; how far the general ledger has followed is the poster's affair."""
        ledger = self.ledgers.by_id[purse.key.split(":", 1)[0]]
        return Answer(
            pb.CreditWallet,
            {
                "wallet_key": purse.key,
                "currency_network_id": ledger.creation.request.currency_network_id,
                "balance_minor": str(purse.balance),
                "available_minor": str(self._available(purse)),
                "entries": len(purse.entries),
                "posted_entries": Unknown("posted_entries", object()),
                "created_at": Unknown("created_at", purse),
            },
        )

    def journal(self, purse: Purse) -> list[dict[str, Any]]:
        """Tell what ListWalletEntries must list."""
        return [
            {
                "entry_no": number,
                "kind": KINDS[type(entry.request)],
                "transaction_id": getattr(entry.request, "transaction_id", ""),
                "reservation_id": Unknown("reservation_id", entry.reservation) if entry.reservation else "",
                "amount_minor": str(entry.amount),
                "change_minor": str(entry.change),
                "balance_after_minor": str(entry.balance_after),
                "source": entry.source,
                "metadata": dict(getattr(entry.request, "metadata", {})),
                "created_at": Unknown("created_at", entry),
            }
            for number, entry in enumerate(purse.entries, 1)
        ]
