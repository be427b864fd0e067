"""Cookies whose claims and headers are anything: whoever signed them, they name a player or are refused, no more."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from support.cookies import AUDIENCE, SECRET

from wallet_api.cookie_keys import CookieKeys
from wallet_api.cookies import Cookies
from wallet_api.problems import ProblemError, ProblemReason

_NOW = int(time.time())
_HEAD = {"alg": "HS256", "typ": "JWT"}
_GOOD = {"sub": "42", "aud": AUDIENCE, "exp": _NOW + 3_600}
_CLAIMS = ("exp", "nbf", "iat", "aud", "sub", "jti", "iss", "crit")

_numbers = (
    some.integers()
    | some.floats()
    | some.sampled_from([0, 1, -1, _NOW, _NOW + 10, 2**31, 2**63, 2**64, 10**309, -(10**309), 1e308, 10**2_000])
)
_values = some.recursive(
    some.none() | some.booleans() | _numbers | some.text(max_size=20) | some.sampled_from([AUDIENCE, "42", str(_NOW)]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def signed(head: bytes, body: bytes) -> bytes:
    """Sign anything, as only the holder of the secret can."""
    parts = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (head, body))
    return parts + b"." + base64.urlsafe_b64encode(hmac.digest(SECRET.encode(), parts, hashlib.sha256)).rstrip(b"=")


def player_of(token: bytes) -> int | None:
    """Return whose the cookie is, None where it is refused. Asked twice: what was remembered answers alike."""
    cookies = Cookies(CookieKeys(secret=SECRET, path=None, refresh_ms=1_000))
    answers = []
    for _ in range(2):
        try:
            answers.append(int(cookies.player_of([(b"cookie", b"wallet_session=" + token)])))
        except ProblemError as problem:
            answers.append(0 if problem.reason is ProblemReason.UNAUTHENTICATED else -1)
    assert answers[0] == answers[1] != -1
    return answers[0] or None


def claimed(**changes: Any) -> bytes:
    return signed(json.dumps(_HEAD).encode(), json.dumps(_GOOD | changes).encode())


def test_a_good_one() -> None:
    assert player_of(claimed()) == 42
    assert player_of(claimed(exp=time.time() + 3_600.5)) == 42
    assert player_of(claimed(aud=["another", AUDIENCE], iat=_NOW, nbf=_NOW, jti="a")) == 42


@pytest.mark.parametrize(
    "exp",
    [
        "10" + "0" * 308,
        "1" + "0" * 3_000,
        "-1" + "0" * 309,
        "1e400",
        "-1e400",
        "NaN",
        "Infinity",
        "-Infinity",
        "true",
        "null",
        '"99999999999"',
        "[99999999999]",
        '{"a": 1}',
        "253402300801",
    ],
)
def test_an_expiry_that_is_no_time(exp: str) -> None:
    body = json.dumps(_GOOD | {"exp": "here"}).replace('"here"', exp)
    assert player_of(signed(json.dumps(_HEAD).encode(), body.encode())) is None


@pytest.mark.parametrize("claim", ["nbf", "iat", "sub", "aud", "jti"])
@pytest.mark.parametrize("value", ["1" + "0" * 309, "1e400", "NaN", "[" * 900 + "]" * 900, '"\\ud800"', "null"])
def test_another_claim_of_any_size_and_type(claim: str, value: str) -> None:
    body = json.dumps(_GOOD | {claim: "here"}).replace('"here"', value)
    assert player_of(signed(json.dumps(_HEAD).encode(), body.encode())) in {None, 42}


@settings(max_examples=150)
@given(some.dictionaries(some.sampled_from(_CLAIMS), _values, max_size=5))
def test_any_claims(changes: dict[str, Any]) -> None:
    assert player_of(claimed(**changes)) in {None, 42, int(changes["sub"]) if _is_player(changes.get("sub")) else None}


@settings(max_examples=100)
@given(some.dictionaries(some.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x5c", "zip", "cty"]), _values))
def test_any_header(changes: dict[str, Any]) -> None:
    assert player_of(signed(json.dumps(_HEAD | changes).encode(), json.dumps(_GOOD).encode())) in {None, 42}


@settings(max_examples=100)
@given(some.binary(max_size=200) | some.just(json.dumps(_HEAD).encode()), some.binary(max_size=200))
def test_any_bytes(head: bytes, body: bytes) -> None:
    assert player_of(signed(head, body)) is None
    assert player_of(body) is None


def test_nesting_without_end() -> None:
    for depth in (900, 1_400):
        nested = b"[" * depth + b"]" * depth
        assert player_of(signed(json.dumps(_HEAD).encode(), b'{"a":' + nested + b"}")) is None
        assert player_of(signed(b'{"alg":"HS256","a":' + nested + b"}", json.dumps(_GOOD).encode())) in {None, 42}


def _is_player(subject: object) -> bool:
    return isinstance(subject, str) and subject.isascii() and subject.isdigit() and 0 < int(subject) < 2**63
