"""Reads of one player: balances and pages of history, one statement each."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.identifiers import PlayerId

from .cursors import write_cursor
from .database import Database
from .history_query import HistoryQuery
from .networks import Networks
from .sql import BALANCES, HISTORY, statement
from .views import Balance, Balances, HistoryItem, Transactions

_BALANCES = statement(BALANCES, "balances")
_PAGE = statement(HISTORY, "page")
_TX_ID, _NETWORK_ID, _IS_WANTED, _IS_LAST_PLACE = 0, 4, 8, 9


class ApiReader:
    """Answers what a player asks. Every method raises DatabaseUnavailableError where the database does not answer."""

    def __init__(self, database: Database, networks: Networks, *, scan_rows_max: int) -> None:
        self._database = database
        self._networks = networks
        self._scan_rows_max = scan_rows_max

    async def balances(self, player_id: PlayerId) -> Balances:
        """Give the balances in every currency network; what a player never had is zero."""
        answer = await self._database.read(_BALANCES, (player_id,))
        held: dict[int, dict[str, str]] = {}
        for network_id, account_type, balance_minor in answer.rows:
            held.setdefault(network_id, {})[account_type] = balance_minor
        await self._networks.having(held.keys() | set())
        none: dict[str, str] = {}
        return Balances(
            balances=[
                _balance(
                    network.currency, network.network, network.decimals, held.get(network.currency_network_id, none)
                )
                for network in await self._networks.all()
            ],
            as_of=answer.as_of,
        )

    async def transactions(self, player_id: PlayerId, query: HistoryQuery) -> Transactions:
        """Give a page. It may hold fewer than asked for, and there is more as long as it has a next cursor."""
        network_ids = await self._networks.matching(currency=query.currency, network=query.network)
        if query.created_to is not None:
            await self._database.settle(query.created_to)
        values = {
            "player_id": player_id,
            "before_tx_id": query.before_tx_id,
            "from_tx_id": query.from_tx_id,
            "kind": query.kind,
            "currency_network_ids": network_ids,
            "created_from": query.created_from,
            "created_to": query.created_to,
            "scan_rows_max": self._scan_rows_max,
            "rows_max": query.limit + 1,
        }
        rows, as_of = await self._database.read(_PAGE, _PAGE.values(values))
        wanted = [row for row in rows if row[_IS_WANTED]]
        if len(wanted) > query.limit:
            del wanted[query.limit :]
            last_tx_id = wanted[-1][_TX_ID]
        else:
            # Only a walk that came to its end leaves the last place out: then there is no more.
            last_tx_id = rows[-1][_TX_ID] if rows and rows[-1][_IS_LAST_PLACE] else None
        networks = await self._networks.having({row[_NETWORK_ID] for row in wanted})
        items = []
        for tx_id, kind, reference, after, network_id, game_code, round_id, created_at, _, _, amount in wanted:
            network = networks[network_id]
            items.append(
                HistoryItem(
                    tx_id,
                    kind,
                    reference,
                    amount,
                    after,
                    network.currency,
                    network.network,
                    game_code,
                    round_id,
                    created_at,
                )
            )
        return Transactions(
            transactions=items,
            next_cursor=None if last_tx_id is None else write_cursor(last_tx_id),
            as_of=as_of,
        )


def _balance(currency: str, network: str, decimals: int, held: dict[str, str]) -> Balance:
    return Balance(
        currency=currency,
        network=network,
        decimals=decimals,
        available_minor=held.get(AccountType.MAIN, "0"),
        withdraw_hold_minor=held.get(AccountType.WITHDRAW_HOLD, "0"),
        session_hold_minor=held.get(AccountType.SESSION_HOLD, "0"),
        bonus_minor=held.get(AccountType.BONUS, "0"),
        total_minor=str(sum(map(int, held.values()))),
    )
