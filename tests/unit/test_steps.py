"""Steps of the store statement: each writes the columns of its own rows, each under its own name.

Held of the text of the statements; tests/store/test_columns.py holds the rows that are loaded against a server.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from msgspec import Struct
from msgspec.structs import asdict

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import AccountId, CurrencyNetworkId, Key, OwnerId, Source, TxId
from wallet_grpc.domain.ledgers.state import JournalAccount, LedgerId
from wallet_grpc.domain.sessions.state import Entry, SessionId
from wallet_grpc.domain.transactions import Details, GameFacts, Kind, Transaction, TransactionStatus, WinKind
from wallet_grpc.store.batch import (
    accounts,
    credit,
    events,
    inbox,
    ledgers,
    players,
    sessions,
    subledger,
    trail,
    transactions,
)
from wallet_grpc.store.batch.columns import (
    NullableBigInt,
    NullableInstant,
    NullableJsonb,
    NullableNumeric,
    NullableText,
    NullableUuid,
    NullableWord,
    Numeric,
)
from wallet_grpc.store.batch.part import Decided, Step, Steps
from wallet_grpc.store.batch.steps import PARTS
from wallet_grpc.store.connection.arrays import uuids

MODULES = (accounts, credit, events, inbox, ledgers, players, sessions, subledger, trail, transactions)
STEPS = [thing for module in MODULES for thing in vars(module).values() if isinstance(thing, Step)]
STEPS_BY_NAME = {step.name: step for step in STEPS}
OF_THE_BATCH = {"now"}

_PARAMETER = re.compile(r"%\((\w+)\)s")
_INSERT = re.compile(r"INSERT INTO \w+(?: AS \w+)? \(([^)]*)\)")
_VALUE = re.compile(r"[ .](\w+)(?:,|$)", re.MULTILINE)


def faults_of(step: Step[Any]) -> list[str]:
    """Tell where a step's statement and the class of its rows differ."""
    faults = []
    own = {f"{step.name}__{column}" for column in step.columns}
    named = _PARAMETER.findall(step.statement)
    if set(named) - OF_THE_BATCH != own:
        faults.append(f"parameters: {sorted(own.symmetric_difference(set(named) - OF_THE_BATCH))}")
    for column, kind in step.columns.items():
        line = f"unnest({kind.sql.format(f'%({step.name}__{column})s')}) AS {column}"
        if step.statement.count(line) != 1:
            faults.append(f"no line {line}")
    inserted = _INSERT.search(step.statement)
    if inserted is not None:
        select = re.split(r"\n(?:FROM|ON CONFLICT|RETURNING)", step.statement[inserted.end() :])[0]
        columns, values = [name.strip() for name in inserted[1].split(",")], _VALUE.findall(select)
        if columns != values:
            faults.append(f"columns: {columns} take {values}")
    return faults


def test_every_part_has_its_steps() -> None:
    assert set(PARTS) <= set(MODULES)
    assert len({step.name for step in STEPS}) == len({id(step) for step in STEPS}) == 22


@pytest.mark.parametrize("name", STEPS_BY_NAME)
def test_a_step_writes_the_columns_of_its_rows(name: str) -> None:
    assert faults_of(STEPS_BY_NAME[name]) == []


# ------------------------------------------------------------------------------------------------------------- mutants


@dataclass(frozen=True)
class Mutant:
    """A fault in a statement that stays valid SQL."""

    step: str
    before: str
    after: str


MUTANTS = {
    "a parameter of another step": Mutant(
        "ledger_entries", "%(ledger_entries__owner_id)s", "%(ledger_transactions__owner_id)s"
    ),
    "a parameter of another step, for a column of the same name": Mutant(
        "subledger_entries", "%(subledger_entries__tx_id)s", "%(journal_postings__tx_id)s"
    ),
    "a column that takes another's parameter": Mutant(
        "ledger_transactions", "%(ledger_transactions__fee_minor)s", "%(ledger_transactions__win_amount_minor)s"
    ),
    "two columns swapped where they are inserted": Mutant(
        "ledger_transactions", "amount_minor, win_amount_minor,", "win_amount_minor, amount_minor,"
    ),
    "an amount that may be missing, read as text": Mutant(
        "ledger_entries", "%(ledger_entries__balance_after)s::NUMERIC[]", "%(ledger_entries__balance_after)s::TEXT[]"
    ),
    "texts that may be missing, read as those that may not": Mutant(
        "outbox_events", r"outbox_events__traceparent)s, E'\x1f', '')", r"outbox_events__traceparent)s, E'\x1f')"
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_seen(name: str) -> None:
    mutant = MUTANTS[name]
    step = STEPS_BY_NAME[mutant.step]
    text = step.statement.replace("\n    ", " ") if "inserted" in name else step.statement
    assert text.count(mutant.before) == 1
    mutated = Step(step.name, {f"step_{step.name}": text.replace(mutant.before, mutant.after)}, step.row)
    assert faults_of(mutated)


# ----------------------------------------------------------------------------------------------------------- rendering


class _Row(Struct):
    amount_minor: Numeric
    note: NullableText


@pytest.mark.parametrize(("statement", "count"), [("SELECT", {}), ("SELECT\nRETURNING 1", {"count_notes": 2})])
def test_rows_become_a_parameter_for_each_column_and_their_count(statement: str, count: dict[str, object]) -> None:
    step = Step("notes", {"step_notes": statement}, _Row, order=lambda row: row.amount_minor)
    rows = [_Row(amount_minor=7, note="seven"), _Row(amount_minor=-1, note=None)]
    parameters: dict[str, object] = {}
    step.add_parameters(rows, parameters)
    assert parameters == {"notes__amount_minor": "{-1,7}", "notes__note": "\x1fseven", **count}


@pytest.mark.parametrize("kind", [NullableBigInt, NullableInstant, NullableNumeric, NullableWord])
def test_a_column_without_any_value_is_an_empty_array(kind: Any) -> None:
    (render, _) = get_args(kind)[1]
    assert render((None,)) == render((None, None)) == "{}"


def test_a_column_without_any_uuid_is_an_empty_array() -> None:
    (render, _) = get_args(NullableUuid)[1]
    assert render((None,)) == render((None, None)) == uuids(())


@pytest.mark.parametrize("kind", [NullableJsonb, NullableText])
def test_a_column_without_any_text_is_an_empty_text(kind: Any) -> None:
    (render, _) = get_args(kind)[1]
    assert render((None, None)) == ""
    assert render((None, "two")) == "\x1ftwo"


@pytest.mark.parametrize("name", STEPS_BY_NAME)
def test_what_may_write_fewer_rows_than_it_is_given_is_counted(name: str) -> None:
    step = STEPS_BY_NAME[name]
    writes_all = step.statement.startswith("INSERT") and "ON CONFLICT" not in step.statement
    assert step.is_counted or writes_all
    assert step.is_counted == ("RETURNING" in step.statement)


# --------------------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize("known", ["bank", "fees"])
def test_whichever_of_its_accounts_are_new_an_entry_of_a_ledger_is_stored_by_one_statement(known: str) -> None:
    book = Book()
    for code in ("bank", "fees"):
        account = JournalAccount(
            currency_network_id=CurrencyNetworkId(1), account_id=AccountId(1) if code == known else None
        )
        account.post(5, TxId("tx"))
        book.ledgers.accounts[LedgerId("ledger"), code] = account
    steps = Steps()
    ledgers.write(
        Decided(book=book, now=datetime(2026, 1, 1, tzinfo=UTC), take_account_id=lambda: AccountId(100)),
        steps,
    )
    assert [step.name for step in steps.rows] == ["accounts", "new_balances", "changed_balances", "journal_postings"]
    assert [row.account_id for row in steps.rows[ledgers.JOURNAL_POSTINGS]] == (
        [1, 100] if known == "bank" else [100, 1]
    )


# ------------------------------------------------------------------------------------------------------ rows by column

_TRANSACTION = Transaction(
    tx_id=TxId("tx"),
    owner_id=OwnerId(1),
    source=Source("games"),
    reference="reference",
    key=Key("key"),
    kind=Kind.BET,
    status=TransactionStatus.APPLIED,
    currency_network_id=CurrencyNetworkId(2),
    amount_minor=3,
    win_amount_minor=4,
    fee_minor=5,
    game=GameFacts(game_code="game", round_id="round"),
    round_key=Key("round key"),
    closes_round=True,
    reference_transaction_id="named",
    reference_tx_id=TxId("belongs to"),
    reverses_tx_id=TxId("reverses"),
    variant=WinKind.PROMO,
    main_balance_after_minor=6,
    metadata={"who": "me"},
    details=Details(reason="why"),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
_ENTRY = Entry(
    session_id=SessionId("session"),
    entry_no=1,
    owner_id=OwnerId(2),
    kind=Kind.WIN,
    status=TransactionStatus.APPLIED,
    transaction_id="id",
    key=Key("key"),
    amount_minor=3,
    change_minor=4,
    balance_after_minor=5,
    round_id="round",
    round_key=Key("round key"),
    closes_round=True,
    reference_transaction_id="named",
    reference_key=Key("bet"),
    reverses_key=Key("reverses"),
    win_kind=WinKind.JACKPOT,
    late=True,
    tx_id=TxId("tx"),
    metadata={"who": "me"},
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)


def test_a_transactions_row_has_each_fact_in_its_own_column() -> None:
    """They are given by their order, which no type checker sees."""
    assert asdict(transactions.row_of(_TRANSACTION, 8)) == {
        "tx_id": "tx",
        "owner_id": 1,
        "owner_version": 8,
        "source": "games",
        "reference": "reference",
        "key_hash": "key",
        "kind": "BET",
        "status": "APPLIED",
        "currency_network_id": 2,
        "amount_minor": 3,
        "win_amount_minor": 4,
        "fee_minor": 5,
        "game_code": "game",
        "round_id": "round",
        "round_hash": "round key",
        "closes_round": True,
        "reference_transaction_id": "named",
        "reference_tx_id": "belongs to",
        "reverses_tx_id": "reverses",
        "variant": "PROMO",
        "main_balance_after_minor": 6,
        "entry_count": 0,
        "metadata": '{"who":"me"}',
        "details": '{"reason":"why"}',
    }


def test_an_entrys_row_has_each_fact_in_its_own_column() -> None:
    assert asdict(subledger.row_of(_ENTRY, 6)) == {
        "subledger_id": "session",
        "entry_no": 1,
        "owner_id": 2,
        "kind": "WIN",
        "status": "APPLIED",
        "transaction_id": "id",
        "key_hash": "key",
        "amount_minor": 3,
        "change_minor": 4,
        "balance_after_minor": 5,
        "open_rounds": 6,
        "round_id": "round",
        "round_hash": "round key",
        "closes_round": True,
        "reference_transaction_id": "named",
        "reference_key": "bet",
        "reverses_key": "reverses",
        "variant": "JACKPOT",
        "late": True,
        "tx_id": "tx",
        "metadata": '{"who":"me"}',
        "source": None,
        "held_minor": None,
        "held_as_of": None,
    }
