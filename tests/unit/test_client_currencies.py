"""The Python client's currencies: asked for once a minute, so that one that has become ambiguous is noticed."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from wallet.v1 import session_pb2, wallet_pb2
from wallet_client import WalletError
from wallet_client import ledger as module
from wallet_client.ledger import StudioLedger


class Wallet:
    """A client of a wallet that has these networks of USDT."""

    def __init__(self) -> None:
        self.networks = ["TRON"]
        self.asked = 0
        self.is_away = False

    def deadline(self) -> float:
        return 0.0

    async def currency_networks(self, **_: object) -> list[wallet_pb2.CurrencyNetwork]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.is_away:
            raise WalletError(reason="UNAVAILABLE", message="away", metadata={}, retryable=True)
        return [
            wallet_pb2.CurrencyNetwork(currency_network_id=number, currency="USDT", network=network)
            for number, network in enumerate(self.networks, start=1)
        ]

    async def play(self, _request: Any, **_: object) -> session_pb2.Session:
        return session_pb2.Session(locked_balance_minor="1", balance_minor="1", session_token="t")


async def test_a_currency_that_has_become_ambiguous_is_refused_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=1_000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    wallet: Any = Wallet()
    ledger = StudioLedger(wallet)

    async def opens(network: str = "") -> str:
        asked = {"user_id": 1, "game_code": "g", "currency": "USDT", "lock_amount": 1, "network": network}
        try:
            return (await ledger.open_session(**asked)).session_token
        except WalletError as error:
            return error.reason

    assert await opens() == "t"
    wallet.networks.append("ETHEREUM")
    clock.now += 59
    assert await opens() == "t"
    assert wallet.asked == 1
    clock.now += 1
    wallet.is_away = True
    assert await opens() == "UNAVAILABLE"
    wallet.is_away = False
    assert await opens() == "MISSING_FIELD"
    assert await opens("ETHEREUM") == "t"
    assert wallet.asked == 3
    clock.now += 60
    await asyncio.gather(*(opens("TRON") for _ in range(10)))
    assert wallet.asked == 4
