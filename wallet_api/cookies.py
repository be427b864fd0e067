"""Cookies: from the cookie `wallet_session` to the player that it was issued to.

The cookie is a JSON Web Token. What must hold: a signature by a standing key with that key's own algorithm, `aud`
`wallet-api`, an `exp` in the future and before the year 10000, and a player id as its `sub`. Whatever is wrong, the
answer is the same 401: it tells nobody how near they came.

A token that was verified is remembered until it expires or the keys change: verifying is the dearest step of a request.
"""

from __future__ import annotations

import re
import time
from typing import Any

import jwt

from wallet_grpc.domain.identifiers import PlayerId

from .cookie_keys import CookieKeys
from .problems import ProblemError, ProblemReason

COOKIE = "wallet_session"
AUDIENCE = "wallet-api"
TOKEN_LENGTH_MAX = 4_096
REMEMBERED_MAX = 10_000
"""Verified tokens that are kept: some megabytes at most."""

_EXPIRY_MAX = 253_402_300_799
"""The end of the year 9999. Nobody means a later time; of a number without end, nothing could be computed."""
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What reading a stranger's JSON may raise, however large, deep or odd it is."""
_PLAYER_ID = re.compile(r"[1-9][0-9]{0,18}")
_PLAYER_ID_MAX = 2**63 - 1
_PREFIX = f"{COOKIE}=".encode()


class Cookies:
    """Knows who sent a request."""

    def __init__(self, keys: CookieKeys) -> None:
        self._keys = keys
        self._verified: dict[bytes, tuple[PlayerId, float]] = {}
        self._generation = keys.generation

    def player_of(self, headers: list[tuple[bytes, bytes]]) -> PlayerId:
        """Give the player of a request, known by its cookie alone.

        Raises:
            ProblemError: There is no cookie, or it is not good.
        """
        token = _token_of(headers)
        if token is None:
            raise ProblemError(ProblemReason.UNAUTHENTICATED, f"the cookie {COOKIE} is missing")
        if self._generation != self._keys.generation:
            self._verified.clear()
            self._generation = self._keys.generation
        known = self._verified.get(token)
        if known is None:
            known = self._verify(token)
            if len(self._verified) >= REMEMBERED_MAX:
                self._verified.pop(next(iter(self._verified)))
            self._verified[token] = known
        player_id, expires_at = known
        if time.time() >= expires_at:
            self._verified.pop(token, None)
            raise _not_good()
        return player_id

    def _verify(self, token: bytes) -> tuple[PlayerId, float]:
        if len(token) > TOKEN_LENGTH_MAX:
            raise _not_good()
        try:
            header = jwt.get_unverified_header(token)
        except _UNREADABLE:
            raise _not_good() from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or "crit" in header:  # what is critical there, this reader does not know
            raise _not_good()
        for key in self._keys.fitting(algorithm, key_id):
            try:
                claims = jwt.decode(
                    token,
                    key.key,
                    algorithms=[key.algorithm],
                    audience=AUDIENCE,
                    options={"require": ["exp", "sub", "aud"], "verify_iat": False},
                )
            except jwt.InvalidSignatureError:
                continue
            except _UNREADABLE:
                break
            return _player(claims), _expiry(claims)
        raise _not_good()


def _player(claims: dict[str, Any]) -> PlayerId:
    subject = claims["sub"]
    if not isinstance(subject, str) or not _PLAYER_ID.fullmatch(subject) or int(subject) > _PLAYER_ID_MAX:
        raise _not_good()
    return PlayerId(int(subject))


def _expiry(claims: dict[str, Any]) -> float:
    """Give when the token expires: a number (RFC 7519, NumericDate), which a text or a truth value is not."""
    expires_at = claims["exp"]
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float) or not 0 < expires_at <= _EXPIRY_MAX:
        raise _not_good()
    return float(expires_at)


def _token_of(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """Find the cookie. Two that differ are none: one of them may have been planted from a neighbouring host."""
    found: bytes | None = None
    for name, value in headers:
        if name != b"cookie":
            continue
        for part in value.split(b";"):
            pair = part.strip()
            if pair.startswith(_PREFIX):
                token = pair[len(_PREFIX) :].strip(b'"')
                if found is not None and found != token:
                    raise _not_good()
                found = token
    return found or None


def _not_good() -> ProblemError:
    return ProblemError(ProblemReason.UNAUTHENTICATED, f"the cookie {COOKIE} is not valid, or no longer")


def issue(*, secret: str, player_id: int, ttl_s: int) -> str:
    """Make a cookie's value, for trying the API: the platform's login issues the real ones."""
    claims = {"sub": str(player_id), "aud": AUDIENCE, "exp": int(time.time()) + ttl_s}
    return jwt.encode(claims, secret, algorithm="HS256")
