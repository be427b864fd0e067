"""The steps of the store statement: the book's changes as columns, one parameter each. See `sql/batch.sql`.

Every step gives its parameters and how many rows it must touch; the statement raises where the database counts
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from wallet_grpc.domain.accounts import HOUSE_TYPES, AccountType
from wallet_grpc.domain.book import Account, Book, PlayerAccount
from wallet_grpc.domain.identifiers import AccountId, OwnerId
from wallet_grpc.domain.ledgers.state import LedgerId
from wallet_grpc.domain.transactions import Details, Transaction
from wallet_grpc.store.connection.arrays import literal, nullable_literal, nullable_separated, separated
from wallet_grpc.store.reads.networks import NetworkDirectory

from .credit_steps import credit_steps, ledger_steps
from .event_data import event_data
from .session_steps import session_steps

Parameters = dict[str, object]

_encode = msgspec.json.Encoder().encode


class Decided(Protocol):
    """A batch that was loaded and decided."""

    @property
    def book(self) -> Book: ...  # noqa: D102
    @property
    def now(self) -> datetime: ...  # noqa: D102
    @property
    def stripe(self) -> int: ...  # noqa: D102


def steps_of(
    decided: Decided,
    networks: NetworkDirectory,
    take_account_id: Callable[[], AccountId],
) -> tuple[tuple[str, ...], Parameters]:
    """Give the names of the steps that this batch takes, in their order, and the parameters of all of them."""
    book = decided.book
    parameters: Parameters = {"now": decided.now, "stripe": decided.stripe}
    new_accounts = [(key, account) for key, account in book.accounts.items() if account.account_id is None]
    for _, account in new_accounts:
        account.account_id = take_account_id()
    transactions = [transaction for change in book.changes for transaction in change.transactions]
    counts = {
        **_owners(book, parameters),
        **_player_states(book, parameters),
        **_accounts(book, new_accounts, parameters),
        **_house(book, networks, parameters),
        **ledger_steps(book, parameters, take_account_id),
        "transactions": _transactions(transactions, parameters),
        "entries": _entries(book, transactions, networks, parameters),
        "withdrawals": _withdrawals(book, parameters),
        "deposit_outputs": _deposit_outputs(book, parameters),
        **session_steps(book, parameters),
        **credit_steps(book, parameters),
        "receipts": _receipts(book, parameters),
        "events": _events(book, decided.now, networks, parameters),
    }
    steps = tuple(step for step, count in counts.items() if count > 0)
    parameters.update({f"count_{step}": counts[step] for step in steps})
    return steps, parameters


def _owners(book: Book, parameters: Parameters) -> Mapping[str, int]:
    owners = [(owner_id, owner) for owner_id, owner in sorted(book.owners.items()) if owner.mutations]
    raised = [(owner_id, owner) for owner_id, owner in owners if owner.version is not None]
    new = [(owner_id, owner) for owner_id, owner in owners if owner.version is None]
    if raised:
        parameters["raised_owner_ids"] = literal([owner_id for owner_id, _ in raised])
        parameters["raised_versions"] = literal([owner.version for _, owner in raised])
        parameters["raised_mutations"] = literal([owner.mutations for _, owner in raised])
    if new:
        parameters["new_owner_ids"] = literal([owner_id for owner_id, _ in new])
        parameters["new_owner_mutations"] = literal([owner.mutations for _, owner in new])
    return {"raised_owners": len(raised), "new_owners": len(new)}


def _player_states(book: Book, parameters: Parameters) -> Mapping[str, int]:
    states: dict[OwnerId, str] = {
        change.owner_id: change.player_state for change in book.changes if change.player_state is not None
    }
    if states:
        parameters["player_ids"] = literal(states.keys())
        parameters["player_states"] = literal(states.values())
    return {"player_states": len(states)}


def _accounts(book: Book, new: Sequence[tuple[PlayerAccount, Account]], parameters: Parameters) -> Mapping[str, int]:
    if new:
        parameters["new_account_ids"] = literal([account.account_id for _, account in new])
        parameters["new_account_players"] = literal([owner_id for (owner_id, _, _), _ in new])
        parameters["new_account_networks"] = literal([network for (_, network, _), _ in new])
        parameters["new_account_types"] = literal([account_type for (_, _, account_type), _ in new])
        parameters["new_account_balances"] = literal([account.balance_minor for _, account in new])
        parameters["new_account_versions"] = literal([account.version for _, account in new])
    created = {id(account) for _, account in new}
    changed = [account for account in book.accounts.values() if account.changed and id(account) not in created]
    if changed:
        parameters["changed_account_ids"] = literal([account.account_id for account in changed])
        parameters["changed_balances"] = literal([account.balance_minor for account in changed])
        parameters["changed_versions"] = literal([account.version for account in changed])
    return {"new_accounts": len(new), "new_balances": len(new), "changed_balances": len(changed)}


def _house(book: Book, networks: NetworkDirectory, parameters: Parameters) -> Mapping[str, int]:
    moved = [(key, amount) for key, amount in book.house.items() if amount != 0]
    if moved:
        parameters["house_account_ids"] = literal(
            [networks.known(network).house_account_ids[account_type] for (network, account_type), _ in moved]
        )
        parameters["house_amounts"] = literal([amount for _, amount in moved])
    return {"house_balances": len(moved)}


def _transactions(transactions: Sequence[Transaction], parameters: Parameters) -> int:
    if not transactions:  # a batch that was played in sessions alone
        return 0
    rows = sorted(transactions, key=lambda transaction: transaction.key)
    parameters["tx_ids"] = literal([row.tx_id for row in rows])
    parameters["tx_owner_ids"] = literal([row.owner_id for row in rows])
    parameters["sources"] = separated([row.source for row in rows])
    parameters["caller_references"] = separated([row.reference for row in rows])
    parameters["key_hashes"] = literal([row.key for row in rows])
    parameters["kinds"] = literal([row.kind for row in rows])
    parameters["statuses"] = literal([row.status for row in rows])
    parameters["tx_network_ids"] = nullable_literal([row.currency_network_id for row in rows])
    parameters["amounts"] = literal([row.amount_minor for row in rows])
    parameters["win_amounts"] = nullable_literal([row.win_amount_minor for row in rows])
    parameters["fees"] = nullable_literal([row.fee_minor for row in rows])
    parameters["game_codes"] = nullable_separated([row.game_code for row in rows])
    parameters["round_ids"] = nullable_separated([row.round_id for row in rows])
    parameters["round_hashes"] = nullable_literal([row.round_key for row in rows])
    parameters["closes_rounds"] = literal([row.closes_round for row in rows])
    parameters["reference_transaction_ids"] = nullable_separated([row.reference_transaction_id for row in rows])
    parameters["reference_tx_ids"] = nullable_literal([row.reference_tx_id for row in rows])
    parameters["reverses_tx_ids"] = nullable_literal([row.reverses_tx_id for row in rows])
    parameters["variants"] = nullable_literal([row.variant for row in rows])
    parameters["main_balances"] = nullable_literal([row.main_balance_after_minor for row in rows])
    parameters["entry_counts"] = literal([len(row.postings) for row in rows])
    parameters["metadata"] = nullable_separated(
        [_encode(row.metadata).decode() if row.metadata else None for row in rows]
    )
    parameters["details"] = nullable_separated([_details(row.details) if row.details else None for row in rows])
    return len(rows)


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
    return _encode({name: fact for name, fact in facts.items() if fact is not None}).decode()


def _entries(
    book: Book, transactions: Sequence[Transaction], networks: NetworkDirectory, parameters: Parameters
) -> int:
    tx_ids: list[str] = []
    owner_ids: list[int] = []
    account_ids: list[int | None] = []
    network_ids: list[int] = []
    amounts: list[int] = []
    balances: list[int | None] = []
    for transaction in transactions:
        if not transaction.postings:
            continue
        network = transaction.currency_network_id
        assert network is not None
        house_account_ids = networks.known(network).house_account_ids
        for posting in transaction.postings:
            account_type = posting.account_type
            tx_ids.append(transaction.tx_id)
            owner_ids.append(transaction.owner_id)
            if account_type in HOUSE_TYPES:
                account_ids.append(house_account_ids[account_type])
            elif account_type is AccountType.JOURNAL:
                ledger_id = LedgerId(transaction.reference_tx_id or "")
                account_ids.append(book.ledgers.accounts[ledger_id, posting.account_code].account_id)
            else:
                account_ids.append(book.accounts[transaction.owner_id, network, account_type].account_id)
            network_ids.append(network)
            amounts.append(posting.amount_minor)
            balances.append(posting.balance_after_minor)
    if tx_ids:
        parameters["entry_tx_ids"] = literal(tx_ids)
        parameters["entry_owner_ids"] = literal(owner_ids)
        parameters["entry_account_ids"] = literal(account_ids)
        parameters["entry_network_ids"] = literal(network_ids)
        parameters["entry_amounts"] = literal(amounts)
        parameters["entry_balances"] = nullable_literal(balances)
    return len(tx_ids)


def _withdrawals(book: Book, parameters: Parameters) -> int:
    changed = {  # a withdrawal may be reserved and ended in one batch: its last state counts
        change.withdrawal.withdrawal_id: change.withdrawal for change in book.changes if change.withdrawal is not None
    }
    rows = [changed[withdrawal_id] for withdrawal_id in sorted(changed)]
    if rows:
        parameters["withdrawal_ids"] = separated([row.withdrawal_id for row in rows])
        parameters["withdrawal_owner_ids"] = literal([row.owner_id for row in rows])
        parameters["withdrawal_network_ids"] = literal([row.currency_network_id for row in rows])
        parameters["withdrawal_amounts"] = literal([row.amount_minor for row in rows])
        parameters["withdrawal_states"] = literal([row.state for row in rows])
    return len(rows)


def _deposit_outputs(book: Book, parameters: Parameters) -> int:
    rows = sorted(
        (change.deposit_output.key, change.owner_id, change.deposit_output.tx_id)
        for change in book.changes
        if change.deposit_output is not None
    )
    if rows:
        parameters["output_hashes"] = literal([key for key, _, _ in rows])
        parameters["output_owner_ids"] = literal([owner_id for _, owner_id, _ in rows])
        parameters["output_tx_ids"] = literal([tx_id for _, _, tx_id in rows])
    return len(rows)


def _receipts(book: Book, parameters: Parameters) -> int:
    rows = sorted(book.inbox.received, key=lambda receipt: receipt.key)
    if rows:
        parameters["receipt_hashes"] = literal([row.key for row in rows])
        parameters["receipt_sources"] = separated([row.source for row in rows])
        parameters["receipt_event_ids"] = separated([row.event_id for row in rows])
        parameters["receipt_event_types"] = separated([row.event_type for row in rows])
        parameters["receipt_body_hashes"] = literal([row.body_key for row in rows])
        parameters["receipt_bodies"] = separated([row.body for row in rows])
        parameters["receipt_traceparents"] = nullable_separated([row.traceparent for row in rows])
    return len(rows)


def _events(book: Book, now: datetime, networks: NetworkDirectory, parameters: Parameters) -> int:
    rows = [
        (number, event, change.traceparent)
        for change in book.changes
        for number, event in enumerate(change.events, start=1)
    ]
    if rows:
        occurred_at = now.isoformat().replace("+00:00", "Z")
        parameters["event_owner_ids"] = literal([event.transaction.owner_id for _, event, _ in rows])
        parameters["event_tx_ids"] = literal([event.transaction.tx_id for _, event, _ in rows])
        parameters["event_nos"] = literal([number for number, _, _ in rows])
        parameters["event_types"] = literal([event.event_type for _, event, _ in rows])
        parameters["event_sequences"] = literal([event.sequence for _, event, _ in rows])
        parameters["event_data"] = separated(
            [event_data(event, networks.of(event.transaction.currency_network_id), occurred_at) for _, event, _ in rows]
        )
        parameters["event_traceparents"] = nullable_separated([traceparent for _, _, traceparent in rows])
    return len(rows)
