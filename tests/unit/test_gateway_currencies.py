"""Names of currencies: the wallet is asked once for all who wait, and what it tells is no older than a minute."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from google.rpc import error_details_pb2

from wallet.v1 import wallet_pb2
from wallet_gateway import callers as callers_module
from wallet_gateway.callers import Callers
from wallet_gateway.currencies import Currencies
from wallet_gateway.refusals import RefusedError, detail_of, fault, too_late
from wallet_gateway.upstream import Upstream

_WAITS_S = 1.0
_CALLERS = 8
_KEY = (("authorization", "Bearer sk_test_good"),)


class Wallet(Upstream):
    """A server that has these networks of USDT."""

    def __init__(self, *networks: str) -> None:  # no channels: nothing is sent
        self.networks = list(networks)
        self.asked = 0

    async def unary(self, *_: object) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        return wallet_pb2.ListCurrencyNetworksResponse(
            currency_networks=[
                wallet_pb2.CurrencyNetwork(currency_network_id=number, currency="USDT", network=network)
                for number, network in enumerate(self.networks, start=1)
            ]
        ).SerializeToString()


class Silent(Wallet):
    """A server that takes calls and answers none."""

    async def unary(self, *asked: Any) -> bytes:
        await asyncio.sleep(asked[-1])
        raise too_late()


class Faulty(Wallet):
    """A server with a fault."""

    async def unary(self, *_: object) -> bytes:
        raise fault("r1")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The clock by which keys are looked at."""
    made = SimpleNamespace(now=time.monotonic())
    monkeypatch.setattr(callers_module, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


async def reason_of(asking: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        await asking
    info = error_details_pb2.ErrorInfo()
    assert detail_of(refused.value.status, info)
    assert "may have been applied" not in refused.value.status.message
    return info.reason


@pytest.mark.parametrize("wallet", [Silent(), Faulty()], ids=["silent", "faulty"])
async def test_of_a_question_without_an_answer_no_outcome_is_in_doubt(wallet: Wallet) -> None:
    currencies = Currencies(wallet)
    assert await reason_of(currencies.number_of("USDC", "", _KEY, 0.01)) == "DATABASE_UNAVAILABLE"
    asked = Callers(wallet, currencies, strangers_max=1).let_in(_KEY, 0.01)
    assert await reason_of(asked) == "DATABASE_UNAVAILABLE"


async def test_a_silent_wallet_holds_nobody_longer_than_he_waits() -> None:
    currencies = Currencies(Silent())
    began = time.monotonic()
    reasons = await asyncio.gather(
        *(reason_of(currencies.number_of("USDC", "", _KEY, _WAITS_S)) for _ in range(_CALLERS))
    )
    assert reasons == ["DATABASE_UNAVAILABLE"] * _CALLERS
    assert time.monotonic() - began < _CALLERS * _WAITS_S / 2  # one after the other it is all of them


async def test_a_currency_that_has_become_ambiguous_is_refused_within_a_minute(clock: SimpleNamespace) -> None:
    wallet = Wallet("TRON")
    currencies = Currencies(wallet)
    callers = Callers(wallet, currencies, strangers_max=10)

    async def opens() -> int:
        await callers.let_in(_KEY, _WAITS_S)
        return await currencies.number_of("USDT", "", _KEY, _WAITS_S)

    assert await opens() == 1
    wallet.networks.append("ETHEREUM")
    clock.now += 59
    assert await opens() == 1
    assert wallet.asked == 1
    clock.now += 1
    assert await reason_of(opens()) == "MISSING_FIELD"
    assert await currencies.number_of("USDT", "ETHEREUM", _KEY, _WAITS_S) == 2


async def test_one_question_serves_all_calls_of_a_key_that_come_at_once() -> None:
    wallet = Wallet("TRON")
    currencies = Currencies(wallet)
    callers = Callers(wallet, currencies, strangers_max=100)
    first, *others = [asyncio.create_task(callers.let_in(_KEY, _WAITS_S)) for _ in range(50)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(*others)
    assert await currencies.number_of("USDT", "", _KEY, _WAITS_S) == 1
    assert wallet.asked == 1
