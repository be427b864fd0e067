"""Migration files: how they are taken apart, and what may be run without a transaction."""

from pathlib import Path

import pytest

from wallet_grpc.store.operator.migration_files import Migration, MigrationError, built_index, migrations, split

APPLIED = {
    "0001_ledger": "d77a314f9706456bc7a50521e93c4275edc5c586005df707629827c447883a69",
    "0002_events": "4852be6a145c1b066bcae045f34caf397edf3ea54cc079d1d6d2f86b53effbf5",
    "0003_sessions": "092ee6dee2ce1a06c1c9b840b97f6bbfa37a404d73fddc43c7ed28dde370e62b",
    "0004_credit": "086647ee73c8b91dff8294d91868cd0d94d82ad23e189cae07a04215693b0cd9",
}
"""What databases have applied, of which they keep the hash: `wallet migrate` refuses a file of another one."""

_TRICKY = """
-- one; comment
CREATE TABLE a (b TEXT DEFAULT 'x;''y', "c;d" INT); /* and; another */
CREATE FUNCTION f() RETURNS VOID LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END; $$;
DO $body$ BEGIN EXECUTE $$SELECT 1;$$; END $body$
; SELECT 3 - 2 / 1;
-- the end;
"""


def test_a_file_is_split_at_the_ends_of_its_statements() -> None:
    assert [statement.split()[-1] for statement in split(_TRICKY)] == ["INT)", "$$", "$body$", "1"]


def test_the_released_files_are_whole_when_they_are_split() -> None:
    for migration in migrations():
        joined = "".join(statement + ";" for statement in migration.statements)
        assert len(joined.split()) > 0.9 * len(migration.sql.replace(";", " ; ").split())
        assert migration.in_transaction


def test_what_databases_have_applied_stays_as_it_was() -> None:
    """To the last comment: a path that it names may be another by now."""
    hashes = {migration.version: migration.sha256 for migration in migrations()}
    assert {version: hashes.get(version) for version in APPLIED} == APPLIED


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_no_migrations_are_an_error(tmp_path: Path, folder: str) -> None:
    (tmp_path / "README").touch()
    with pytest.raises(MigrationError, match="there are no migrations in"):
        migrations(tmp_path / folder)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("CREATE INDEX CONCURRENTLY a_idx ON a (b)", "a_idx"),
        ("-- why\ncreate unique index concurrently if not exists a_key\n  on a (b)", "a_key"),
        ('CREATE INDEX CONCURRENTLY "A" ON a (b)', '"A"'),
        ("CREATE INDEX a_idx ON a (b)", None),
        ("DROP INDEX CONCURRENTLY IF EXISTS a_idx", None),
    ],
)
def test_the_name_of_an_index_that_is_built(statement: str, name: str | None) -> None:
    assert built_index(statement) == name


@pytest.mark.parametrize(
    "statement", ["UPDATE a SET b = 1", "CREATE INDEX a_idx ON a (b)", "DROP INDEX CONCURRENTLY a_idx", "SELECT 1"]
)
def test_without_a_transaction_only_what_can_be_run_again(statement: str) -> None:
    allowed = "CREATE INDEX CONCURRENTLY a_idx ON a (b); ALTER TABLE a VALIDATE CONSTRAINT c;"
    head = "-- wallet: no transaction\n"
    assert len(Migration(version="0006_a", sql=head + allowed).statements) == 2
    with pytest.raises(MigrationError, match="0006_a is run without a transaction"):
        _ = Migration(version="0006_a", sql=head + allowed + statement).statements
