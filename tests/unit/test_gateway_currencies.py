"""Names of currencies: the wallet is asked by one call at a time, and who waits for it waits no longer than he said."""

import asyncio
import time
from typing import Any, cast

import pytest

from wallet_gateway.currencies import Currencies
from wallet_gateway.refusals import RefusedError, too_late
from wallet_gateway.upstream import Upstream

_WAITS_S = 1.0
_CALLERS = 8


class Silent:
    """A server that takes calls and answers none."""

    async def unary(self, _method: Any, _raw: bytes, _metadata: Any, timeout_s: float) -> bytes:
        await asyncio.sleep(timeout_s)
        raise too_late()


async def test_a_silent_wallet_holds_nobody_longer_than_he_waits() -> None:
    currencies = Currencies(cast("Upstream", Silent()))

    async def ask() -> None:
        with pytest.raises(RefusedError, match="did not answer"):
            await currencies.number_of("USDC", "", (), _WAITS_S)

    began = time.monotonic()
    await asyncio.gather(*(ask() for _ in range(_CALLERS)))
    assert time.monotonic() - began < _CALLERS * _WAITS_S / 2  # one after the other it is all of them
