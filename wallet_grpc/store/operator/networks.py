"""Currency networks as an operator adds and lists them; each comes with its house accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "networks.sql")


class NetworkConflictError(Exception):
    """The id, or the currency on the network, is taken by another currency network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNetwork:
    """A currency network as it is listed."""

    currency_network_id: int
    currency: str
    network: str
    decimals: int


def list_networks(connection: psycopg.Connection[Any]) -> list[ListedNetwork]:
    """Give all currency networks, by id."""
    with connection.cursor(row_factory=class_row(ListedNetwork)) as cursor:
        return cursor.execute(_SQL["list_networks"]).fetchall()


def add_network(
    connection: psycopg.Connection[Any], *, currency: str, network: str, decimals: int, network_id: int | None
) -> int:
    """Add a currency network with its house accounts, unless the same is there; gives its id.

    Raises:
        NetworkConflictError: Something else is there under that id or name.
    """
    row = connection.execute(
        _SQL["add_network"],
        {"currency_network_id": network_id, "currency": currency, "network": network, "decimals": decimals},
    ).fetchone()
    if row is not None:
        return int(row[0])
    known = list_networks(connection)
    same = next((found for found in known if (found.currency, found.network) == (currency, network)), None)
    if same is None:
        raise NetworkConflictError(f"id {network_id} is taken by another currency network; choose another id")
    if same.decimals != decimals or network_id not in {None, same.currency_network_id}:
        raise NetworkConflictError(
            f"{currency} on {network} is there already, as {same.currency_network_id} with {same.decimals} decimals"
        )
    return same.currency_network_id
