"""Rates of keys: how many calls and operations a second a key may send, for those that were made with such a bound.

A bucket of tokens for each such key: one for each call or operation, as many as a second brings at most. Whoever finds
a token may take more than there are, for a batch larger than the bucket; the key then waits until the debt is paid.
Each server process counts for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.reads.keys import Caller

_BUCKETS_MAX = 10_000
_WAIT_MIN_MS = 1


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """The buckets of a process. Keys without a rate cost nothing."""

    def __init__(
        self, *, on_refused: Callable[[], object] = lambda: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_refused = on_refused
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, caller: Caller) -> Refusal | None:
        """Take a token for a call, or refuse it and say when there will be one."""
        if caller.rate_per_s is None:
            return None
        bucket = self._filled(caller.key_id, caller.rate_per_s)
        if bucket.tokens < 1:
            self._on_refused()
            return _limited(caller.rate_per_s, wait_s=(1 - bucket.tokens) / caller.rate_per_s)
        bucket.tokens -= 1
        return None

    def owe(self, caller: Caller, operations: int) -> float:
        """Take tokens, whether they are there or not; gives after how many seconds the debt is paid, 0 without one."""
        if caller.rate_per_s is None or not operations:
            return 0.0
        bucket = self._filled(caller.key_id, caller.rate_per_s)
        bucket.tokens -= operations
        return max(0.0, -bucket.tokens / caller.rate_per_s)

    def _filled(self, key_id: str, rate_per_s: int) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            if len(self._buckets) >= _BUCKETS_MAX:
                self._forget_the_full(now)
            bucket = self._buckets[key_id] = _Bucket(tokens=rate_per_s, at=now)
        bucket.tokens = min(rate_per_s, bucket.tokens + (now - bucket.at) * rate_per_s)
        bucket.at = now
        return bucket

    def _forget_the_full(self, now: float) -> None:
        """Forget keys that have not called for a second without owing anything: their buckets are full."""
        self._buckets = {
            key_id: bucket for key_id, bucket in self._buckets.items() if bucket.tokens < 0 or now - bucket.at < 1
        }


def _limited(rate_per_s: int, *, wait_s: float) -> Refusal:
    return Refusal(
        reason=Reason.RATE_LIMITED,
        message=f"the key may send {rate_per_s} calls and operations a second; nothing was changed, send it later",
        metadata={"limit": "rate", "rate_per_s": str(rate_per_s)},
        retry_after_ms=max(_WAIT_MIN_MS, round(wait_s * 1000)),
    )
