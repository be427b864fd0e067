"""Needs: a batch decided over nothing but what its needs name comes out as if decided over everything.

This is what lets a lane load a few rows by their keys: were a rule to read something that is not among the needs, it
would find nothing there and decide wrongly, without any error.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.desk import CountingTxIds, Desk
from unit.histories import commands, histories, located

from wallet_grpc.domain.book import Account, Book, Owner
from wallet_grpc.domain.commands import Command, owner_of
from wallet_grpc.domain.needs import Needs, needs_of

pytestmark = pytest.mark.property


def loaded(book: Book, needs: Needs) -> Book:
    """Give a book with what a load of these needs finds (wallet_grpc/store/batch.py)."""
    found = Book()
    for owner_id in needs.owner_ids:
        known = book.owners.get(owner_id)
        assert known is not None
        version = known.mutations or None
        found.owners[owner_id] = Owner(version=version, state=known.state)
    for (owner_id, network, account_type), account in book.accounts.items():
        if (owner_id, network) in needs.balances or owner_id in needs.whole_owner_ids:
            found.accounts[owner_id, network, account_type] = Account(
                balance_minor=account.balance_minor, version=account.version
            )
    for key in needs.keys:
        transaction = book.transactions.get(key)
        if transaction is None:
            continue
        found.transactions[key] = transaction
        if transaction.tx_id in book.players.reversals:
            found.players.reversals[transaction.tx_id] = book.players.reversals[transaction.tx_id]
        if transaction.tx_id in book.players.standing_wins:
            found.players.standing_wins[transaction.tx_id] = book.players.standing_wins[transaction.tx_id]
    for round_key in needs.round_keys:
        if book.players.closers.get(round_key):
            found.players.closers[round_key] = book.players.closers[round_key]
    found.players.deposit_outputs = {key for key in needs.output_keys if key in book.players.deposit_outputs}
    return found


@settings(max_examples=500, deadline=None)
@given(history=histories, batch=st.lists(commands, min_size=1, max_size=8))
def test_a_batch_comes_out_the_same_over_its_needs_alone(history: list[Command], batch: list[Command]) -> None:
    everything = [*located(history)]
    sent = located([*history, *batch])[len(everything) :]
    whole = Desk()
    for command in everything:
        whole.send(command)
    for command in sent:
        whole.load(command)
    part = Desk(loaded(whole.book, needs_of(sent)), CountingTxIds(), whole.seconds)
    for transaction in whole.book.transactions.values():  # the two number on from the same place
        part.tx_ids.next(0)
        assert transaction
    decided_before = len(whole.book.changes)
    assert [part.send(command) for command in sent] == [whole.send(command) for command in sent]
    assert part.book.changes == whole.book.changes[decided_before:]


@given(st.lists(commands, min_size=1, max_size=30))
def test_owners_are_sorted_and_nothing_is_named_twice(batch: list[Command]) -> None:
    needs = needs_of(batch)
    assert needs.owner_ids == sorted({owner_of(command) for command in batch})
    for names in (needs.balances, needs.whole_owner_ids, needs.keys, needs.round_keys, needs.output_keys):
        assert len(set(names)) == len(names)
