"""What an error of the database means, by its SQLSTATE: one place for lanes, pools, the relay and commands."""

from __future__ import annotations

import psycopg

LOCK_NOT_AVAILABLE = "55P03"
LOST_RACE = "WL001"
"""Our own: the wrong number of rows was written."""
RACES_LOST = frozenset({"40001", "40P01", LOCK_NOT_AVAILABLE, "23505", LOST_RACE})
"""Somebody was first: serialization failure, deadlock, lock timeout, unique violation, and our own count. All mean the
same: nothing was stored, load again."""

FROZEN = "WL002"
"""Our own: the installation is frozen (store/operator/freeze.py)."""

_INTERNAL_ERROR = "XX000"
_QUERY_CANCELLED = "57014"
_READ_ONLY = "25006"
"""A primary that was made read-only, as managed services do when a disk fills, or a server that is no primary any more,
to which a proxy or a name still leads."""
_OUTAGES = frozenset(
    {
        FROZEN,  # it may be lifted, or the callers be led elsewhere
        _READ_ONLY,
        "25P03",  # the session was ended: its transaction was idle for too long
        "25P04",  # the same: its transaction took too long
    }
)
_OUTAGE_CLASSES = frozenset(
    {
        "08",  # connection exception
        "28",  # a password that is being changed, an address that is let in no more
        "3D",  # the database is not there: it is being restored
        "40",  # a transaction that the server rolled back, for reasons of its own
        "53",  # out of disk, memory or connections
        "55",  # not in a state for it: a lock, a database that does not take connections
        "57",  # cancelled, or the server shuts down, crashed or starts
        "58",  # its disk fails
    }
)


def is_outage(error: Exception) -> bool:
    """Tell whether the database could not do it now, and may later: nothing is wrong with what it was asked."""
    sqlstate = getattr(error, "sqlstate", None)
    if sqlstate is None:  # the driver's own: the connection is gone, or could not be made
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return sqlstate in _OUTAGES or sqlstate[:2] in _OUTAGE_CLASSES


def is_of_other_node(error: Exception) -> bool:
    """Tell whether a node may be away that Citus needed for a statement which it executes on all of them.

    What it says then has no state of its own ("failure on connection marked as essential"); so ask this of such a
    statement only.
    """
    return getattr(error, "sqlstate", None) == _INTERNAL_ERROR


def is_wrong_server(error: Exception) -> bool:
    """Tell whether another connection may lead to a server that can: this one is read-only."""
    return getattr(error, "sqlstate", None) == _READ_ONLY


def is_of_what_was_asked(error: Exception) -> bool:
    """Tell whether the fault may lie in the rows that were asked for, so that others can be served without them.

    A statement that took too long counts: it may be one row for which it always does.
    """
    return isinstance(error, psycopg.Error) and (not is_outage(error) or error.sqlstate == _QUERY_CANCELLED)
