"""The keys that are good, all of them, in memory: they are few, and are read again every few seconds in one statement.

So a key that is not among them costs no query, however many are guessed. A key that was made a moment ago is found all
the same: the call waits for the next reading. Readings are a tenth of a second apart at least, more where they take
long, on a connection of their own; and only so many calls may wait, so many of one peer. Those past that bound are
unknown at once. A good key among them, behind the same address, is known after the next reading, which comes by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping

from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.keys import Caller, KeyReader

_TRUSTED_MAX_S = 4.5
"""How long a reading is trusted: a revoked key stops working within 5 seconds."""
_APART_S = 0.1
_APART_MAX_S = 1.0
_RESTS_PER_READING = 10
"""How long to rest after a reading, in times of what it took."""
_BESIDE_S = 1.0
"""How long a reading may say nothing before another one is begun beside it, on a connection of its own."""
_WAITING_MAX = 64
_PEER_WAITING_MAX = 8


class KeyRing:
    """Finds the caller of a key's hash."""

    def __init__(self, keys: KeyReader, *, refresh_ms: int) -> None:
        self._keys = keys
        self._refresh_s = refresh_ms / 1000
        self._callers: Mapping[bytes, Caller] = {}
        self._read_at = float("-inf")
        """When the last reading that succeeded was begun: what was committed before is in it."""
        self._next_at = float("-inf")
        self._reading: asyncio.Task[str | None] | None = None
        self._given_up: set[asyncio.Task[dict[bytes, Caller]]] = set()
        self._failed: str | None = None
        """Why the last reading failed, if it did."""
        self._waiting: Counter[str] = Counter()
        self._used: dict[str, float] = {}
        """When keys were used last, by key_id, of those used since they were told."""

    def known(self, key_hash: bytes) -> Caller | None:
        """Give the caller of a key if the last reading has it and is trusted still; None: `find` knows more."""
        now = time.monotonic()
        age_s = now - self._read_at
        if age_s > self._refresh_s:
            if age_s > _TRUSTED_MAX_S:
                return None
            self._read()  # beside the calls: a good caller never waits for it
        return self._noted(self._callers.get(key_hash), now)

    async def find(self, key_hash: bytes, *, peer: str) -> Caller | None:
        """Give the caller, None if no key that is not revoked has this hash. `peer` is the host that the call is from.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
        """
        now = time.monotonic()
        age_s = now - self._read_at
        if age_s > _TRUSTED_MAX_S:
            await self._read_since(now - _TRUSTED_MAX_S)
        elif age_s > self._refresh_s:
            self._read()  # beside the calls: a good caller never waits for it
        found = self._callers.get(key_hash)
        if found is not None or self._read_at >= now:
            return self._noted(found, now)
        if self._waiting.total() >= _WAITING_MAX or self._waiting[peer] >= _PEER_WAITING_MAX:
            self._read()
            if self._failed is not None:
                raise DatabaseUnavailableError(self._failed)
            return None
        self._waiting[peer] += 1
        try:
            await self._read_since(now)
        finally:
            self._waiting[peer] -= 1
            if not self._waiting[peer]:
                del self._waiting[peer]
        return self._noted(self._callers.get(key_hash), now)

    def take_uses(self) -> dict[str, float]:
        """Take what was used since the last time: each key_id with when (of `time.monotonic`) it was used last."""
        taken, self._used = self._used, {}
        return taken

    def put_back(self, uses: Mapping[str, float]) -> None:
        """Take back what could not be stored, to be given again."""
        self._used = {**uses, **self._used}

    def _noted(self, found: Caller | None, now: float) -> Caller | None:
        if found is not None:
            self._used[found.key_id] = now
        return found

    async def _read_since(self, moment: float) -> None:
        """Wait for a reading that was begun after a moment.

        Raises:
            DatabaseUnavailableError: It failed.
        """
        while self._read_at < moment:
            failed = await asyncio.shield(self._read())
            if failed is not None:
                raise DatabaseUnavailableError(failed)

    def _read(self) -> asyncio.Task[str | None]:
        """Give the reading that is under way or next: there is one at a time."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_when_it_is_time())
        return self._reading

    async def _read_when_it_is_time(self) -> str | None:
        """Read the keys; gives why that failed, if it did."""
        await asyncio.sleep(max(0.0, self._next_at - time.monotonic()))
        began = time.monotonic()
        self._next_at = began + _APART_S  # whatever is raised here
        try:
            self._callers = await self._read_from_whoever_answers()
        except DatabaseUnavailableError as error:
            self._failed = str(error)
        else:
            self._failed = None
            self._read_at = began
            took_s = time.monotonic() - began
            self._next_at = began + min(max(_APART_S, _RESTS_PER_READING * took_s), _APART_MAX_S)
        return self._failed

    async def _read_from_whoever_answers(self) -> Mapping[bytes, Caller]:
        """Read the keys, a second time beside the first where that is not answered: good keys are trusted meanwhile.

        A server of several may be frozen: it takes what it is asked and says nothing. Another connection leads to
        another one (store/connection/placement.py).

        Raises:
            DatabaseUnavailableError: None was answered.
        """
        readings = {asyncio.create_task(self._keys.callers())}
        try:
            answered, _ = await asyncio.wait(readings, timeout=_BESIDE_S)
            if not answered:
                readings.add(asyncio.create_task(self._keys.callers()))
            failure: BaseException | None = None
            while readings:
                answered, readings = await asyncio.wait(readings, return_when=asyncio.FIRST_COMPLETED)
                for reading in answered:
                    failure = reading.exception()
                    if failure is None:
                        return reading.result()
            assert failure is not None
            raise failure
        finally:
            for reading in readings:
                reading.cancel()
                self._given_up.add(reading)
                reading.add_done_callback(self._given_up.discard)
