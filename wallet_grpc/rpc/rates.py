"""Rates of keys: how many calls and operations a second a key may send, for those that were made with such a bound.

A bucket of tokens for each such key: one for each call or operation, as many as a second brings at most. Whoever finds
a token may take more than there are, for a batch larger than the bucket; the key then waits until the debt is paid.
Each server process counts for itself.

Which currency networks there are is asked beside the rate, by callers' libraries and by the gateway for them: a key
that may send one call a second would have it spent before its first bet. Such questions have a bucket of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.reads.keys import Caller

_BUCKETS_MAX = 10_000
_WAIT_MIN_MS = 1
_QUESTIONS_PER_S_MIN = 10
"""How many questions a second each key may ask beside its rate; as many as its rate, where that is more."""


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
        return self._take(caller.key_id, caller.rate_per_s, "send {} calls and operations")

    def take_question(self, caller: Caller) -> Refusal | None:
        """Take a token for a question that is asked beside the rate, or refuse it and say when there will be one."""
        if caller.rate_per_s is None:
            return None
        return self._take(
            f"questions of {caller.key_id}", max(caller.rate_per_s, _QUESTIONS_PER_S_MIN), "ask for networks {} times"
        )

    def owe(self, caller: Caller, operations: int) -> float:
        """Take tokens, whether they are there or not; gives after how many seconds the debt is paid, 0 without one."""
        if caller.rate_per_s is None or not operations:
            return 0.0
        bucket = self._filled(caller.key_id, caller.rate_per_s)
        bucket.tokens -= operations
        return max(0.0, -bucket.tokens / caller.rate_per_s)

    def _take(self, name: str, rate_per_s: int, what: str) -> Refusal | None:
        bucket = self._filled(name, rate_per_s)
        if bucket.tokens < 1:
            self._on_refused()
            return _limited(rate_per_s, what.format(rate_per_s), wait_s=(1 - bucket.tokens) / rate_per_s)
        bucket.tokens -= 1
        return None

    def _filled(self, name: str, rate_per_s: int) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= _BUCKETS_MAX:
                self._forget_the_full(now)
            bucket = self._buckets[name] = _Bucket(tokens=rate_per_s, at=now)
        bucket.tokens = min(rate_per_s, bucket.tokens + (now - bucket.at) * rate_per_s)
        bucket.at = now
        return bucket

    def _forget_the_full(self, now: float) -> None:
        """Forget keys that have not called for a second without owing anything: their buckets are full."""
        self._buckets = {
            name: bucket for name, bucket in self._buckets.items() if bucket.tokens < 0 or now - bucket.at < 1
        }


def _limited(rate_per_s: int, what: str, *, wait_s: float) -> Refusal:
    return Refusal(
        reason=Reason.RATE_LIMITED,
        message=f"the key may {what} a second; nothing was changed, send it later",
        metadata={"limit": "rate", "rate_per_s": str(rate_per_s)},
        retry_after_ms=max(_WAIT_MIN_MS, round(wait_s * 1000)),
    )
