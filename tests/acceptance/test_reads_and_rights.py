"""docs/acceptance.md, Reads and rights, what the database refuses: case 50."""

import psycopg
import pytest
from psycopg import sql
from support.database import API_ROLE, SERVICE_ROLE, Installation
from support.requests import Player
from support.wallet import Wallet

from wallet_grpc.domain.cells import Cells, schema_of

LEDGER_TABLES = ("ledger_transactions", "ledger_entries")
_TABLES = """
    SELECT nspname, relname
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname ~ '^(public|cell_.*)$'
    ORDER BY nspname, relname
"""


def attempt(installation: Installation, role: str | None, statement: sql.Composable) -> None:
    """Run a statement as a role, and take it back if the database let it through."""
    with installation.connect() as connection:
        if role is not None:
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        try:
            connection.execute(statement)
        finally:
            connection.rollback()


@pytest.mark.parametrize("table", LEDGER_TABLES)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("role", [SERVICE_ROLE, API_ROLE, None], ids=["service", "api", "superuser"])
def test_case_50_ledger_rows_cannot_be_changed(
    wallet: Wallet, installation: Installation, player: Player, *, role: str | None, verb: str, table: str
) -> None:
    wallet.applied(player.bet("10"))
    name = sql.Identifier("cell_0", table)
    statement = {
        "UPDATE": sql.SQL("UPDATE {} SET tx_id = tx_id").format(name),
        "DELETE": sql.SQL("DELETE FROM {}").format(name),
        "TRUNCATE": sql.SQL("TRUNCATE {} CASCADE").format(name),
    }[verb]
    # Roles have no such right; the superuser, who has every right, is stopped by a trigger.
    expected = (psycopg.DatabaseError,) if role is None else (psycopg.errors.InsufficientPrivilege,)
    with pytest.raises(expected):
        attempt(installation, role, statement)


def test_case_50_the_apis_role_cannot_write_anywhere(installation: Installation) -> None:
    tables = installation.rows(_TABLES)
    assert {"accounts", "account_balances", "ledger_entries", "players"} <= {table for _, table in tables}
    for schema, table in tables:
        name = sql.Identifier(schema, table)
        for statement in (
            sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name),
            sql.SQL("DELETE FROM {}").format(name),
            sql.SQL("TRUNCATE {} CASCADE").format(name),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                attempt(installation, API_ROLE, statement)
        (column,) = installation.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = '' "
            "ORDER BY attnum LIMIT 1",
            f"{schema}.{table}",
        )[0]
        update = sql.SQL("UPDATE {} SET {} = NULL").format(name, sql.Identifier(column))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt(installation, API_ROLE, update)


@pytest.mark.parametrize("role", [SERVICE_ROLE, API_ROLE])
def test_case_50_roles_make_no_tables(installation: Installation, role: str) -> None:
    for schema in ("public", "cell_0"):
        statement = sql.SQL("CREATE TABLE {} (id INT)").format(sql.Identifier(schema, "mine"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt(installation, role, statement)


@pytest.mark.parametrize("role", [SERVICE_ROLE, API_ROLE])
@pytest.mark.parametrize("table", LEDGER_TABLES)
def test_case_50_roles_cannot_take_the_guards_away(installation: Installation, role: str, table: str) -> None:
    for statement in ("ALTER TABLE {} DISABLE TRIGGER ALL", "DROP TABLE {} CASCADE", "ALTER TABLE {} RENAME TO gone"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attempt(installation, role, sql.SQL(statement).format(sql.Identifier("cell_0", table)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        attempt(installation, role, sql.SQL("SET session_replication_role = replica"))


def test_case_50_postings_that_do_not_sum_to_zero(wallet: Wallet, installation: Installation, player: Player) -> None:
    applied = wallet.applied(player.bet("10"))
    one_sided = sql.SQL(
        """
        INSERT INTO ledger_entries (tx_id, entry_no, owner_id, account_id, currency_network_id, amount_minor)
        SELECT tx_id, 3, owner_id, account_id, currency_network_id, 1
          FROM ledger_entries WHERE tx_id = {} LIMIT 1
        """
    ).format(sql.Literal(applied.tx_id))
    for role in (SERVICE_ROLE, None):
        with pytest.raises(psycopg.DatabaseError):
            attempt(installation, role, one_sided)


def test_case_50_a_players_balance_below_zero(wallet: Wallet, installation: Installation, player: Player) -> None:
    wallet.applied(player.bet("10"))
    schema = schema_of(Cells(installation.cells).of(player.player_id))
    overdrawn = sql.SQL(
        """
        UPDATE {balances} SET balance_minor = -1
         WHERE account_id = (SELECT account_id FROM {accounts} WHERE player_id = {player} AND account_type = 'MAIN')
        """
    ).format(
        balances=sql.Identifier(schema, "account_balances"),
        accounts=sql.Identifier(schema, "accounts"),
        player=sql.Literal(player.player_id),
    )
    for role in (SERVICE_ROLE, None):
        with pytest.raises(psycopg.errors.CheckViolation):
            attempt(installation, role, overdrawn)
