"""Owners and the accounts of players and of the house: loaded by owner and currency network, stored as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.accounts import AccountType, PlayerState, house_account_id
from wallet_grpc.domain.book import Account, Book, Owner
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, OwnerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.values import by_text
from wallet_grpc.store.connection.arrays import literal
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import BigInt, Integer, NullableBigInt, NullableText, NullableUuid, Numeric, Word
from .part import Decided, Query, Reading, Step, Steps

_SQL = statements(__package__, "accounts.sql")
_PLAYER_STATES = by_text(PlayerState)
_ACCOUNT_TYPES = by_text(AccountType)


# ---------------------------------------------------------------------------------------------------------------- load


class LoadedOwner(NamedTuple):
    """A row of `load_owners`."""

    owner_id: int
    version: int | None
    state: str | None


class LoadedAccount(NamedTuple):
    """A row of `load_accounts` or `load_all_accounts`."""

    owner_id: int
    currency_network_id: int
    account_type: str
    account_id: int
    balance_minor: str
    version: int
    at_play_minor: str | None


LOAD_OWNERS = Query(_SQL["load_owners"], LoadedOwner)
LOAD_ACCOUNTS = Query(_SQL["load_accounts"], LoadedAccount)
LOAD_ALL_ACCOUNTS = Query(_SQL["load_all_accounts"], LoadedAccount)


def ask(trip: RoundTrip, needs: Needs, _standing_max: int) -> Iterator[Reading]:
    """Ask for owners, and for their accounts: of some currency networks, or all of them."""
    if needs.known_owner_ids:
        yield LOAD_OWNERS.ask(trip, {"owner_ids": literal(needs.known_owner_ids)}, _read_owner)
    if needs.balances:
        purses = needs.balances
        parameters = {
            "owner_ids": literal([owner_id for owner_id, _ in purses]),
            "network_ids": literal([network for _, network in purses]),
            "gains": literal([purse in needs.gaining for purse in purses]),
        }
        yield LOAD_ACCOUNTS.ask(trip, parameters, _read_account)
    if needs.whole_owner_ids:
        yield LOAD_ALL_ACCOUNTS.ask(trip, {"owner_ids": literal(needs.whole_owner_ids)}, _read_account)


def _read_owner(book: Book, row: LoadedOwner) -> None:
    book.owners[OwnerId(row.owner_id)] = Owner(version=row.version or 0, state=player_state_of(row.state))


def player_state_of(text: str | None) -> PlayerState:
    """Read a player's state, who may have no row."""
    return PlayerState.ACTIVE if text is None else _PLAYER_STATES[text]


def _read_account(book: Book, row: LoadedAccount) -> None:
    purse = (OwnerId(row.owner_id), CurrencyNetworkId(row.currency_network_id))
    book.accounts[(*purse, _ACCOUNT_TYPES[row.account_type])] = Account(
        balance_minor=int(row.balance_minor), version=row.version, account_id=AccountId(row.account_id)
    )
    if row.at_play_minor is not None:
        book.sessions.at_play[purse] = int(row.at_play_minor)


# --------------------------------------------------------------------------------------------------------------- store


class NewAccount(Struct, frozen=True, gc=False):
    """An account of a player, or of a caller's ledger, that comes into being."""

    account_id: BigInt
    player_id: NullableBigInt
    account_type: Word
    currency_network_id: Integer
    ledger_id: NullableUuid
    account_code: NullableText


class NewBalance(Struct, frozen=True, gc=False):
    """The balance of an account that comes into being."""

    account_id: BigInt
    owner_id: NullableBigInt
    balance_minor: Numeric
    version: BigInt


class ChangedBalance(Struct, frozen=True, gc=False):
    """An account's balance as the batch leaves it."""

    account_id: BigInt
    balance_minor: Numeric
    version: BigInt


class HousePosting(Struct, frozen=True, gc=False):
    """What the batch adds to a house account. It is appended, and folded into the account's balance later."""

    account_id: BigInt
    amount_minor: Numeric


ACCOUNTS = Step("accounts", _SQL, NewAccount)
NEW_BALANCES = Step("new_balances", _SQL, NewBalance)
CHANGED_BALANCES = Step("changed_balances", _SQL, ChangedBalance, order=lambda row: row.account_id)
HOUSE_POSTINGS = Step("house_postings", _SQL, HousePosting)


def write(decided: Decided, steps: Steps) -> None:
    """Write owners and accounts. Those that come into being get their ids here: entries name them.

    What every bet writes is made in the order of its columns (see `row_of` in transactions.py).
    """
    _write_accounts(decided, steps)
    steps.add(
        HOUSE_POSTINGS,
        [
            HousePosting(account_id=house_account_id(network, account_type), amount_minor=moved_minor)
            for (network, account_type), moved_minor in decided.book.house.items()
            if moved_minor != 0
        ],
    )


def _write_accounts(decided: Decided, steps: Steps) -> None:
    created: list[NewAccount] = []
    balances: list[NewBalance] = []
    changed: list[ChangedBalance] = []
    for (owner_id, network, account_type), account in decided.book.accounts.items():
        if account.account_id is None:
            account.account_id = decided.take_account_id()
            created.append(
                NewAccount(
                    account_id=account.account_id,
                    player_id=owner_id,
                    account_type=account_type,
                    currency_network_id=network,
                    ledger_id=None,
                    account_code=None,
                )
            )
            balances.append(
                NewBalance(
                    account_id=account.account_id,
                    owner_id=owner_id,
                    balance_minor=account.balance_minor,
                    version=account.version,
                )
            )
        elif account.changed:
            changed.append(ChangedBalance(account.account_id, account.balance_minor, account.version))
    steps.add(ACCOUNTS, created)
    steps.add(NEW_BALANCES, balances)
    steps.add(CHANGED_BALANCES, changed)
