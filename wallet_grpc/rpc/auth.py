"""Who calls, and what they may: bearer keys, roles, environments (docs/rules.md, Callers and environments)."""

from __future__ import annotations

from typing import Any

import grpc

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.keys import Caller, hash_of

from .key_ring import KeyRing

_SCHEME = "bearer "
_KEY_LENGTH_MAX = 128
"""More than twice the length of any key that was ever made."""
_ENVIRONMENT_OF_PREFIX = {"sk_test_": "TEST", "sk_live_": "LIVE"}

CALLER_UNKNOWN = Refusal(
    reason=Reason.CALLER_UNKNOWN,
    message="send `authorization: Bearer sk_...` with a key that `wallet keys list` shows as active",
)
_DATABASE_UNAVAILABLE = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE, message="the database does not answer, so the key cannot be checked"
)


class Authenticator:
    """Finds the caller of a call."""

    def __init__(self, keys: KeyRing, environment: str) -> None:
        self._keys = keys
        self._environment = environment

    async def caller(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller | Refusal:
        """Give the caller, or why there is none: CALLER_UNKNOWN, ENVIRONMENT_MISMATCH or DATABASE_UNAVAILABLE."""
        key = _bearer(context)
        if key is None or len(key) > _KEY_LENGTH_MAX:
            return CALLER_UNKNOWN
        environment = _ENVIRONMENT_OF_PREFIX.get(key[:8])
        if environment is None:
            return CALLER_UNKNOWN
        if environment != self._environment:
            return Refusal(
                reason=Reason.ENVIRONMENT_MISMATCH,
                message=f"this installation is {self._environment}, the key is of {environment}",
            )
        try:
            found = await self._keys.find(hash_of(key), peer=context.peer().rpartition(":")[0])
        except DatabaseUnavailableError:
            return _DATABASE_UNAVAILABLE
        return found or CALLER_UNKNOWN


def _bearer(context: grpc.aio.ServicerContext[Any, Any]) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            return text[len(_SCHEME) :].strip() if text[: len(_SCHEME)].lower() == _SCHEME else None
    return None
