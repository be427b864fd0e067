"""Who calls, and what they may: bearer keys, roles, environments (docs/rules.md, Callers and environments)."""

from __future__ import annotations

from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.keys import Caller, hash_of

from .key_ring import KeyRing

_SCHEME = "bearer "
_KEY_LENGTH_MAX = 128
"""More than twice the length of any key that was ever made."""
_REMEMBERED_MAX = 1_000
"""Good keys whose hashes are remembered: a key is spelled alike in all its calls."""
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
        self._hashes: dict[str | None, bytes] = {}
        """Of keys that were good, by the metadata that showed them."""

    def known(self, authorization: str | None) -> Caller | None:
        """Give the caller of a key that was good before and is now; None: `caller` tells more, or why there is none."""
        key_hash = self._hashes.get(authorization)
        return None if key_hash is None else self._keys.known(key_hash)

    async def caller(self, authorization: str | None, peer: str) -> Caller | Refusal:
        """Give the caller, or why there is none: CALLER_UNKNOWN, ENVIRONMENT_MISMATCH or DATABASE_UNAVAILABLE.

        Args:
            authorization: The call's metadata of this name.
            peer: The address that the call is from.
        """
        key = _bearer(authorization)
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
        key_hash = hash_of(key)
        try:
            found = await self._keys.find(key_hash, peer=peer.rpartition(":")[0])
        except DatabaseUnavailableError:
            return _DATABASE_UNAVAILABLE
        if found is None:
            return CALLER_UNKNOWN
        if len(self._hashes) >= _REMEMBERED_MAX:
            self._hashes.clear()
        self._hashes[authorization] = key_hash
        return found


def _bearer(authorization: str | None) -> str | None:
    if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return authorization[len(_SCHEME) :].strip()
