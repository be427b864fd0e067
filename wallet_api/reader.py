"""Reads of one player: balances and pages of history, one statement each."""

from __future__ import annotations

from wallet_grpc.domain.identifiers import PlayerId

from .cursors import write_cursor
from .database import CellDatabases
from .history_query import HistoryQuery
from .networks import Networks
from .sql import BALANCES, HISTORY, statement
from .views import Balance, Balances, HistoryRow, Transactions

_BALANCES = statement(BALANCES, "balances")
_PAGE = statement(HISTORY, "page")


class ApiReader:
    """Answers what a player asks. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, databases: CellDatabases, networks: Networks, *, scan_rows_max: int) -> None:
        self._databases = databases
        self._networks = networks
        self._scan_rows_max = scan_rows_max

    async def balances(self, player_id: PlayerId) -> Balances:
        """Give the balances in every currency network; what a player never had is zero."""
        answer = await (await self._databases.of(player_id)).read(_BALANCES, (player_id,))
        held: dict[int, dict[str, str]] = {}
        for network_id, account_type, balance_minor in answer.rows:
            held.setdefault(network_id, {})[account_type] = balance_minor
        await self._networks.having(held.keys() | set())
        none: dict[str, str] = {}
        return Balances(
            balances=[
                Balance.of(network, held.get(network.currency_network_id, none))
                for network in await self._networks.all()
            ],
            as_of=answer.as_of,
        )

    async def transactions(self, player_id: PlayerId, query: HistoryQuery) -> Transactions:
        """Give a page. It may hold fewer than asked for, and there is more as long as it has a next cursor."""
        network_ids = await self._networks.matching(currency=query.currency, network=query.network)
        database = await self._databases.of(player_id)
        if query.created_to is not None:
            await database.settle(query.created_to)
        values = {
            "player_id": player_id,
            "before_version": query.before_version,
            "kind": query.kind,
            "currency_network_ids": network_ids,
            "created_from": query.created_from,
            "created_to": query.created_to,
            "scan_rows_max": self._scan_rows_max,
            "rows_max": query.limit + 1,
        }
        answer = await database.read(_PAGE, _PAGE.values(values))
        rows = list(map(HistoryRow._make, answer.rows))
        wanted = [row for row in rows if row.is_wanted]
        if len(wanted) > query.limit:
            del wanted[query.limit :]
            last_version: int | None = wanted[-1].owner_version
        else:
            # Only a walk that came to its end leaves the last place out: then there is no more.
            last_version = rows[-1].owner_version if rows and rows[-1].is_last_place else None
        networks = await self._networks.having({row.currency_network_id for row in wanted})
        return Transactions(
            transactions=[row.item(networks[row.currency_network_id]) for row in wanted],
            next_cursor=None if last_version is None else write_cursor(last_version),
            as_of=answer.as_of,
        )
