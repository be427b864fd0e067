"""What the database keeps by itself, whoever writes: sums, append-only tables, funds, and what may stand in a row."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import errors
from store.lanes import SteppedLane
from support.database import Installation
from unit.desk import bet, deposit

NewLane = Callable[..., SteppedLane]

TX = "00000000-0000-7000-8000-00000000000{}"


@pytest.fixture
async def filled(new_lane: NewLane, ledger: Installation) -> Installation:
    """A ledger with two transactions."""
    lane = new_lane()
    await lane.accepted(deposit("d", 100))
    await lane.accepted(bet("b", 10))
    return ledger


def house(admin: psycopg.Connection, network_id: int) -> int:
    row = admin.execute(
        "SELECT account_id FROM accounts WHERE account_type = 'HOUSE' AND currency_network_id = %s", [network_id]
    ).fetchone()
    assert row is not None
    return int(row[0])


def enter(admin: psycopg.Connection, *entries: tuple[int, int, int]) -> None:
    """Insert entries in one statement: transaction, currency network, amount."""
    houses = {network: house(admin, network) for _, network, _ in entries}
    admin.execute(
        """
        INSERT INTO ledger_entries (tx_id, owner_id, account_id, currency_network_id, amount_minor, entry_no)
        SELECT *
        FROM unnest(%s::UUID [], %s::BIGINT [], %s::BIGINT [], %s::INTEGER [], %s::NUMERIC []) WITH ORDINALITY
        """,
        [
            [TX.format(tx) for tx, _, _ in entries],
            [1 for _ in entries],
            [houses[network] for _, network, _ in entries],
            [network for _, network, _ in entries],
            [amount for _, _, amount in entries],
        ],
    )


# ------------------------------------------------------------------------------------------------------------ zero sum

BALANCED = {
    "two entries": [(1, 1, -5), (1, 1, 5)],
    "three entries": [(1, 1, -5), (1, 1, 2), (1, 1, 3)],
    "two transactions": [(1, 1, -5), (2, 1, -7), (1, 1, 5), (2, 1, 7)],
    "two networks": [(1, 1, -5), (1, 1, 5), (1, 2, 9), (1, 2, -9)],
    "amounts beyond any machine word": [(1, 1, 10**37), (1, 1, -(10**37))],
}
UNBALANCED = {
    "one entry": [(1, 1, 5)],
    "one unit too much": [(1, 1, -5), (1, 1, 6)],
    "one unit of ten to the 37": [(1, 1, 10**37), (1, 1, 1 - 10**37)],
    "balanced by another transaction": [(1, 1, -5), (2, 1, 5)],
    "balanced by another network": [(1, 1, -5), (1, 2, 5)],
    "one of many": [*[(tx, 1, sign) for tx in range(1, 9) for sign in (-1, 1)], (9, 1, 1)],
}


@pytest.mark.parametrize("entries", BALANCED.values(), ids=BALANCED)
def test_entries_that_sum_to_zero_are_taken(admin: psycopg.Connection, entries: list[tuple[int, int, int]]) -> None:
    enter(admin, *entries)


@pytest.mark.parametrize("entries", UNBALANCED.values(), ids=UNBALANCED)
def test_entries_that_do_not_sum_to_zero_are_refused(
    admin: psycopg.Connection, entries: list[tuple[int, int, int]]
) -> None:
    with pytest.raises(errors.CheckViolation) as caught:
        enter(admin, *entries)
    assert caught.value.diag.constraint_name == "ledger_entries_zero_sum"
    assert admin.execute("SELECT count(*) FROM ledger_entries").fetchone() == (0,)


def test_a_copy_into_the_ledger_is_checked_as_well(admin: psycopg.Connection) -> None:
    columns = "tx_id, entry_no, owner_id, account_id, currency_network_id, amount_minor"
    account_id = house(admin, 1)
    with (
        pytest.raises(errors.CheckViolation),
        admin.cursor().copy(f"COPY ledger_entries ({columns}) FROM STDIN") as copy,
    ):
        copy.write_row([TX.format(1), 1, 1, account_id, 1, 5])


# --------------------------------------------------------------------------------------------------------- append only

APPEND_ONLY = ("ledger_transactions", "ledger_entries", "accounts", "installation")
CHANGES = {
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
}
COLUMN = {
    "ledger_transactions": "amount_minor",
    "ledger_entries": "amount_minor",
    "accounts": "account_type",
    "installation": "environment",
}


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_written_stays_even_for_the_superuser(
    filled: Installation, admin: psycopg.Connection, table: str, change: str
) -> None:
    del filled
    before = admin.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()  # type: ignore[arg-type]
    assert before
    with pytest.raises(errors.RestrictViolation, match=f"{table} is append-only: {change} is refused"):
        admin.execute(CHANGES[change].format(table=table, column=COLUMN[table]))  # type: ignore[arg-type]
    assert admin.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() == before  # type: ignore[arg-type]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_a_change_of_no_row_is_refused_as_well(admin: psycopg.Connection, table: str) -> None:
    with pytest.raises(errors.RestrictViolation):
        admin.execute(f"DELETE FROM {table} WHERE FALSE")  # type: ignore[arg-type]


def test_truncating_has_triggers_of_its_own(admin: psycopg.Connection) -> None:
    """Where tables are sharded, a trigger that names it among others is silently not made."""
    names_truncate, names_others = 1 << 5, 1 << 2 | 1 << 3 | 1 << 4
    told = admin.execute(
        """
        SELECT tgrelid::REGCLASS::TEXT, tgtype & %(truncate)s <> 0, tgtype & %(others)s <> 0
        FROM pg_trigger WHERE NOT tgisinternal AND tgfoid = 'refuse_change'::REGPROC
        """,
        {"truncate": names_truncate, "others": names_others},
    ).fetchall()
    assert not [table for table, truncate, others in told if truncate and others]
    assert {table for table, truncate, _ in told if truncate} == {table for table, _, others in told if others}
    assert {*APPEND_ONLY, "subledger_entries", "wallet_postings", "reservations"} <= {table for table, _, _ in told}


# --------------------------------------------------------------------------------------------------------- constraints

TRANSACTION = {
    "tx_id": TX.format(1),
    "owner_id": 1,
    "owner_version": 1,
    "source": "games",
    "reference": "r",
    "key_hash": TX.format(1),
    "kind": "BET",
    "status": "APPLIED",
    "amount_minor": 5,
    "closes_round": False,
    "entry_count": 0,
    "created_at": "2024-06-01",
}
ENTRY = {
    "tx_id": TX.format(1),
    "entry_no": 1,
    "owner_id": 1,
    "account_id": 1,
    "account_version": 1,
    "currency_network_id": 1,
    "amount_minor": 5,
    "balance_after": 5,
}
BALANCE = {"account_id": 1, "owner_id": 1, "balance_minor": 0, "version": 0}
WITHDRAWAL = {
    "withdrawal_id": "p",
    "owner_id": 1,
    "currency_network_id": 1,
    "amount_minor": 5,
    "state": "RESERVED",
    "reserved_at": "2024-06-01",
    "changed_at": "2024-06-01",
}
KEY = {"key_id": "k", "key_hash": b"h", "source": "s", "roles": ["game"]}

# What is refused, by the constraint's name: the table, its row, and what is wrong with it.
WRONG: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "a negative player balance": ("account_balances_funds_check", "account_balances", BALANCE, {"balance_minor": -1}),
    "a transaction before an owner's first": (
        "ledger_transactions_owner_version_check",
        "ledger_transactions",
        TRANSACTION,
        {"owner_version": 0},
    ),
    "player zero": ("players_id_check", "players", {"state": "ACTIVE"}, {"player_id": 0}),
    "an unknown player state": ("players_state_check", "players", {"player_id": 1}, {"state": "GONE"}),
    "an unknown kind": ("ledger_transactions_kind_check", "ledger_transactions", TRANSACTION, {"kind": "GIFT"}),
    "an unknown status": ("ledger_transactions_status_check", "ledger_transactions", TRANSACTION, {"status": "MAYBE"}),
    "a negative amount": (
        "ledger_transactions_amounts_check",
        "ledger_transactions",
        TRANSACTION,
        {"amount_minor": -1},
    ),
    "a negative win": (
        "ledger_transactions_amounts_check",
        "ledger_transactions",
        TRANSACTION,
        {"win_amount_minor": -1},
    ),
    "a negative fee": ("ledger_transactions_amounts_check", "ledger_transactions", TRANSACTION, {"fee_minor": -1}),
    "a fee above the amount": (
        "ledger_transactions_amounts_check",
        "ledger_transactions",
        TRANSACTION,
        {"fee_minor": 6},
    ),
    "an entry of nothing": ("ledger_entries_amount_check", "ledger_entries", ENTRY, {"amount_minor": 0}),
    "an entry that leaves less than nothing": (
        "ledger_entries_balance_check",
        "ledger_entries",
        ENTRY,
        {"balance_after": -1},
    ),
    "an entry that tells its number in the account and no balance": (
        "ledger_entries_balance_check",
        "ledger_entries",
        ENTRY,
        {"balance_after": None},
    ),
    "an entry that tells a balance and not its number in the account": (
        "ledger_entries_balance_check",
        "ledger_entries",
        ENTRY,
        {"account_version": None},
    ),
    "an entry before the first": ("ledger_entries_number_check", "ledger_entries", ENTRY, {"entry_no": 0}),
    "an entry before an account's first": (
        "ledger_entries_number_check",
        "ledger_entries",
        ENTRY,
        {"account_version": 0},
    ),
    "an unknown withdrawal state": ("withdrawals_state_check", "withdrawals", WITHDRAWAL, {"state": "LOST"}),
    "a withdrawal of nothing": ("withdrawals_amount_check", "withdrawals", WITHDRAWAL, {"amount_minor": 0}),
    "a withdrawal in an unknown network": (
        "withdrawals_currency_network_id_fkey",
        "withdrawals",
        WITHDRAWAL,
        {"currency_network_id": 99},
    ),
    "a player's house account": (
        "accounts_type_check",
        "accounts",
        {"player_id": 1, "currency_network_id": 1},
        {"account_type": "HOUSE"},
    ),
    "a house's main account": (
        "accounts_type_check",
        "accounts",
        {"currency_network_id": 1},
        {"account_type": "MAIN"},
    ),
    "a second house account": (
        "accounts_identity_key",
        "accounts",
        {"currency_network_id": 1},
        {"account_type": "HOUSE"},
    ),
    "an account in an unknown network": (
        "accounts_currency_network_id_fkey",
        "accounts",
        {"player_id": 1, "account_type": "MAIN"},
        {"currency_network_id": 99},
    ),
    "a second installation": ("installation_pkey", "installation", {"environment": "TEST"}, {"installation_id": 1}),
    "another installation": (
        "installation_one_row_check",
        "installation",
        {"environment": "LIVE"},
        {"installation_id": 2},
    ),
    "a currency twice on a network": (
        "currency_networks_currency_network_key",
        "currency_networks",
        {"currency_network_id": 9, "decimals": 6},
        {"currency": "USDT", "network": "TRON"},
    ),
    "nineteen decimals": (
        "currency_networks_decimals_check",
        "currency_networks",
        {"currency_network_id": 9, "currency": "X", "network": "Y"},
        {"decimals": 19},
    ),
    "currency network zero": (
        "currency_networks_id_check",
        "currency_networks",
        {"currency": "X", "network": "Y", "decimals": 6},
        {"currency_network_id": 0},
    ),
    "a key without roles": ("api_keys_roles_check", "api_keys", KEY, {"roles": []}),
    "a key with an unknown role": ("api_keys_roles_check", "api_keys", KEY, {"roles": ["game", "god"]}),
}


@pytest.mark.parametrize(("constraint", "table", "row", "wrong"), WRONG.values(), ids=WRONG)
def test_refuses_a_row(
    admin: psycopg.Connection, constraint: str, table: str, row: dict[str, Any], wrong: dict[str, Any]
) -> None:
    with pytest.raises(psycopg.IntegrityError) as caught:
        insert(admin, table, row | wrong)
    assert caught.value.diag.constraint_name == constraint


def test_a_house_balance_may_be_negative(admin: psycopg.Connection) -> None:
    insert(admin, "account_balances", BALANCE | {"account_id": house(admin, 1), "owner_id": None, "balance_minor": -5})


@pytest.mark.parametrize("column", ["key_hash", "reverses_tx_id", "owner_version"])
def test_a_key_a_reversal_and_an_owners_version_are_unique(admin: psycopg.Connection, column: str) -> None:
    first = TRANSACTION | {"reverses_tx_id": TX.format(9)}
    insert(admin, "ledger_transactions", first)
    second = first | {
        "tx_id": TX.format(2),
        "key_hash": TX.format(2),
        "reverses_tx_id": TX.format(8),
        "owner_version": 2,
    }
    with pytest.raises(errors.UniqueViolation):
        insert(admin, "ledger_transactions", second | {column: first[column]})
    insert(admin, "ledger_transactions", second)


def test_lost_races_have_a_state_of_their_own(admin: psycopg.Connection) -> None:
    with pytest.raises(psycopg.DatabaseError, match="lost a race: accounts") as caught:
        admin.execute("SELECT raise_lost_race('accounts')")
    assert caught.value.sqlstate == "WL001"


def insert(admin: psycopg.Connection, table: str, values: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z_]+", table)
    names = ", ".join(values)
    places = ", ".join(["%s"] * len(values))
    overriding = "OVERRIDING SYSTEM VALUE" if table == "currency_networks" else ""
    admin.execute(f"INSERT INTO {table} ({names}) {overriding} VALUES ({places})", list(values.values()))  # type: ignore[arg-type]
