"""What a SQLSTATE means: somebody was first, the database cannot now, or what it was asked is wrong."""

import psycopg
import pytest
from psycopg import errors

from wallet_grpc.store.connection.sqlstates import RACES_LOST, is_outage, is_wrong_server

_OUTAGES = """
    08000 08001 08003 08004 08006 08P01 25006 25P03 28000 28P01 3D000 40001 40P01 53000 53100 53200 53300 53400 55000
    55006 55P03 57000 57014 57P01 57P02 57P03 57P04 57P05 58000 58030
"""
_FAULTS = """
    0A000 21000 22003 22P02 23503 23505 23514 25P02 26000 42501 42601 42P01 54000 54001 P0001 WL001 XX000 XX001
"""


def of(sqlstate: str) -> psycopg.Error:
    """An error as the driver makes it."""
    try:
        kind = errors.lookup(sqlstate)
    except KeyError:
        kind = type("Unknown", (psycopg.DatabaseError,), {"sqlstate": sqlstate})
    return kind("the server said so")


@pytest.mark.parametrize("sqlstate", _OUTAGES.split())
def test_the_database_cannot_now(sqlstate: str) -> None:
    assert is_outage(of(sqlstate))


@pytest.mark.parametrize("sqlstate", _FAULTS.split())
def test_a_fault_of_ours_is_no_outage(sqlstate: str) -> None:
    assert not is_outage(of(sqlstate))


def test_a_lost_connection_is_an_outage() -> None:
    assert is_outage(psycopg.OperationalError("the connection is lost"))
    assert is_outage(psycopg.InterfaceError("the connection is closed"))
    assert not is_outage(psycopg.ProgrammingError("the driver was used wrongly"))
    assert not is_outage(ValueError("no error of a database"))


def test_only_a_read_only_server_is_the_wrong_one() -> None:
    assert [sqlstate for sqlstate in (_OUTAGES + _FAULTS).split() if is_wrong_server(of(sqlstate))] == ["25006"]


def test_lost_races_are_told_apart_from_both() -> None:
    assert {"40001", "40P01", "55P03", "23505", "WL001"} == RACES_LOST
