"""Links that log in, for development: who has one is the operator that it names, until it expires."""

from __future__ import annotations

import time

import jwt

from .operators import Operator, OperatorRole, is_name, named

_AUDIENCE = "wallet-console"
_LENGTH_MAX = 2_048


def link_token(*, secret: str, operator: str, role: str, ttl_s: int) -> str:
    """Make what a link logs in with."""
    claims = {"sub": operator, "role": role, "aud": _AUDIENCE, "exp": int(time.time()) + ttl_s}
    return jwt.encode(claims, secret, algorithm="HS256")


def operator_of_link(token: str, secret: str) -> Operator | None:
    """Read a link's token; None if it is not good."""
    if len(token) > _LENGTH_MAX:
        return None
    try:
        claims = jwt.decode(
            token, secret, algorithms=["HS256"], audience=_AUDIENCE, options={"require": ["exp", "sub", "aud"]}
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    name, role = claims["sub"], claims.get("role")
    if not is_name(name) or role not in set(OperatorRole):
        return None
    return named(name, OperatorRole(role))
