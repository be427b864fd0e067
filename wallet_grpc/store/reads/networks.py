"""Currency networks: what the installation knows of currencies."""

from __future__ import annotations

import time
from dataclasses import dataclass

from psycopg.rows import class_row

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "networks.sql")
_REFRESH_INTERVAL_S = 1.0
"""How often an unknown id may ask the database: networks are added rarely, and bad input must not cost a query each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyNetwork:
    """A currency on a network."""

    currency_network_id: CurrencyNetworkId
    currency: str
    network: str
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _NetworkRow:
    currency_network_id: int
    currency: str
    network: str
    decimals: int


class NetworkDirectory:
    """The currency networks, kept in memory: they are added, never changed."""

    def __init__(self, pool: Pool, *, asks_again_after_s: float = _REFRESH_INTERVAL_S) -> None:
        """Make a directory; `asks_again_after_s` bounds the queries of callers who name what is not there."""
        self._pool = pool
        self._asks_again_after_s = asks_again_after_s
        self._networks: dict[CurrencyNetworkId, CurrencyNetwork] = {}
        self._refreshed_at = float("-inf")

    def has(self, currency_network_id: CurrencyNetworkId) -> bool:
        """Tell whether a network is known already; `find` looks for those that are not."""
        return currency_network_id in self._networks

    async def find(self, currency_network_id: CurrencyNetworkId) -> CurrencyNetwork | None:
        """Give a network, asking the database for one that is not known, but not again at once."""
        found = self._networks.get(currency_network_id)
        if found is None and time.monotonic() - self._refreshed_at >= self._asks_again_after_s:
            await self.refresh()
            found = self._networks.get(currency_network_id)
        return found

    async def require(self, currency_network_id: CurrencyNetworkId) -> None:
        """Refuse a currency network that this installation does not have (rule 9's "network").

        Raises:
            MalformedError: It is unknown.
            DatabaseUnavailableError: Nobody can tell now.
        """
        if currency_network_id not in self._networks and await self.find(currency_network_id) is None:
            raise MalformedError(
                invalid(
                    Reason.UNKNOWN_CURRENCY_NETWORK,
                    "currency_network_id",
                    f"{currency_network_id} is unknown here; see ListCurrencyNetworks",
                )
            )

    async def refresh(self) -> list[CurrencyNetwork]:
        """Load all networks, in the order of their ids."""
        self._refreshed_at = time.monotonic()
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(_NetworkRow))
            rows = await (await cursor.execute(_SQL["list_networks"])).fetchall()
        networks = [
            CurrencyNetwork(
                currency_network_id=CurrencyNetworkId(row.currency_network_id),
                currency=row.currency,
                network=row.network,
                decimals=row.decimals,
            )
            for row in rows
        ]
        self._networks = {network.currency_network_id: network for network in networks}
        return networks
