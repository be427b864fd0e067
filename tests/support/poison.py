"""Rows that the database refuses, as a fault of ours or a rule that somebody added would: by a trigger, for one row."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from support.database import Installation

_REFUSE = """
    CREATE OR REPLACE FUNCTION refuse_poison() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'poison in %%', tg_table_name USING ERRCODE = 'check_violation';
    END
    $$
"""


@contextmanager
def poisoned(installation: Installation, table: str, on: str, condition: str) -> Iterator[None]:
    """Refuse changes of some kind to the rows of a table for which a condition over NEW or OLD holds, for a while."""
    with installation.connect(autocommit=True) as connection:
        connection.execute(_REFUSE.replace("%%", "%"))
        connection.execute(
            sql.SQL(
                "CREATE TRIGGER poison BEFORE {on} ON {table} FOR EACH ROW WHEN ({condition})"
                " EXECUTE FUNCTION refuse_poison()"
            ).format(on=sql.SQL(on), table=sql.Identifier(table), condition=sql.SQL(condition))  # type: ignore[arg-type]
        )
        try:
            yield
        finally:
            connection.execute(sql.SQL("DROP TRIGGER poison ON {}").format(sql.Identifier(table)))
