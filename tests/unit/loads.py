"""Loads in memory: a book with what a load of a batch's needs finds in another book, and a batch decided over it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from msgspec.structs import replace
from unit.desk import CountingTxIds, Desk
from unit.world import Step, command_of, job_of

from wallet_grpc.domain.batch import decide_batch
from wallet_grpc.domain.book import Account, Book, Owner
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.credit.needs import CreditNeeds
from wallet_grpc.domain.ledgers.needs import LedgerNeeds
from wallet_grpc.domain.ledgers.state import JournalAccount
from wallet_grpc.domain.needs import Needs, needs_of
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.sessions.needs import SessionNeeds
from wallet_grpc.domain.sessions.state import SessionId


def needs_for(batch: Sequence[Command]) -> Needs:
    receipts = [job.ticket.receipt for job in map(job_of, batch)]
    return needs_of(batch, [receipt.key for receipt in receipts if receipt is not None])


def decided(desk: Desk, book: Book, batch: Sequence[Command]) -> list[Outcome | None]:
    """Decide a batch; whatever the book, ids go on from the same place."""
    tx_ids = CountingTxIds()
    for _ in range(1_000):
        tx_ids.next(0)
    return decide_batch(book, [job_of(command) for command in batch], replace(desk.moment, tx_ids=tx_ids))


def sent(desk: Desk, history: Sequence[Step]) -> None:
    for step in history:
        command = command_of(desk, step)
        if command is not None:
            desk.book.ask(needs_for([command]))
            desk.load(command)
            desk.seconds += 1
            decide_batch(desk.book, [job_of(command)], desk.moment)


def loaded(book: Book, needs: Needs) -> Book:
    """Give a book with what a load of these needs finds (wallet_grpc/store/batch)."""
    found = Book()
    found.ask(needs)
    for owner_id in needs.known_owner_ids:
        known = book.owners[owner_id]
        found.owners[owner_id] = Owner(version=known.added, state=known.state)
    for (owner_id, network, account_type), account in book.accounts.items():
        if (owner_id, network) in needs.balances or owner_id in needs.whole_owner_ids:
            found.accounts[owner_id, network, account_type] = Account(
                balance_minor=account.balance_minor, version=account.version
            )
    for key in needs.keys:
        transaction = book.transactions.get(key)
        if transaction is not None:
            found.transactions[key] = transaction
            _copy(book.players.reversals, found.players.reversals, [transaction.tx_id])
            _copy(book.players.standing_wins, found.players.standing_wins, [transaction.tx_id])
    _copy(book.inbox.receipts, found.inbox.receipts, needs.receipt_keys)
    _copy(book.players.closers, found.players.closers, needs.players.round_keys)
    _copy(book.players.deposit_outputs, found.players.deposit_outputs, needs.players.output_keys)
    _copy(book.sessions.at_play, found.sessions.at_play, needs.gaining)
    if needs.sessions is not None:
        _load_sessions(book, found, needs.sessions)
    if needs.credit is not None:
        _load_wallets(book, found, needs.credit)
    if needs.ledgers is not None:
        _load_ledgers(book, found, needs.ledgers)
    return found


def _copy(rows: dict[Any, Any], into: dict[Any, Any], keys: Any) -> None:
    for key in keys:
        if key in rows:
            into[key] = rows[key]


def _load_sessions(book: Book, found: Book, needs: SessionNeeds) -> None:
    openings = [book.transactions[key] for key in needs.opening_keys if key in book.transactions]
    for session_id in {*needs.session_ids, *(SessionId(it.tx_id) for it in openings)} & book.sessions.by_id.keys():
        whole = book.sessions.by_id[session_id]
        session = replace(
            whole,
            is_new=False,
            added=[],
            entries=type(whole.entries)(),
            rounds=type(whole.rounds)(),
            reversals={},
            standing_wins={},
        )
        found.sessions.put(session)
        state = book.owners[session.owner_id].state
        found.owners.setdefault(session.owner_id, Owner(version=None, state=state))
        _copy(deepcopy(whole.rounds), session.rounds, needs.round_keys)
        for key in needs.entry_keys:
            entry = whole.entries.get(key)
            if entry is not None:
                session.entries[key] = entry
                _copy(deepcopy(whole.rounds), session.rounds, [entry.round_key])
                _copy(whole.reversals, session.reversals, [key])
                _copy(whole.standing_wins, session.standing_wins, [key, entry.reference_key])
    _copy(book.sessions.rails, found.sessions.rails, needs.rails)


def _load_wallets(book: Book, found: Book, needs: CreditNeeds) -> None:
    for wallet_id in needs.wallets.keys() & book.credit.wallets.keys():
        whole = book.credit.wallets[wallet_id]
        wallet = replace(
            whole,
            is_new=False,
            known=found.credit.known,
            reservations=found.credit.reservations,
            added=[],
            begun={},
            ended={},
        )
        found.credit.wallets[wallet_id] = wallet
        _copy(whole.known, wallet.known, needs.entry_keys)
        _copy(whole.reservations, wallet.reservations, needs.reservation_keys)


def _load_ledgers(book: Book, found: Book, needs: LedgerNeeds) -> None:
    _copy(book.ledgers.created, found.ledgers.created, needs.creation_keys)
    _copy(book.ledgers.legs, found.ledgers.legs, needs.entry_keys)
    for name, network in needs.accounts:
        account = book.ledgers.accounts.get(name)
        if account is not None:
            found.ledgers.accounts[name] = JournalAccount(
                currency_network_id=network, balance_minor=account.balance_minor, version=account.version
            )
