"""What the service's and the HTTP API's roles may do: every table and every privilege, as a table."""

import psycopg
import pytest
from psycopg import errors, sql
from support.database import API_ROLE, SERVICE_ROLE, Installation

PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

READS = {"SELECT"}
APPENDS = READS | {"INSERT"}
CHANGES = APPENDS | {"UPDATE"}
NOTHING: set[str] = set()

# The first column is the service's, the second the API's.
RIGHTS: dict[str, tuple[set[str], set[str]]] = {
    "schema_migrations": (READS, READS),
    "installation": (READS, NOTHING),
    "currency_networks": (READS, READS),
    "api_keys": (READS, NOTHING),
    "accounts": (APPENDS, READS),
    "ledger_transactions": (APPENDS, READS),
    "ledger_entries": (APPENDS, READS),
    "deposit_outputs": (APPENDS, NOTHING),
    "players": (CHANGES, NOTHING),
    "owners": (CHANGES, NOTHING),
    "account_balances": (CHANGES, READS),
    "house_postings": (APPENDS | {"DELETE"}, NOTHING),
    "withdrawals": (CHANGES, NOTHING),
    "outbox_events": (CHANGES | {"DELETE"}, NOTHING),
    "inbox_events": (CHANGES, NOTHING),
    "settlement_rails": (READS, NOTHING),
    "sessions": (CHANGES, NOTHING),
    "subledger_entries": (APPENDS, NOTHING),
    "ledgers": (APPENDS, NOTHING),
    "posting_rounds": (CHANGES, NOTHING),
    "credit_wallets": (CHANGES, NOTHING),
    "reservations": (CHANGES, NOTHING),
    "posting_queue": (APPENDS | {"DELETE"}, NOTHING),
    "wallet_postings": (APPENDS, NOTHING),
    "journal_postings": (APPENDS, NOTHING),
}
SEQUENCES: dict[str, tuple[bool, bool]] = {"accounts_account_id_seq": (True, False)}
ROLES = (SERVICE_ROLE, API_ROLE)


@pytest.mark.parametrize(("column", "role"), list(enumerate(ROLES)), ids=ROLES)
@pytest.mark.parametrize("privilege", PRIVILEGES)
@pytest.mark.parametrize("table", RIGHTS)
def test_right(admin: psycopg.Connection, table: str, privilege: str, column: int, role: str) -> None:
    row = admin.execute("SELECT has_table_privilege(%s, %s, %s)", [role, table, privilege]).fetchone()
    assert row == (privilege in RIGHTS[table][column],)


def test_every_table_has_its_row(admin: psycopg.Connection) -> None:
    tables = {name for (name,) in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert tables == RIGHTS.keys()


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
        FROM pg_sequences WHERE schemaname = 'public'
        """,
        [role],
    ).fetchall()
    assert {name for name, may_use in rows if may_use} == {name for name, may in SEQUENCES.items() if may[column]}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_owns_nothing_and_makes_nothing(admin: psycopg.Connection, role: str) -> None:
    assert admin.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [role]).fetchone() == (False,)
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
        "DELETE FROM owners",
        "DELETE FROM withdrawals",
        "UPDATE accounts SET player_id = 1",
        "INSERT INTO api_keys (key_id, key_hash, source, roles) VALUES ('k', 'h', 's', '{game}')",
        "UPDATE installation SET environment = 'LIVE'",
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
        "SELECT * FROM owners",
        "SELECT nextval('accounts_account_id_seq')",
        "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
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
