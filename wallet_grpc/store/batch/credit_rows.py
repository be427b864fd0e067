"""Rows of credit wallets and ledgers to the domain's types. Column order is that of `sql/credit_batch.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.state import (
    CreditWallet,
    KnownEntry,
    Reservation,
    ReservationState,
    WalletAddress,
    WalletEntryKind,
    WalletId,
)
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, OwnerId, Source
from wallet_grpc.domain.ledgers.state import JournalAccount, Ledger, LedgerId, Leg

from .rows import key_of


def read_wallets(book: Book, rows: Sequence[Any], addresses: dict[WalletId, WalletAddress]) -> None:
    """Put wallets into the book."""
    for wallet_id, balance_minor, version, entry_count, held_minor, now in rows:
        address = addresses[WalletId(wallet_id)]
        wallet = CreditWallet(
            wallet_id=address.wallet_id,
            owner_id=address.owner_id,
            ledger_id=address.ledger_id,
            caller_key=address.caller_key,
            now=now,
            balance_minor=int(balance_minor),
            held_minor=int(held_minor),
            version=version,
            entry_count=entry_count,
            loaded_version=version,
        )
        book.credit.put(wallet)


def read_wallet_entries(book: Book, rows: Sequence[Any]) -> None:
    """Put entries into their wallets: what a retry is compared with."""
    for wallet_id, key, kind, amount_minor in rows:
        wallet = book.credit.wallets.get(WalletId(wallet_id))
        if wallet is not None:  # else it has come into being since the statement before, and the store will refuse
            wallet.known[key_of(key)] = KnownEntry(kind=WalletEntryKind(kind), amount_minor=int(amount_minor))


def read_reservations(book: Book, rows: Sequence[Any]) -> None:
    """Put reservations into their wallets; one of a wallet that nobody named belongs nowhere."""
    for key, wallet_id, owner_id, amount_minor, ttl_s, expires_at, state, committed_minor in rows:
        wallet = book.credit.wallets.get(WalletId(wallet_id))
        if wallet is not None:
            wallet.reservations[key_of(key)] = Reservation(
                key=key_of(key),
                wallet_id=wallet.wallet_id,
                owner_id=OwnerId(owner_id),
                amount_minor=int(amount_minor),
                ttl_s=ttl_s,
                expires_at=expires_at,
                state=ReservationState(state),
                committed_minor=None if committed_minor is None else int(committed_minor),
            )


def read_ledgers(book: Book, rows: Sequence[Any]) -> None:
    """Put ledgers into the book, by the key of their creation."""
    for key, ledger_id, owner_id, source, name, network_id, created_at in rows:
        book.ledgers.created[key_of(key)] = Ledger(
            ledger_id=LedgerId(ledger_id),
            owner_id=OwnerId(owner_id),
            source=Source(source),
            name=name,
            currency_network_id=CurrencyNetworkId(network_id),
            created_at=created_at,
        )


def read_journal_accounts(book: Book, rows: Sequence[Any]) -> None:
    """Put accounts of ledgers into the book."""
    for ledger_id, code, network_id, account_id, balance_minor, version in rows:
        book.ledgers.accounts[LedgerId(ledger_id), code] = JournalAccount(
            currency_network_id=CurrencyNetworkId(network_id),
            balance_minor=int(balance_minor),
            version=version,
            account_id=AccountId(account_id),
        )


def read_journal_legs(book: Book, rows: Sequence[Any]) -> None:
    """Put the postings of entries into the book, in their order."""
    for key, code, amount_minor in rows:
        book.ledgers.legs[key_of(key)] = (*book.ledgers.legs.get(key_of(key), ()), Leg(code, int(amount_minor)))
