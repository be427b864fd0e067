"""Needs: a batch decided over nothing but what its needs name comes out as if decided over everything.

This is what lets a lane load a few rows by their keys: were a rule to read something that is not among the needs, the
book would say so. And each need is read by some rule: without it, one of the cases below fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.desk import (
    GAMES,
    TRON,
    CountingTxIds,
    Desk,
    adjust,
    bet,
    bet_and_win,
    deposit,
    fail,
    reserve,
    rollback,
    settle,
    state,
    win,
)
from unit.session_desk import SessionDesk, opening
from unit.world import (
    LEDGER,
    Step,
    address,
    command_of,
    job_of,
    new_desk,
    of_credit,
    of_ledgers,
    of_players,
    of_sessions,
    steps,
)

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.batch import decide_batch
from wallet_grpc.domain.book import Account, Book, Owner
from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.needs import CreditNeeds
from wallet_grpc.domain.credit.state import wallet_entry_key
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.needs import LedgerNeeds
from wallet_grpc.domain.ledgers.state import JournalAccount, Leg
from wallet_grpc.domain.needs import Needs, needs_of
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.needs import PlayerNeeds
from wallet_grpc.domain.sessions.needs import SessionNeeds
from wallet_grpc.domain.sessions.state import SessionId

# --------------------------------------------------------------------------------------------------- what a load finds


def loaded(book: Book, needs: Needs) -> Book:
    """Give a book with what a load of these needs finds (wallet_grpc/store/batch)."""
    found = Book()
    found.ask(needs)
    for owner_id in needs.known_owner_ids:
        known = book.owners[owner_id]
        found.owners[owner_id] = Owner(version=known.mutations or None, state=known.state)
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
            loaded_version=whole.version,
            entries=type(whole.entries)(),
            rounds=type(whole.rounds)(),
            reversals={},
            standing_wins={},
        )
        found.sessions.put(session)
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
            loaded_version=whole.version,
            known=type(whole.known)(),
            reservations=type(whole.reservations)(),
            entries=[],
            begun={},
            ended={},
        )
        found.credit.put(wallet)
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


# -------------------------------------------------------------------------------------------------------- the property


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


def check(history: Sequence[Step], batch: Sequence[Step]) -> None:
    """Decide a batch over everything and over its needs alone, and compare all that comes of it."""
    whole = new_desk()
    sent(whole, history)
    named = [command for command in (command_of(whole, step) for step in batch) if command is not None]
    whole.book.ask(needs_for(named))
    for command in named:
        whole.load(command)
    part = loaded(whole.book, needs_for(named))
    changes_before, received_before = len(whole.book.changes), len(whole.book.inbox.received)
    assert decided(whole, part, named) == decided(whole, whole.book, named)
    changes = whole.book.changes[changes_before:]
    assert part.inbox.received == whole.book.inbox.received[received_before:]
    assert len(part.changes) == len(changes)
    for one, other in zip(part.changes, changes, strict=True):
        for name in type(one).__dataclass_fields__:
            if name not in {"journaled", "credited"}:
                assert getattr(one, name) == getattr(other, name), name
        if one.journaled is not None and other.journaled is not None:
            assert one.journaled.entries == other.journaled.entries
        if one.credited is not None and other.credited is not None:
            assert (one.credited.entry, one.credited.reservation) == (
                other.credited.entry,
                other.credited.reservation,
            )
    for key, account in part.accounts.items():
        whole_account = whole.book.accounts[key]
        assert (account.balance_minor, account.version) == (whole_account.balance_minor, whole_account.version)


@pytest.mark.property
@pytest.mark.parametrize(
    "kind",
    [of_players, of_sessions | of_players, of_credit, of_ledgers, steps],
    ids=["players", "sessions", "credit", "ledgers", "all"],
)
def test_a_batch_comes_out_the_same_over_its_needs_alone(kind: st.SearchStrategy[Step]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(history=st.lists(kind, max_size=40), batch=st.lists(kind, min_size=1, max_size=8))
    def holds(history: list[Step], batch: list[Step]) -> None:
        check([deposit("funds", 1_000), *history], batch)

    holds()


@given(st.lists(of_players, min_size=1, max_size=30))
def test_owners_are_sorted_and_nothing_is_named_twice(batch: list[Command]) -> None:
    needs = needs_of(batch)
    assert needs.owner_ids == sorted({owner_of(command) for command in batch})
    players = needs.players
    for names in (needs.balances, needs.whole_owner_ids, needs.keys, players.round_keys, players.output_keys):
        assert len(set(names)) == len(names)


# -------------------------------------------------------------------------------------------------- each need is read

PURSE = address("purse")
FUNDS = deposit("d", 200)
HELD = reserve("p")


def credit(transaction_id: str) -> Credit:
    return Credit(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=100)


def hold(transaction_id: str) -> Reserve:
    return Reserve(source=GAMES, wallet=PURSE, transaction_id=transaction_id, amount_minor=40, ttl_s=60)


def ledger(transaction_id: str = "l") -> CreateLedger:
    return CreateLedger(source=GAMES, transaction_id=transaction_id, name="tokens", currency_network_id=TRON)


def entry(transaction_id: str = "e") -> PostJournalEntry:
    return PostJournalEntry(
        source=GAMES,
        transaction_id=transaction_id,
        ledger_id=LEDGER,
        owner_id=OwnerId(-5),
        currency_network_id=TRON,
        legs=(Leg("cash", 10), Leg("sales", -10)),
    )


RESERVATION = wallet_entry_key(PURSE.wallet_id, "r")

CASES: list[tuple[Sequence[Command], Command]] = [
    ([FUNDS], bet("b")),
    ([FUNDS], bet_and_win("b")),
    ([FUNDS, bet("b")], win("w", of="b")),
    ([FUNDS], rollback("r", of="b")),
    ([FUNDS, bet("b")], rollback("r", of="b")),
    ([FUNDS], reserve("p")),
    ([FUNDS, HELD], settle("p")),
    ([FUNDS, HELD], fail("p")),
    ([], deposit("d", tx_hash="0x1", output_index=0)),
    ([], adjust("a")),
    ([], state("s", PlayerState.CLOSED)),
    ([credit("c")], credit("d")),
    ([credit("c")], Debit(source=GAMES, wallet=PURSE, transaction_id="d", amount_minor=10)),
    ([credit("c")], hold("r")),
    ([credit("c"), hold("r")], hold("r")),
    ([credit("c"), hold("r")], Commit(source=GAMES, wallet=PURSE, reservation_key=RESERVATION, amount_minor=None)),
    ([credit("c"), hold("r")], Release(source=GAMES, wallet=PURSE, reservation_key=RESERVATION)),
    ([], ledger()),
    ([ledger()], ledger()),
    ([], entry()),
    ([entry()], entry()),
]


def in_sessions() -> Iterator[tuple[Desk, Command]]:
    """Give desks, and commands on the session that is open on them, or settled."""
    desk = new_desk()
    desk.send(FUNDS)
    yield desk, opening("o")
    again = SessionDesk.opened()
    yield again, opening("open")
    for settled in (False, True):
        desk = SessionDesk.opened().all([])
        desk.send(desk.bet("b"))
        if settled:
            desk.send(desk.settlement())
        else:
            yield desk, desk.bet("b2")
            yield desk, desk.settlement()
        yield desk, desk.win("w", of="b")
        yield desk, desk.rollback("r", of="b")


def slots(needs: Needs) -> Iterator[tuple[str, int, Needs]]:
    """Give the needs without one of what they name, for each of that, by the field and the place in it."""
    for name in ("known_owner_ids", "balances", "gaining", "whole_owner_ids", "keys", "receipt_keys"):
        for place, changed in enumerate(_without_one(getattr(needs, name))):
            yield name, place, replace(needs, **{name: changed})
    for part, names in (
        ("players", PlayerNeeds.__dataclass_fields__),
        ("sessions", SessionNeeds.__dataclass_fields__.keys() - {"rollbacks"}),
        ("credit", CreditNeeds.__dataclass_fields__),
        ("ledgers", LedgerNeeds.__dataclass_fields__),
    ):
        own = getattr(needs, part)
        for name in names if own is not None else ():
            for place, changed in enumerate(_without_one(getattr(own, name))):
                yield f"{part}.{name}", place, replace(needs, **{part: replace(own, **{name: changed})})


def _without_one(names: Any) -> Iterator[Any]:
    for left_out in list(names):
        if isinstance(names, dict):
            yield {name: value for name, value in names.items() if name != left_out}
        else:
            yield type(names)(name for name in names if name != left_out)


def unread(desk: Desk, command: Command) -> set[tuple[str, int]]:
    """Give what a command needs and its rules do not read, over a desk that has sent what was before."""
    desk.load(command)
    ignored = set()
    for name, place, needs in slots(needs_for([command])):
        try:
            decided(desk, loaded(desk.book, needs), [command])
        except AssertionError as error:
            if "without a need that declares it" not in str(error):
                raise
        else:
            ignored.add((name, place))
    return ignored


def test_without_any_of_its_needs_a_command_is_not_decided() -> None:
    found: dict[type[Command], list[set[tuple[str, int]]]] = {}
    for before, command in CASES:
        desk = new_desk()
        sent(desk, before)
        found.setdefault(type(command), []).append(unread(desk, command))
    for desk, command in in_sessions():
        found.setdefault(type(command), []).append(unread(desk, command))
    every_command = Command.__args__  # type: ignore[attr-defined]
    assert set(found) == set(every_command)
    assert {command.__name__: set.intersection(*ignored) for command, ignored in found.items()} == {
        command.__name__: set() for command in every_command
    }
