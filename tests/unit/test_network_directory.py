"""What a process knows of currency networks: one query answers all, and none is unknown while nobody can tell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId
from wallet_grpc.domain.refusals import Reason
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool
from wallet_grpc.store.reads.networks import CurrencyNetwork, NetworkDirectory

TRON, ETHEREUM, ELSEWHERE = map(CurrencyNetworkId, (1, 2, 999))
_CALLERS = 10


class Database:
    """A pool of one database, which answers when it is let, with what it has by then."""

    def __init__(self) -> None:
        self.numbers = [TRON]
        self.asked = 0
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Database"]:
        self.asked += 1
        self._seen = list(self.numbers)
        await self.answers.wait()
        if self.is_away:
            raise DatabaseUnavailableError("away")
        yield self

    def cursor(self, **_: object) -> "Database":
        return self

    async def execute(self, _statement: str) -> "Database":
        return self

    async def fetchall(self) -> list[CurrencyNetwork]:
        return [
            CurrencyNetwork(currency_network_id=number, currency="USDT", network=str(number), decimals=6)
            for number in self._seen
        ]


def directory_of(database: Database, **settings: Any) -> NetworkDirectory:
    return NetworkDirectory(cast("Pool", database), **settings)


async def told(directory: NetworkDirectory, *networks: CurrencyNetworkId) -> list[object]:
    """Ask for networks at the same moment; what each is refused with, None where it is not."""
    outcomes = await asyncio.gather(*map(directory.require, networks), return_exceptions=True)
    return [outcome.refusal.reason if isinstance(outcome, MalformedError) else outcome for outcome in outcomes]


async def test_all_who_ask_at_once_are_told_by_one_query() -> None:
    database = Database()
    assert await told(directory_of(database), *[TRON] * _CALLERS, ELSEWHERE) == [
        *[None] * _CALLERS,
        Reason.UNKNOWN_CURRENCY_NETWORK,
    ]
    assert database.asked == 1


async def test_nothing_is_unknown_while_the_database_is_away() -> None:
    """Nor a moment later, when it is not asked again yet."""
    database = Database()
    directory = directory_of(database, asks_again_after_s=60)
    database.is_away = True
    for _ in range(3):
        failures = await told(directory, *[TRON] * _CALLERS)
        assert {type(failure) for failure in failures} == {DatabaseUnavailableError}
    assert database.asked == 1
    database.is_away = False
    directory = directory_of(database, asks_again_after_s=0)
    assert await told(directory, TRON) == [None]


async def test_who_gives_up_leaves_the_answer_to_the_others() -> None:
    database = Database()
    directory = directory_of(database)
    database.answers.clear()
    first, *others = [asyncio.create_task(directory.require(TRON)) for _ in range(_CALLERS)]
    await asyncio.sleep(0)
    first.cancel()
    database.answers.set()
    assert await asyncio.gather(*others) == [None] * len(others)
    assert database.asked == 1


async def test_bad_input_costs_no_query_each() -> None:
    database = Database()
    directory = directory_of(database, asks_again_after_s=60)
    for _ in range(3):
        assert await told(directory, ELSEWHERE) == [Reason.UNKNOWN_CURRENCY_NETWORK]
    assert database.asked == 1


@pytest.mark.parametrize("asks", ["to know one", "for all"])
async def test_what_was_added_while_others_were_being_told_is_found(asks: str) -> None:
    """Their query began before, so it cannot tell of it."""
    database = Database()
    directory = directory_of(database, asks_again_after_s=0)
    database.answers.clear()
    before = asyncio.create_task(directory.require(TRON))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert database.asked == 1
    database.numbers.append(ETHEREUM)
    after = asyncio.create_task(directory.require(ETHEREUM) if asks == "to know one" else directory.refresh())
    await asyncio.sleep(0)
    database.answers.set()
    await before
    found = await after
    assert found is None or [network.currency_network_id for network in found] == [TRON, ETHEREUM]
    assert database.asked == 2
