"""What `wallet migrate --plan` says of locks is what PostgreSQL does; of durations, what its tables' files show."""

import json

import psycopg
import pytest
from support.database import Installation
from support.migrations import names_of_migrations

from wallet_grpc.store.operator.migration_plan import Duration, Lock, plan_of

_TABLE = "plan_subject"
_LOCKS = """
SELECT mode FROM pg_locks
WHERE locktype = 'relation' AND pid = pg_backend_pid() AND relation = 'plan_subject'::REGCLASS
"""
_STRENGTH = ["AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"]
_STRENGTH += ["ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
_INSTANT, _TABLE_LONG, _ROWS_LONG = Duration.INSTANT, Duration.AS_ITS_TABLE, Duration.AS_ITS_ROWS

STATEMENTS = [
    ("ALTER TABLE plan_subject ADD COLUMN a INT", Lock.ACCESS_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject ADD COLUMN a INT NOT NULL DEFAULT 7", Lock.ACCESS_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject ADD COLUMN a UUID DEFAULT gen_random_uuid()", Lock.ACCESS_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject ADD COLUMN a BIGSERIAL", Lock.ACCESS_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject ADD COLUMN a INT, DROP COLUMN n", Lock.ACCESS_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject ALTER COLUMN n TYPE BIGINT", Lock.ACCESS_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject ALTER COLUMN n SET NOT NULL", Lock.ACCESS_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject ALTER COLUMN n SET DEFAULT 3", Lock.ACCESS_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject ALTER COLUMN n SET STATISTICS 9", Lock.SHARE_UPDATE_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject SET (fillfactor = 80)", Lock.SHARE_UPDATE_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject ADD CONSTRAINT c CHECK (n > 0) NOT VALID", Lock.ACCESS_EXCLUSIVE, _INSTANT),
    ("ALTER TABLE plan_subject ADD CONSTRAINT c CHECK (n > 0 AND n < 9)", Lock.ACCESS_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject ADD CONSTRAINT c UNIQUE (n)", Lock.ACCESS_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject VALIDATE CONSTRAINT known", Lock.SHARE_UPDATE_EXCLUSIVE, _TABLE_LONG),
    ("ALTER TABLE plan_subject DISABLE TRIGGER ALL", Lock.SHARE_ROW_EXCLUSIVE, _INSTANT),
    ("CREATE INDEX plan_n_idx ON plan_subject (n)", Lock.SHARE, _TABLE_LONG),
    ("UPDATE plan_subject SET n = 2", Lock.ROW_EXCLUSIVE, _ROWS_LONG),
    ("INSERT INTO plan_subject (n) VALUES (1)", Lock.ROW_EXCLUSIVE, _ROWS_LONG),
    ("GRANT SELECT ON plan_subject TO wallet_api", Lock.NONE, _INSTANT),
    ("CREATE TABLE plan_other (n INT)", Lock.NONE, _INSTANT),
]


@pytest.mark.parametrize(("statement", "lock", "duration"), STATEMENTS)
def test_the_plan_names_the_lock_that_postgresql_takes(
    module_installation: Installation, statement: str, lock: Lock, duration: Duration
) -> None:
    (planned,) = plan_of([statement])
    assert (planned.lock, planned.duration) == (lock, duration)
    with psycopg.connect(module_installation.admin_dsn) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE} (n INT CONSTRAINT known CHECK (n > 0))")
        connection.execute("ALTER TABLE plan_subject DROP CONSTRAINT known")
        connection.execute("ALTER TABLE plan_subject ADD CONSTRAINT known CHECK (n > 0) NOT VALID")
        connection.commit()
        connection.execute(statement.encode())
        held = [mode for (mode,) in connection.execute(_LOCKS).fetchall()]
        connection.rollback()
    strongest = max(held, key=_STRENGTH.index, default="AccessShareLock")
    taken = strongest.removesuffix("Lock")
    assert taken.upper() == (lock.replace(" ", "") if lock is not Lock.NONE else "ACCESSSHARE")


def test_an_index_is_renamed_beside_whoever_reads_and_writes(module_installation: Installation) -> None:
    rename = "ALTER INDEX plan_old_idx RENAME TO plan_new_idx"
    (planned,) = plan_of([rename])
    assert (planned.lock, planned.table, planned.duration) == (Lock.SHARE_UPDATE_EXCLUSIVE, "plan_old_idx", _INSTANT)
    with psycopg.connect(module_installation.admin_dsn) as connection:
        connection.execute("CREATE TABLE plan_renamed (n INT)")
        connection.execute("CREATE INDEX plan_old_idx ON plan_renamed (n)")
        connection.commit()
        connection.execute(rename.encode())
        held = connection.execute(
            "SELECT DISTINCT mode FROM pg_locks WHERE locktype = 'relation' AND pid = pg_backend_pid()"
            " AND relation IN ('plan_renamed'::REGCLASS, 'plan_new_idx'::REGCLASS)"
        ).fetchall()
        connection.rollback()
    assert held == [("ShareUpdateExclusiveLock",)]


def test_what_a_migration_makes_itself_holds_up_nobody() -> None:
    made = list(plan_of(["CREATE TABLE t (n INT)", "CREATE INDEX i ON t (n)", "ALTER TABLE t ADD CHECK (n > 0)"]))
    assert {planned.lock for planned in made} == {Lock.NONE}


def test_what_is_not_known_is_said() -> None:
    (planned,) = plan_of(["DO $$ BEGIN PERFORM 1; END $$"])
    assert "unknown: read it" in str(planned)


def test_the_command_tells_all_that_is_lacking_and_changes_nothing(empty: Installation) -> None:
    told = empty.run("migrate", "--plan", "--json")
    assert told.returncode == 0, told.stderr
    assert [migration["name"] for migration in json.loads(told.stdout)] == names_of_migrations()
    lines = empty.run("migrate", "--plan").stdout.splitlines()
    assert f"{names_of_migrations()[0]}, in one transaction: its locks are held until it ends" in lines
    assert empty.rows("SELECT to_regclass('schema_migrations')") == [(None,)]


def test_a_schema_that_is_up_to_date_has_an_empty_plan(module_installation: Installation) -> None:
    assert module_installation.command("migrate", "--plan").strip() == "nothing is to be applied"
    assert module_installation.command("migrate", "--plan", "--json").strip() == "[]"
