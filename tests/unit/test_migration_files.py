"""Migration files: how they are taken apart, and what may be run without a transaction."""

from pathlib import Path

import pytest

from wallet_grpc.store.operator.migration_files import Migration, MigrationError, built_index, migrations, split

APPLIED = {
    "shared/0001_installation": "dbd0db4b8681990a8e53f96ba5740a24c50a340e595bf15fb91f49d80c95bb67",
    "shared/0002_operators": "5ec9fda3d64f65bb4f0425fd2329c68405040269dae520f57c10be6920f3ccdf",
    "shared/0003_days": "7798005ab4e8f8a3813c2909bff58779715b5441c89449c4cd41d9c63e4a7158",
    "shared/0004_backoffice": "4cffb6cef187c94f2122f24ba88731048e909af42618db2ba63d419f969f4218",
    "shared/0005_hold_cell_as_well": "2e07d7bde2f5b936853ea52bff13ebbf3d6e21ac6ab0f62c06b2c75e9963a7b1",
    "shared/0006_shown_logins": "9976db424d947e0930bcccb92dd8de4f9a26b7aaf1c049d6dea44175739b8793",
    "shared/0007_copies": "7d56be66c3a9418a4cfc2d3cfffaedd4978d4fae5f84916d1414c31370a61452",
    "cell/0001_ledger": "27a44b68763ef5f1ab8c3b667f84de477e61e875b2551ab357a7e66e8592c4e7",
    "cell/0002_events": "82894c94aa4e37a5619606bb0dac0a3346da4040700da4dca011e01ffca16199",
    "cell/0003_sessions": "9a0b024c4901a077396fc0b0e9c7e6f34880e3bd95e0f46912c1e68ea15cd440",
    "cell/0004_credit": "69debc7932b9636ef5e8cef168b510edf342a0e1185ee73170598b448ea5081b",
    "cell/0005_days": "f8d9bfaa32501602a4a48c015a6f20e06117e5ad0bc2dcc34814b2b1972443e9",
    "cell/0006_lookups": "8f72c2d9aaa5c39cc495ed5b696c8b197670be5724c867cea0ec0f5492aa6eba",
    "cell/0007_credit_in_journal": "89bc502c4a3a1f043a63c9babd0f529ed9d68b8de05a67654ff278cd3e88f20d",
}
"""What databases have applied, of which they keep the hash: `wallet migrate` refuses a file of another one."""

WITHOUT_TRANSACTION = {"0008_open_sessions_of_a_player", "0009_rounds_found_sooner"}
"""Those that build indexes of hot tables."""

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
        assert migration.in_transaction is (migration.version not in WITHOUT_TRANSACTION)


def test_what_databases_have_applied_stays_as_it_was() -> None:
    """To the last comment: a path that it names may be another by now."""
    hashes = {
        f"{'cell' if migration.of_cell else 'shared'}/{migration.version}": migration.sha256
        for migration in migrations()
    }
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
