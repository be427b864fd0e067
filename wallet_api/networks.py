"""The currency networks, kept in memory: they are added, never changed."""

from __future__ import annotations

import time
from datetime import datetime

from .database import Database
from .sql import BALANCES, statement
from .views import Network

_LIST = statement(BALANCES, "currency_networks")
_FRESH_S = 1.0
"""How long a list is given without asking again: a network that was added is seen within that time."""


class Networks:
    """The currency networks of the installation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: dict[int, Network] = {}
        self._fresh_until = float("-inf")

    async def all(self) -> list[Network]:
        """Give all networks in the order of their ids.

        Raises:
            DatabaseUnavailableError: They must be asked for, and the database does not answer.
        """
        if time.monotonic() >= self._fresh_until:
            await self.read()
        return list(self._by_id.values())

    async def having(self, ids: set[int]) -> dict[int, Network]:
        """Give the networks by id, among them these, which the ledger has named.

        Raises:
            DatabaseUnavailableError: One of them is not known yet, and the database does not answer.
        """
        if not ids <= self._by_id.keys():
            await self.read()
        return self._by_id

    async def matching(self, *, currency: str | None, network: str | None) -> list[int] | None:
        """Give the ids that a filter means; None, if it means all.

        Raises:
            DatabaseUnavailableError: They must be asked for, and the database does not answer.
        """
        if currency is None and network is None:
            return None
        return [
            known.currency_network_id
            for known in await self.all()
            if currency in {None, known.currency} and network in {None, known.network}
        ]

    async def read(self) -> tuple[list[Network], datetime | None]:
        """Ask the database.

        Raises:
            DatabaseUnavailableError: It does not answer.
        """
        fresh_until = time.monotonic() + _FRESH_S
        answer = await self._database.read(_LIST)
        self._by_id = {
            row[0]: Network(currency_network_id=row[0], currency=row[1], network=row[2], decimals=row[3])
            for row in answer.rows
        }
        self._fresh_until = fresh_until
        return list(self._by_id.values()), answer.as_of
