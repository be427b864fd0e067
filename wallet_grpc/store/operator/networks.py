"""Currency networks as an operator adds and lists them; each comes with its house accounts, in every cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from wallet_grpc.domain.accounts import HOUSE_TYPES, house_account_id
from wallet_grpc.domain.identifiers import CurrencyNetworkId
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.trail.acts import note

from .cells import all_cells, look_into, looking_around

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
    connection: psycopg.Connection[Any],
    *,
    currency: str,
    network: str,
    decimals: int,
    network_id: int | None,
    reason: str = "",
) -> int:
    """Add a currency network with its house accounts, unless the same is there; gives its id.

    Raises:
        NetworkConflictError: Something else is there under that id or name.
    """
    named: dict[str, Any] = {"currency": currency, "network": network, "decimals": decimals}
    asked = {"currency_network_id": network_id, **named}
    with connection.transaction():
        if network_id is None:
            (asked["currency_network_id"],) = connection.execute(_SQL["next_network_id"]).fetchone() or (1,)
        row = connection.execute(_SQL["add_network"], asked).fetchone()
        if row is not None:
            open_house(connection, int(row[0]))
            subject = f"currency network {row[0]}"
            note(connection, Act(kind=ActKind.CURRENCY_NETWORK, subject=subject, reason=reason, after=named))
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


def open_house(connection: psycopg.Connection[Any], network_id: int) -> None:
    """Give each cell the house accounts of a currency network, in the transaction that adds it."""
    house = {
        "currency_network_id": network_id,
        "account_ids": [house_account_id(CurrencyNetworkId(network_id), account_type) for account_type in HOUSE_TYPES],
        "account_types": [account_type.value for account_type in HOUSE_TYPES],
    }
    with looking_around(connection):
        for cell in all_cells(connection):
            look_into(connection, cell)
            connection.execute(_SQL["add_house"], house)
