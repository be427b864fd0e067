"""The keys that cookies may be signed with, and their rotation: a file that is read again when it changes.

Each key has one algorithm, HS256 or EdDSA, which is the key's and never the token's to choose: a public key cannot be
taken for a secret. The file is a JWK Set (RFC 7517). To rotate, add the new key, let the issuer change over, and remove
the old one when its last cookie has expired. A file that cannot be used changes nothing: it is logged, and the keys
before it stay.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jwt
import structlog

from wallet_grpc.followed_files import FollowedFiles

from .settings import SECRET_BYTES_MIN

KEYS_MAX = 16
"""How many keys may stand at once: a token without a key id is tried against each of its algorithm."""

FILE_BYTES_MAX = 65_536

Algorithm = Literal["HS256", "EdDSA"]

_log = structlog.get_logger(__name__)


class UnusableKeysError(Exception):
    """The keys cannot be used; the message says why and holds nothing secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieKey:
    """One key and the only algorithm that it is good for."""

    key: Any
    algorithm: Algorithm
    key_id: str | None = None


def secret_key(secret: str) -> CookieKey:
    """Make a key of a shared secret."""
    return CookieKey(key=secret.encode(), algorithm="HS256")


def read_keys(path: Path) -> tuple[CookieKey, ...]:
    """Read a JWK Set.

    Raises:
        UnusableKeysError: It is not there, or one of its keys cannot be used.
    """
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
        entries = json.loads(text)["keys"]
    except OSError as error:
        raise UnusableKeysError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UnusableKeysError(f"{path} is no JWK Set") from None
    if len(text) > FILE_BYTES_MAX or not isinstance(entries, list) or not 0 < len(entries) <= KEYS_MAX:
        raise UnusableKeysError(f"{path} must hold 1 to {KEYS_MAX} keys, in {FILE_BYTES_MAX} bytes at most")
    return tuple(_key_of(path, number, entry) for number, entry in enumerate(entries))


def _key_of(path: Path, number: int, entry: Any) -> CookieKey:
    named = f"{path}, key {number}"
    try:
        made = jwt.PyJWK(entry)
    except (jwt.PyJWTError, AttributeError, KeyError, TypeError, ValueError):
        raise UnusableKeysError(f"{named} is no JSON Web Key") from None
    key_id = entry.get("kid")
    match made.algorithm_name:
        case "HS256":
            if len(made.key) < SECRET_BYTES_MIN:
                raise UnusableKeysError(f"{named} is shorter than {SECRET_BYTES_MIN} bytes")
            return CookieKey(key=made.key, algorithm="HS256", key_id=key_id)
        case "EdDSA" if "d" not in entry and entry.get("crv") == "Ed25519":
            return CookieKey(key=made.key, algorithm="EdDSA", key_id=key_id)
        case "EdDSA":
            raise UnusableKeysError(f"{named} must be a public key of Ed25519")
        case _:
            raise UnusableKeysError(f"{named} is for neither HS256 nor EdDSA")


class CookieKeys:
    """The keys that stand now."""

    def __init__(self, *, secret: str | None, path: Path | None, refresh_ms: int) -> None:
        """Read the keys for the first time.

        Raises:
            UnusableKeysError: The file cannot be used.
        """
        self._fixed = () if secret is None else (secret_key(secret),)
        self._file = None if path is None else FollowedFiles([path], lambda: read_keys(path))
        self._refresh_s = refresh_ms / 1000
        self.standing: tuple[CookieKey, ...] = self._fixed + (() if self._file is None else self._file.content)
        self.generation = 0
        """Grows when keys change: what was verified before must be verified again."""

    def fitting(self, algorithm: str, key_id: str | None) -> list[CookieKey]:
        """Give the keys that a token of this algorithm may be signed with, by its key id if it names one."""
        return [
            key
            for key in self.standing
            if key.algorithm == algorithm and (key_id is None or key.key_id is None or key.key_id == key_id)
        ]

    async def watch(self) -> None:
        """Look at the file for ever."""
        while True:
            await asyncio.sleep(self._refresh_s)
            try:
                self.refresh()
            except Exception:  # noqa: BLE001 - one look that fails is no reason to look no more
                _log.exception("cookie_keys_look_failed", hint="the keys before it stay")

    def refresh(self) -> None:
        """Read the file if it is not as it was read last."""
        try:
            if self._file is None or not self._file.look():
                return
        except UnusableKeysError as error:
            _log.error("cookie_keys_unusable", problem=str(error), hint="the keys before it stay")
            return
        self.standing = self._fixed + self._file.content
        self.generation += 1
        _log.info("cookie_keys_read", keys=len(self.standing))
