"""How often keys are read, whatever comes of it."""

from __future__ import annotations

import asyncio
import time
from typing import cast

import pytest

from wallet_grpc.rpc.key_ring import KeyRing
from wallet_grpc.store.reads.keys import Caller, KeyReader

READINGS_PER_S = 10


class BrokenReader:
    """A reader that a fault of nobody's expectation keeps from reading."""

    def __init__(self) -> None:
        self.readings = 0

    async def callers(self) -> dict[bytes, Caller]:
        self.readings += 1
        await asyncio.sleep(0)
        raise ZeroDivisionError


async def test_a_fault_in_reading_does_not_make_each_call_a_query() -> None:
    reader = BrokenReader()
    ring = KeyRing(cast("KeyReader", reader), refresh_ms=2_000)
    began = time.monotonic()
    for call in range(4):
        with pytest.raises(ZeroDivisionError):
            await ring.find(b"%d" % call, peer="ipv4:127.0.0.1")
    assert reader.readings <= 1 + (time.monotonic() - began) * READINGS_PER_S + 0.1
