"""What holds after any history: sums, balances, versions, replays, and that deciding changes nothing."""

from collections import Counter, defaultdict
from copy import deepcopy

import pytest
from hypothesis import given, settings
from msgspec.structs import replace
from unit.desk import Desk
from unit.histories import histories, located

from wallet_grpc.domain.accounts import HOUSE_TYPES, AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.commands import Command
from wallet_grpc.domain.events import EventType
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.domain.transactions import Kind, OutcomeStatus, Transaction, TransactionStatus

pytestmark = pytest.mark.property
many = settings(max_examples=300)


def played(history: list[Command]) -> tuple[Desk, list[tuple[Command, Outcome]]]:
    """Execute a history; a reservation that is refused leaves its endings without a withdrawal to end, as it may be."""
    desk = Desk()
    return desk, [(command, desk.send(command)) for command in located(history)]


def transactions(book: Book) -> list[Transaction]:
    return [transaction for change in book.changes for transaction in change.transactions]


@many
@given(histories)
def test_the_postings_of_every_transaction_sum_to_zero(history: list[Command]) -> None:
    desk, _ = played(history)
    for transaction in transactions(desk.book):
        assert sum(posting.amount_minor for posting in transaction.postings) == 0
        assert all(posting.amount_minor != 0 for posting in transaction.postings)
        if transaction.status is not TransactionStatus.APPLIED:
            assert transaction.postings == ()


@many
@given(histories)
def test_every_balance_is_the_sum_of_its_postings_and_every_version_their_number(history: list[Command]) -> None:
    desk, _ = played(history)
    sums: Counter[tuple[object, ...]] = Counter()
    counts: Counter[tuple[object, ...]] = Counter()
    for transaction in transactions(desk.book):
        for posting in transaction.postings:
            is_house = posting.account_type in HOUSE_TYPES
            owner = None if is_house else transaction.owner_id
            account = (owner, transaction.currency_network_id, posting.account_type)
            sums[account] += posting.amount_minor
            counts[account] += 1
            assert is_house == (posting.balance_after_minor is None)
            if not is_house:
                assert posting.balance_after_minor == sums[account] >= 0
    for key, account in desk.book.accounts.items():
        assert (account.balance_minor, account.version) == (sums[key], counts[key])
        assert account.balance_minor >= 0
    for (network, account_type), amount in desk.book.house.items():
        assert amount == sums[None, network, account_type]


@many
@given(histories)
def test_the_answer_tells_main_right_after_and_right_now(history: list[Command]) -> None:
    desk = Desk()
    for command in located(history):
        outcome = desk.send(command)
        if isinstance(outcome, Refusal) or outcome.balance_after_minor is None:
            continue
        now = desk.main(command.player_id, command.currency_network_id)  # type: ignore[union-attr]
        assert outcome.current_balance_minor == now
        if not outcome.replayed and outcome.status is not OutcomeStatus.ALREADY_ROLLED_BACK:
            assert outcome.balance_after_minor == now


@many
@given(histories)
def test_sending_everything_again_changes_nothing(history: list[Command]) -> None:
    desk, answers = played(history)
    before = deepcopy(desk.book)
    for command, first in answers:
        if isinstance(first, Refusal) or first.status is OutcomeStatus.ALREADY_ROLLED_BACK:
            continue  # not stored: it may be decided otherwise now
        stored = before.transactions.get(command.key)
        if (
            first.status is OutcomeStatus.VOIDED
            and not first.replayed
            and (
                stored is None
                or stored.kind is not Kind.ROLLBACK
                or stored.status is not TransactionStatus.VOIDED
                or stored.reference_transaction_id != command.reference_transaction_id
            )
        ):
            continue  # another rollback of a void: not stored either, so its id stayed free, and may be used by now
        again = desk.send(command)
        assert isinstance(again, Accepted)
        assert again == replace(first, replayed=True, current_balance_minor=again.current_balance_minor)
    assert desk.book == before


@many
@given(histories)
def test_deciding_changes_nothing(history: list[Command]) -> None:
    desk = Desk()
    for command in located(history):
        desk.load(command)
        before = deepcopy(desk.book)
        decision = desk.decide(command)
        assert desk.book == before
        if decision.change is not None:
            desk.book.record(decision.change)


@many
@given(histories)
def test_a_refusal_changes_nothing_and_each_transaction_raises_its_owner(history: list[Command]) -> None:
    desk = Desk()
    for command in located(history):
        desk.load(command)
        before = deepcopy(desk.book)
        changes = len(before.changes)
        outcome = desk.send(command)
        if isinstance(outcome, Refusal):
            assert desk.book == before
        raised = sum(owner.added for owner in desk.book.owners.values()) - sum(
            owner.added for owner in before.owners.values()
        )
        made = desk.book.changes[changes:]
        assert len(made) <= 1
        assert raised == sum(len(change.transactions) for change in made)


@many
@given(histories)
def test_ids_keys_and_reversals_are_unique(history: list[Command]) -> None:
    desk, _ = played(history)
    stored = transactions(desk.book)
    assert len({transaction.tx_id for transaction in stored}) == len(stored)
    assert len({transaction.key for transaction in stored}) == len(stored)
    reversed_ids = [transaction.reverses_tx_id for transaction in stored if transaction.reverses_tx_id]
    assert len(set(reversed_ids)) == len(reversed_ids)


@many
@given(histories)
def test_event_sequences_follow_the_version_of_main(history: list[Command]) -> None:
    desk, _ = played(history)
    versions: defaultdict[tuple[object, ...], int] = defaultdict(int)
    for change in desk.book.changes:
        for event in change.events:
            transaction = event.transaction
            if event.event_type is EventType.PLAYER_STATE_CHANGED:
                continue
            account = (transaction.owner_id, transaction.currency_network_id)
            assert event.sequence - versions[account] in {0, 1, 2}, "a gap"
            versions[account] = event.sequence
    for (owner_id, network), sequence in versions.items():
        assert desk.book.version(owner_id, network, AccountType.MAIN) == sequence  # type: ignore[arg-type]


@many
@given(histories)
def test_money_is_never_made(history: list[Command]) -> None:
    """What players have is what came in and did not go out, to the last unit."""
    desk, _ = played(history)
    players = sum(account.balance_minor for account in desk.book.accounts.values())
    assert players + sum(desk.book.house.values()) == 0
