"""How often keys are read, whatever comes of it."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import cast

import pytest

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.rpc.auth import CALLER_UNKNOWN, Authenticator
from wallet_grpc.rpc.key_ring import KeyRing
from wallet_grpc.store.reads.keys import Caller, KeyReader, hash_of

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


async def test_uses_are_taken_once_and_those_that_could_not_be_stored_come_again() -> None:
    ring = KeyRing(cast("KeyReader", FewKeys("a", "b")), refresh_ms=2_000)
    assert await ring.find(hash_of("nobody"), peer="x") is None
    assert ring.take_uses() == {}
    began = time.monotonic()
    assert await ring.find(hash_of("a"), peer="x") is not None
    assert ring.known(hash_of("b")) is not None
    taken = ring.take_uses()
    assert sorted(taken) == ["a", "b"]
    assert all(began <= used_at <= time.monotonic() for used_at in taken.values())
    assert ring.known(hash_of("a")) is not None
    ring.put_back(taken)
    again = ring.take_uses()
    assert again["a"] > taken["a"]
    assert again["b"] == taken["b"]
    assert ring.take_uses() == {}


class FewKeys:
    """A reader of keys that are in memory."""

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)

    async def callers(self) -> dict[bytes, Caller]:
        await asyncio.sleep(0)
        return {hash_of(key): Caller(key_id=key, source=Source(key), roles=frozenset()) for key in self.keys}


async def test_a_key_is_known_from_when_it_was_read_until_a_reading_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr("wallet_grpc.rpc.key_ring.time", SimpleNamespace(monotonic=lambda: now[0]))
    reader = FewKeys("sk_test_a")
    gate = Authenticator(KeyRing(cast("KeyReader", reader), refresh_ms=2_000), "TEST")
    shown = "Bearer sk_test_a"
    assert gate.known(shown) is None, "nobody has asked for it yet"
    caller = await gate.caller(shown, "ipv4:127.0.0.1:1")
    assert isinstance(caller, Caller)
    assert gate.known(shown) == caller
    assert gate.known("Bearer sk_test_b") is None
    reader.keys.clear()
    now[0] += 3  # older than it may be, but trusted: it is read again meanwhile
    assert gate.known(shown) == caller
    for _ in range(10):
        await asyncio.sleep(0)
    assert gate.known(shown) is None


async def test_keys_are_not_known_from_a_reading_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr("wallet_grpc.rpc.key_ring.time", SimpleNamespace(monotonic=lambda: now[0]))
    gate = Authenticator(KeyRing(cast("KeyReader", FewKeys("sk_test_a")), refresh_ms=2_000), "TEST")
    await gate.caller("Bearer sk_test_a", "ipv4:127.0.0.1:1")
    now[0] += 5
    assert gate.known("Bearer sk_test_a") is None


class SilentLater(FewKeys):
    """Is read once, and never again answered."""

    async def callers(self) -> dict[bytes, Caller]:
        if not self.keys:
            await asyncio.Event().wait()
        return await super().callers()


@pytest.mark.parametrize("kind", [FewKeys, SilentLater])
@pytest.mark.parametrize("refresh_ms", [2_000, 4_000], ids=["as it is set", "the longest that may be set"])
async def test_a_key_stops_working_within_five_seconds_of_the_wallets_own_time(
    monkeypatch: pytest.MonkeyPatch, refresh_ms: int, kind: type[FewKeys]
) -> None:
    """However long a machine takes for it: tests with a server leave it more time. It is used all the while."""
    reader = kind("sk_test_a")
    now = [1_000.0]
    monkeypatch.setattr("wallet_grpc.rpc.key_ring.time", SimpleNamespace(monotonic=lambda: now[0]))
    gate = Authenticator(KeyRing(cast("KeyReader", reader), refresh_ms=refresh_ms), "TEST")
    shown = "Bearer sk_test_a"
    assert isinstance(await gate.caller(shown, "ipv4:127.0.0.1:1"), Caller)
    reader.keys.clear()  # revoked right after it was read
    revoked_at, worked_at = now[0], now[0]
    calls = set()
    while now[0] < revoked_at + 10:
        now[0] += 0.1
        call = asyncio.create_task(gate.caller(shown, "ipv4:127.0.0.1:1"))
        calls.add(call)
        for _ in range(20):
            await asyncio.sleep(0)
        if gate.known(shown) is not None or (call.done() and isinstance(call.result(), Caller)):
            worked_at = now[0]
    assert refresh_ms / 1_000 <= worked_at - revoked_at < 5
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def test_strangers_take_no_room_in_the_memory_of_good_keys() -> None:
    gate = Authenticator(KeyRing(cast("KeyReader", FewKeys()), refresh_ms=2_000), "TEST")
    shown = "Bearer sk_test_guessed"
    assert await gate.caller(shown, "ipv4:127.0.0.1:1") == CALLER_UNKNOWN
    assert shown not in gate._hashes
