"""Currency networks: what the installation knows of currencies."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from psycopg.rows import class_row

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.statements import statements

_SQL = statements(__package__, "networks.sql")
_ASKS_AGAIN_AFTER_S = 0.1
"""How old what is known may be to call a network unknown: bad input must not cost a query each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyNetwork:
    """A currency on a network."""

    currency_network_id: CurrencyNetworkId
    currency: str
    network: str
    decimals: int


class NetworkDirectory:
    """The currency networks, kept in memory: they are added, never changed.

    They are read by one query at a time, for all who wait for it; only one that succeeded tells of what is not there.
    """

    def __init__(self, pool: Pool, *, asks_again_after_s: float = _ASKS_AGAIN_AFTER_S) -> None:
        """Make a directory; `asks_again_after_s` bounds the queries of callers who name what is not there."""
        self._pool = pool
        self._asks_again_after_s = asks_again_after_s
        self._networks: dict[CurrencyNetworkId, CurrencyNetwork] = {}
        self._read_at = float("-inf")
        """When the last reading that succeeded was begun: what was committed before is in it."""
        self._failed_at = float("-inf")
        self._failure: DatabaseUnavailableError | None = None
        """Why the last reading failed, if it did."""
        self._reading: asyncio.Task[DatabaseUnavailableError | None] | None = None

    def has(self, currency_network_id: CurrencyNetworkId) -> bool:
        """Tell whether a network is known already; `require` looks for those that are not."""
        return currency_network_id in self._networks

    async def require(self, currency_network_id: CurrencyNetworkId) -> None:
        """Refuse a currency network that this installation does not have (rule 9's "network").

        Raises:
            MalformedError: It is unknown.
            DatabaseUnavailableError: Nobody can tell now.
        """
        if currency_network_id in self._networks:
            return
        now = time.monotonic()
        if self._failure is not None and now - self._failed_at < self._asks_again_after_s:
            raise self._failure.with_traceback(None)
        await self._read_since(now - self._asks_again_after_s)
        if currency_network_id not in self._networks:
            raise MalformedError(
                invalid(
                    Reason.UNKNOWN_CURRENCY_NETWORK,
                    "currency_network_id",
                    f"{currency_network_id} is unknown here; see ListCurrencyNetworks",
                )
            )

    async def refresh(self) -> list[CurrencyNetwork]:
        """Load all networks, in the order of their ids.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
        """
        await self._read_since(time.monotonic())
        return list(self._networks.values())

    async def _read_since(self, moment: float) -> None:
        """Wait for a reading that was begun at a moment or later.

        Raises:
            DatabaseUnavailableError: It failed.
        """
        while self._read_at < moment:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            failure = await asyncio.shield(self._reading)  # who gives up leaves it to the others
            if failure is not None:
                raise failure.with_traceback(None)

    async def _read(self) -> DatabaseUnavailableError | None:
        """Read all networks; gives why that failed, if it did."""
        began = time.monotonic()
        try:
            async with self._pool.connection() as connection:
                cursor = connection.cursor(row_factory=class_row(CurrencyNetwork))
                networks = await (await cursor.execute(_SQL["list_networks"])).fetchall()
        except DatabaseUnavailableError as error:
            self._failure, self._failed_at = error, time.monotonic()
        else:
            self._failure, self._read_at = None, began
            self._networks = {network.currency_network_id: network for network in networks}
        return self._failure
