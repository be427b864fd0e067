"""What the roles of the service, the API and the back office may do: every table and every privilege, as a table."""

import psycopg
import pytest
from psycopg import errors, sql
from support.database import API_ROLE, BACKOFFICE_ROLE, SERVICE_ROLE, Installation

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

READS = {"SELECT"}
APPENDS = READS | {"INSERT"}
CHANGES = APPENDS | {"UPDATE"}
NOTHING: set[str] = set()

# The first column is the service's, the second the API's, the third the back office's.
RIGHTS: dict[str, tuple[set[str], set[str], set[str]]] = {
    "schema_migrations": (READS, READS, READS),
    "installation": (READS, NOTHING, READS),
    "cells": (READS, READS, READS),
    "claims": (APPENDS, NOTHING, READS),
    "currency_networks": (READS, READS, READS),
    "api_keys": (READS, NOTHING, NOTHING),
    "key_uses": (CHANGES, NOTHING, READS),
    "accounts": (APPENDS, READS, READS),
    "ledger_transactions": (APPENDS, READS, READS),
    "ledger_entries": (APPENDS, READS, READS),
    "deposit_outputs": (APPENDS, NOTHING, READS),
    "players": (CHANGES, NOTHING, READS),
    "account_balances": (CHANGES, READS, READS),
    "house_postings": (APPENDS | {"DELETE"}, NOTHING, READS),
    "withdrawals": (CHANGES, NOTHING, READS),
    "outbox_events": (CHANGES | {"DELETE"}, NOTHING, READS),
    "cell_home": (READS | {"UPDATE"}, NOTHING, READS),
    "inbox_events": (CHANGES, NOTHING, READS),
    "settlement_rails": (READS, NOTHING, READS),
    "sessions": (CHANGES, NOTHING, READS),
    "subledger_entries": (APPENDS, NOTHING, READS),
    "ledgers": (APPENDS, NOTHING, READS),
    "posting_rounds": (CHANGES, NOTHING, READS),
    "credit_wallets": (APPENDS, NOTHING, READS),
    "reservations": (CHANGES, NOTHING, READS),
    "posting_queue": (APPENDS | {"DELETE"}, NOTHING, READS),
    "wallet_postings": (APPENDS, NOTHING, READS),
    "journal_postings": (APPENDS, NOTHING, READS),
    "day_marks": (READS | {"UPDATE"}, NOTHING, READS),
    "open_day_totals": (CHANGES | {"DELETE"}, NOTHING, READS),
    "open_day_movements": (CHANGES | {"DELETE"}, NOTHING, READS),
    "days": (APPENDS, NOTHING, READS),
    "day_totals": (APPENDS, NOTHING, READS),
    "day_movements": (APPENDS, NOTHING, READS),
    "day_balances": (APPENDS, NOTHING, READS),
    "operator_actions": (APPENDS, NOTHING, READS),
    "adjustment_proposals": (APPENDS, NOTHING, READS),
    "adjustment_decisions": (APPENDS, NOTHING, READS),
    "verifications": (APPENDS, NOTHING, READS),
    "copy_progress": (READS, NOTHING, READS),
    "shown_keys": (READS, NOTHING, READS),
}
SEQUENCES: dict[str, tuple[bool, bool, bool]] = {
    "accounts_account_id_seq": (True, False, False),
    "outbox_events_outbox_id_seq": (True, False, False),
    "posting_queue_queue_id_seq": (True, False, False),
}
VIEWS = {"shown_keys"}
ROLES = (SERVICE_ROLE, API_ROLE, BACKOFFICE_ROLE)


@pytest.mark.parametrize("table", RIGHTS)
def test_rights(admin: psycopg.Connection, table: str) -> None:
    rows = admin.execute(
        """
        SELECT role, privilege FROM unnest(%s::TEXT[]) AS role CROSS JOIN unnest(%s::TEXT[]) AS privilege
        WHERE has_table_privilege(role, %s, privilege)
        """,
        [list(ROLES), list(PRIVILEGES), table],
    ).fetchall()
    expected = zip(ROLES, RIGHTS[table], strict=True)
    assert set(rows) == {(role, privilege) for role, privileges in expected for privilege in privileges}


def test_every_table_has_its_row(admin: psycopg.Connection) -> None:
    tables = {
        name for (name,) in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname IN ('cell_0', 'public')")
    }
    assert tables == RIGHTS.keys() - VIEWS


@pytest.mark.parametrize(("column", "role"), list(enumerate(ROLES)), ids=ROLES)
def test_advisory_locks_are_the_services(admin: psycopg.Connection, column: int, role: str) -> None:
    rows = admin.execute(
        "SELECT DISTINCT has_function_privilege(%s, oid, 'EXECUTE') FROM pg_proc WHERE proname LIKE 'pg%%advisory%%'",
        [role],
    ).fetchall()
    assert rows == [(column == 0,)]


@pytest.mark.parametrize(("column", "role"), list(enumerate(ROLES)), ids=ROLES)
def test_sequences(admin: psycopg.Connection, column: int, role: str) -> None:
    rows = admin.execute(
        """
        SELECT sequencename, has_sequence_privilege(%s, quote_ident(sequencename), 'USAGE')
        FROM pg_sequences WHERE schemaname IN ('cell_0', 'public')
        """,
        [role],
    ).fetchall()
    assert {name for name, may_use in rows if may_use} == {name for name, may in SEQUENCES.items() if may[column]}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_owns_nothing_and_makes_nothing(admin: psycopg.Connection, role: str) -> None:
    for schema in ("public", "cell_0"):
        row = admin.execute("SELECT has_schema_privilege(%s, %s, 'CREATE')", [role, schema]).fetchone()
        assert row == (False,), schema
    attributes = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    found = admin.execute(f"SELECT {attributes} FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    assert found == (False,) * 5
    owned = admin.execute(
        "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = %s)", [role]
    ).fetchone()
    assert owned == (0,)


REFUSED = {
    SERVICE_ROLE: [
        "UPDATE ledger_entries SET amount_minor = 0",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "UPDATE ledger_transactions SET amount_minor = 0",
        "DELETE FROM ledger_transactions",
        "TRUNCATE ledger_transactions",
        "UPDATE subledger_entries SET amount_minor = 0",
        "DELETE FROM subledger_entries",
        "TRUNCATE subledger_entries",
        "DELETE FROM sessions",
        "DELETE FROM account_balances",
        "DELETE FROM players",
        "DELETE FROM withdrawals",
        "UPDATE accounts SET player_id = 1",
        "INSERT INTO api_keys (key_id, key_hash, source, roles) VALUES ('k', 'h', 's', '{game}')",
        "UPDATE installation SET environment = 'LIVE'",
        "UPDATE operator_actions SET operator = 'somebody'",
        "DELETE FROM operator_actions",
        "TRUNCATE operator_actions",
        "UPDATE adjustment_proposals SET amount_minor = 1",
        "DELETE FROM adjustment_decisions",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "DROP TABLE ledger_entries",
        "CREATE TABLE mine (n int)",
        "SET session_replication_role = replica",
    ],
    API_ROLE: [
        "INSERT INTO ledger_entries DEFAULT VALUES",
        "UPDATE account_balances SET balance_minor = 0",
        "DELETE FROM ledger_transactions",
        "TRUNCATE ledger_entries",
        "SELECT * FROM api_keys",
        "SELECT * FROM outbox_events",
        "SELECT * FROM players",
        "SELECT nextval('accounts_account_id_seq')",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
        "CREATE TABLE mine (n int)",
    ],
    BACKOFFICE_ROLE: [
        "SELECT key_hash FROM api_keys",
        "INSERT INTO ledger_entries DEFAULT VALUES",
        "UPDATE players SET state = 'CLOSED'",
        "UPDATE inbox_events SET state = 'DISCARDED'",
        "DELETE FROM outbox_events",
        "TRUNCATE ledger_entries",
        "INSERT INTO verifications DEFAULT VALUES",
        "SELECT nextval('accounts_account_id_seq')",
        "CREATE TABLE mine (n int)",
    ],
}


@pytest.mark.parametrize(
    ("role", "statement"), [(role, statement) for role, statements in REFUSED.items() for statement in statements]
)
def test_the_database_refuses(ledger: Installation, role: str, statement: str) -> None:
    with ledger.connect(autocommit=True) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        if statement.startswith("SET session"):  # this needs the login itself: SET ROLE leaves the superuser's right
            connection.close()
            with (
                psycopg.connect(ledger.service_dsn) as login,
                pytest.raises(errors.InsufficientPrivilege),
            ):
                login.execute(statement)  # type: ignore[arg-type]
            return
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]
