"""Who calls, and what they may: bearer keys, roles, environments (contract.md, Callers and environments)."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import grpc

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.keys import Caller, KeyReader, hash_of
from wallet_grpc.store.pool import DatabaseUnavailableError

_SCHEME = "bearer "
_REMEMBERED_MAX = 10_000
_TRUSTED_MAX_S = 4.5
"""How long what the database said of a key is trusted: a revoked key stops working within 5 seconds."""
_ENVIRONMENT_OF_PREFIX = {"sk_test_": "TEST", "sk_live_": "LIVE"}

CALLER_UNKNOWN = Refusal(
    reason=Reason.CALLER_UNKNOWN,
    message="send `authorization: Bearer sk_...` with a key that `wallet keys list` shows as active",
)
_DATABASE_UNAVAILABLE = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE, message="the database does not answer, so the key cannot be checked"
)


@dataclass(slots=True)
class _Remembered:
    caller: Caller | None
    checked_at: float


class Authenticator:
    """Finds the caller of a call. Keys are remembered for a moment, so that a call does not cost a query."""

    def __init__(self, keys: KeyReader, environment: str, refresh_ms: int) -> None:
        self._keys = keys
        self._environment = environment
        self._refresh_s = refresh_ms / 1000
        self._remembered: dict[bytes, _Remembered] = {}
        self._asking: dict[bytes, asyncio.Task[Caller | DatabaseUnavailableError | None]] = {}

    async def caller(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller | Refusal:
        """Give the caller, or why there is none: CALLER_UNKNOWN, ENVIRONMENT_MISMATCH or DATABASE_UNAVAILABLE."""
        key = _bearer(context)
        if key is None:
            return CALLER_UNKNOWN
        environment = _ENVIRONMENT_OF_PREFIX.get(key[:8])
        if environment is None:
            return CALLER_UNKNOWN
        if environment != self._environment:
            return Refusal(
                reason=Reason.ENVIRONMENT_MISMATCH,
                message=f"this installation is {self._environment}, the key is of {environment}",
            )
        key_hash = hash_of(key)
        remembered = self._remembered.get(key_hash)
        age_s = float("inf") if remembered is None else time.monotonic() - remembered.checked_at
        if remembered is None or age_s > _TRUSTED_MAX_S:
            found = await asyncio.shield(self._ask(key_hash))
            if isinstance(found, DatabaseUnavailableError):
                return _DATABASE_UNAVAILABLE
            return found or CALLER_UNKNOWN
        if age_s > self._refresh_s:
            self._ask(key_hash)  # beside the calls: a busy caller never waits for it
        return remembered.caller or CALLER_UNKNOWN

    def _ask(self, key_hash: bytes) -> asyncio.Task[Caller | DatabaseUnavailableError | None]:
        """Ask the database, once for all the calls that wait for the same key."""
        task = self._asking.get(key_hash)
        if task is None:
            task = self._asking[key_hash] = asyncio.create_task(self._look_up(key_hash))
            task.add_done_callback(lambda _: self._asking.pop(key_hash, None))
        return task

    async def _look_up(self, key_hash: bytes) -> Caller | DatabaseUnavailableError | None:
        asked_at = time.monotonic()
        try:
            caller = await self._keys.caller_of(key_hash)
        except DatabaseUnavailableError as error:
            return error
        if len(self._remembered) >= _REMEMBERED_MAX:  # only guesses can be so many
            self._remembered.clear()
        self._remembered[key_hash] = _Remembered(caller, asked_at)
        return caller


def _bearer(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            return text[len(_SCHEME) :].strip() if text[: len(_SCHEME)].lower() == _SCHEME else None
    return None
