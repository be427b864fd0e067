"""Deposits (docs/rules.md, rule 8) and adjustments: what may not be credited twice, and what they post."""

import pytest
from unit.desk import APPROVAL, BOB, ETHEREUM, OTHER_GAMES, Desk, adjust, bet, blocked, deposit, reserve, rollback
from unit.tables import Row, applied, check, refused, replayed, table

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.domain.transactions import Details, Direction, Kind, Posting

FUNDS = deposit("d", 100)
OUTPUT = {"tx_hash": "0xabc", "output_index": 0}
CREDIT, DEBIT = Direction.CREDIT, Direction.DEBIT


@table(
    refused(
        "a used id, and a used output",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [deposit("d0", **OUTPUT), deposit("d")],
        deposit("d", 101, **OUTPUT),
        field="amount_minor",
    ),
    refused(
        "a used output",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [deposit("d", **OUTPUT)],
        deposit("d2", **OUTPUT),
        field="tx_hash",
    ),
    refused(
        "a used output, for another player by another source",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [deposit("d", **OUTPUT)],
        deposit("d2", 7, player=BOB, source=OTHER_GAMES, **OUTPUT),
        field="tx_hash",
    ),
)
def test_refuses_a_deposit(row: Row) -> None:
    check(row)


@table(
    applied("of an unseen player", [], deposit("d", 100), main=100),
    applied("of a blocked player", [FUNDS, blocked()], deposit("d2", 1), main=101),
    applied("under a withdrawal's id", [FUNDS, reserve("p", 40)], deposit("p", 1), main=61),
    applied("under an id that a rollback voided", [rollback("r", of="d")], deposit("d", 1), main=1),
    applied("another output of the hash", [deposit("d", **OUTPUT)], deposit("d2", tx_hash="0xabc", output_index=1)),
    applied(
        "the same output of another hash", [deposit("d", **OUTPUT)], deposit("d2", tx_hash="0xabd", output_index=0)
    ),
    applied("the hash without an output", [deposit("d", **OUTPUT)], deposit("d2", tx_hash="0xabc"), main=200),
    applied("the output without a hash", [deposit("d", **OUTPUT)], deposit("d2", output_index=0), main=200),
    applied("a hash without an output, twice", [deposit("d", tx_hash="0x1")], deposit("d2", tx_hash="0x1"), main=200),
    applied("the output in another network", [deposit("d", **OUTPUT)], deposit("d2", 1, network=ETHEREUM, **OUTPUT)),
    replayed("again", [FUNDS], deposit("d", 100), main=100),
    replayed("again by another source", [FUNDS], deposit("d", 100, source=OTHER_GAMES), main=100),
    replayed(
        "again with another output", [deposit("d", **OUTPUT)], deposit("d", tx_hash="0x9", output_index=9), main=100
    ),
    replayed("again with its output", [deposit("d", **OUTPUT)], deposit("d", **OUTPUT), main=100),
)
def test_credits_a_deposit_once(row: Row) -> None:
    check(row)


def test_a_replay_that_names_another_output_does_not_use_it_up() -> None:
    desk = Desk.after([FUNDS, deposit("d", **OUTPUT)])
    desk.accepted(deposit("d2", 1, **OUTPUT))


def test_a_refused_output_leaves_the_deposit_id_free() -> None:
    desk = Desk.after([deposit("d", **OUTPUT)])
    desk.refused(deposit("d2", **OUTPUT))
    desk.accepted(deposit("d2", 5))
    assert desk.main() == 105


@table(
    refused("a voided id", Reason.TRANSACTION_VOIDED, [rollback("r", of="a")], adjust("a", 1, DEBIT)),
    refused("a used id", Reason.IDEMPOTENCY_KEY_REUSED, [adjust("a", 1)], adjust("a", 1, DEBIT), field="direction"),
    refused(
        "above the bound, without money",
        Reason.NEEDS_APPROVAL,
        [FUNDS],
        adjust("a", 101, DEBIT, alone_max_minor=100),
        alone_max_minor="100",
    ),
    refused("nothing may be made alone", Reason.NEEDS_APPROVAL, [], adjust("a", 1, alone_max_minor=0)),
    refused(
        "approved, under an id that was used alone",
        Reason.IDEMPOTENCY_KEY_REUSED,
        [adjust("a")],
        adjust("a", approval=APPROVAL),
        field="transaction_id",
    ),
    refused("a debit without money", Reason.INSUFFICIENT_FUNDS, [FUNDS], adjust("a", 101, DEBIT), balance_minor="100"),
    refused("approved, without money", Reason.INSUFFICIENT_FUNDS, [FUNDS], adjust("a", 101, DEBIT, approval=APPROVAL)),
)
def test_refuses_an_adjustment(row: Row) -> None:
    check(row)


@table(
    applied("a credit", [FUNDS], adjust("a", 5, CREDIT), main=105),
    applied("a debit of all", [FUNDS], adjust("a", 100, DEBIT), main=0),
    applied("a debit of a blocked player", [FUNDS, blocked()], adjust("a", 5, DEBIT), main=95),
    applied("under a deposit's id", [FUNDS], adjust("d", 5), main=105),
    applied("under the other source's id", [FUNDS, bet("a", source=OTHER_GAMES)], adjust("a", 5), main=95),
    applied("up to the bound", [FUNDS], adjust("a", 5, alone_max_minor=5), main=105),
    applied("approved", [FUNDS], adjust("a", 500, approval=APPROVAL), main=600),
    replayed("above the bound, once applied", [adjust("a", 6)], adjust("a", 6, alone_max_minor=5), main=6),
    replayed("approved twice", [adjust("a", approval=APPROVAL)], adjust("a", approval=APPROVAL), main=5),
    replayed("again, by somebody else", [FUNDS, adjust("a")], adjust("a", reason="other", actor="bob"), main=105),
)
def test_applies_an_adjustment(row: Row) -> None:
    check(row)


@pytest.mark.parametrize(
    ("command", "kind", "gain"),
    [
        (deposit("x", 7), Kind.DEPOSIT, 7),
        (adjust("x", 7), Kind.ADJUSTMENT, 7),
        (adjust("x", 7, DEBIT), Kind.ADJUSTMENT, -7),
    ],
    ids=["deposit", "credit", "debit"],
)
def test_posts_between_house_and_main(command: object, kind: Kind, gain: int) -> None:
    transaction = Desk.after([FUNDS]).transaction(command)  # type: ignore[arg-type]
    assert transaction.kind is kind
    assert transaction.amount_minor == 7
    assert transaction.postings == (
        Posting(account_type=AccountType.HOUSE, amount_minor=-gain, balance_after_minor=None),
        Posting(account_type=AccountType.MAIN, amount_minor=gain, balance_after_minor=100 + gain, account_version=2),
    )


@pytest.mark.parametrize(
    ("command", "details"),
    [
        (deposit("x"), None),
        (deposit("x", tx_hash="0x1"), Details(tx_hash="0x1")),
        (deposit("x", output_index=0), Details(output_index=0)),
        (deposit("x", **OUTPUT), Details(tx_hash="0xabc", output_index=0)),
        (adjust("x", reason="late", actor="bob"), Details(reason="late", actor="bob")),
    ],
    ids=["nothing", "hash", "output zero", "hash and output", "adjustment"],
)
def test_keeps_what_auditors_ask_for(command: object, details: Details | None) -> None:
    assert Desk().transaction(command).details == details  # type: ignore[arg-type]
