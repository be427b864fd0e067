"""The API's own statements, read by the loader that the service has."""

from __future__ import annotations

from wallet_grpc.store.connection.statements import Positional, positional, statements

HISTORY = "history.sql"
BALANCES = "balances.sql"
PROBES = "probes.sql"


def statement(file_name: str, name: str) -> Positional:
    """Give a named statement of this package, with its placeholders numbered."""
    return positional(statements(__name__, file_name)[name])
