"""Callers' ledgers: loaded by the keys of their creation and entries, with the accounts that are named, and stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, OwnerId, Source
from wallet_grpc.domain.ledgers.state import JournalAccount, Ledger, LedgerId, Leg
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection.arrays import literal, separated, uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .accounts import ACCOUNTS, CHANGED_BALANCES, NEW_BALANCES, ChangedBalance, NewAccount, NewBalance
from .columns import BigInt, Integer, Numeric, Text, Uuid, key_of
from .part import Decided, Query, Reading, Step, Steps

_SQL = statements(__package__, "ledgers.sql")


# ---------------------------------------------------------------------------------------------------------------- load


class LoadedLedger(NamedTuple):
    """A row of `load_ledgers`."""

    key_hash: str
    ledger_id: str
    owner_id: int
    source: str
    name: str
    currency_network_id: int
    created_at: datetime


class LoadedJournalAccount(NamedTuple):
    """A row of `load_journal_accounts`."""

    ledger_id: str
    account_code: str
    currency_network_id: int
    account_id: int
    balance_minor: str
    version: int


class LoadedLeg(NamedTuple):
    """A row of `load_journal_legs`."""

    key_hash: str
    account_code: str
    amount_minor: str


LOAD_LEDGERS = Query(_SQL["load_ledgers"], LoadedLedger)
LOAD_JOURNAL_ACCOUNTS = Query(_SQL["load_journal_accounts"], LoadedJournalAccount)
LOAD_JOURNAL_LEGS = Query(_SQL["load_journal_legs"], LoadedLeg)


def ask(trip: RoundTrip, needs: Needs, _standing_max: int) -> Iterator[Reading]:
    """Ask for the ledgers and entries that may be sent again, and for the accounts that entries name."""
    wanted = needs.ledgers
    if wanted is None:
        return
    if wanted.creation_keys:
        yield LOAD_LEDGERS.ask(trip, {"creation_keys": uuids(wanted.creation_keys)}, _read_ledger)
    if wanted.entry_keys:
        accounts = {
            "ledger_ids": uuids([ledger_id for (ledger_id, _), _ in wanted.accounts]),
            "account_codes": separated([code for (_, code), _ in wanted.accounts]),
            "network_ids": literal([network for _, network in wanted.accounts]),
        }
        yield LOAD_JOURNAL_ACCOUNTS.ask(trip, accounts, _read_account)
        yield LOAD_JOURNAL_LEGS.ask(trip, {"entry_keys": uuids(wanted.entry_keys)}, _read_leg)


def _read_ledger(book: Book, row: LoadedLedger) -> None:
    book.ledgers.created[key_of(row.key_hash)] = Ledger(
        ledger_id=LedgerId(row.ledger_id),
        owner_id=OwnerId(row.owner_id),
        source=Source(row.source),
        name=row.name,
        currency_network_id=CurrencyNetworkId(row.currency_network_id),
        created_at=row.created_at,
    )


def _read_account(book: Book, row: LoadedJournalAccount) -> None:
    book.ledgers.accounts[LedgerId(row.ledger_id), row.account_code] = JournalAccount(
        currency_network_id=CurrencyNetworkId(row.currency_network_id),
        balance_minor=int(row.balance_minor),
        version=row.version,
        account_id=AccountId(row.account_id),
    )


def _read_leg(book: Book, row: LoadedLeg) -> None:
    """Add a posting to its entry's; they come in their order."""
    key = key_of(row.key_hash)
    book.ledgers.legs[key] = (*book.ledgers.legs.get(key, ()), Leg(row.account_code, int(row.amount_minor)))


# --------------------------------------------------------------------------------------------------------------- store


class LedgerRow(Struct, frozen=True, gc=False):
    """A row of `ledgers`; its `created_at` is the batch's time."""

    ledger_id: Uuid
    owner_id: BigInt
    source: Text
    name: Text
    currency_network_id: Integer


class JournalPostingRow(Struct, frozen=True, gc=False):
    """A row of `journal_postings`; its `created_at` is the batch's time."""

    account_id: BigInt
    posting_no: BigInt
    tx_id: Uuid
    amount_minor: Numeric
    balance_after_minor: Numeric


LEDGERS = Step("ledgers", _SQL, LedgerRow)
JOURNAL_POSTINGS = Step("journal_postings", _SQL, JournalPostingRow)


def write(decided: Decided, steps: Steps) -> None:
    """Write ledgers that come into being, and the accounts that were posted to."""
    steps.add(
        LEDGERS,
        [
            LedgerRow(
                ledger_id=change.ledger.ledger_id,
                owner_id=change.ledger.owner_id,
                source=change.ledger.source,
                name=change.ledger.name,
                currency_network_id=change.ledger.currency_network_id,
            )
            for change in decided.book.changes
            if change.ledger is not None
        ],
    )
    _write_accounts(decided, steps)


def _write_accounts(decided: Decided, steps: Steps) -> None:
    """Write the accounts; whichever are new, the steps come in one order: each order is a statement of its own."""
    created: list[NewAccount] = []
    balances: list[NewBalance] = []
    changed: list[ChangedBalance] = []
    postings: list[JournalPostingRow] = []
    for (ledger_id, code), account in sorted(decided.book.ledgers.accounts.items()):
        if not account.postings:
            continue
        balance_minor, version = account.balance_minor, account.version
        if account.account_id is None:
            account.account_id = decided.take_account_id()
            created.append(
                NewAccount(
                    account_id=account.account_id,
                    player_id=None,
                    account_type=AccountType.JOURNAL,
                    currency_network_id=account.currency_network_id,
                    ledger_id=ledger_id,
                    account_code=code,
                )
            )
            balances.append(
                NewBalance(account_id=account.account_id, owner_id=None, balance_minor=balance_minor, version=version)
            )
        else:
            changed.append(ChangedBalance(account_id=account.account_id, balance_minor=balance_minor, version=version))
        postings += _postings_of(account, account.account_id)
    steps.add(ACCOUNTS, created)
    steps.add(NEW_BALANCES, balances)
    steps.add(CHANGED_BALANCES, changed)
    steps.add(JOURNAL_POSTINGS, postings)


def _postings_of(account: JournalAccount, account_id: AccountId) -> list[JournalPostingRow]:
    return [
        JournalPostingRow(
            account_id=account_id,
            posting_no=posting.posting_no,
            tx_id=posting.tx_id,
            amount_minor=posting.amount_minor,
            balance_after_minor=posting.balance_after_minor,
        )
        for posting in account.postings
    ]
