"""Who may read what: the cookie alone says whose wallet it is, and nothing that is sent beside it changes that."""

import base64
import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from support.cookies import OTHER_SECRET, SECRET, bad_tokens, claims, token
from support.database import Installation
from support.http_api import BALANCES, OF_NOBODY, OF_PLAYERS, TRANSACTIONS, ApiServer, query
from support.process import without_descriptors
from support.requests import fresh_player_id
from support.waiting import wait_until
from support.wallet import Wallet

_PLAYER = fresh_player_id()
_BAD = bad_tokens(_PLAYER)


@pytest.mark.parametrize("what", _BAD)
@pytest.mark.parametrize("path", OF_PLAYERS)
def test_a_bad_cookie_opens_nothing(api: ApiServer, path: str, what: str) -> None:
    answer = api.ask(path, cookie=_BAD[what])
    problem = answer.problem(401, "UNAUTHENTICATED")
    assert set(problem) == {"type", "title", "status", "reason", "detail"}
    assert answer.headers["www-authenticate"].startswith("Cookie")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", OF_NOBODY)
def test_what_is_nobodys_needs_no_cookie(api: ApiServer, path: str) -> None:
    assert api.ask(path).status == 200
    assert api.ask(path, cookie="abc").status == 200


@pytest.mark.parametrize("path", [BALANCES, TRANSACTIONS])
def test_another_players_id_changes_nothing_wherever_it_is_sent(api: ApiServer, wallet: Wallet, path: str) -> None:
    mine, other = wallet.player("100"), wallet.player("777")
    good, theirs = token(mine.player_id), str(other.player_id)
    expected = api.ask(path, cookie=good).body
    amount = b'":"777'  # of the other's deposit: an amount is a string, and ids with these digits in them are none
    assert amount in api.ask(path, cookie=token(other.player_id)).body
    assert amount not in expected.replace(str(mine.player_id).encode(), b"")
    names = ("player_id", "playerId", "player", "sub", "owner_id", "user")
    answers = [api.ask(path + query({name: theirs}), cookie=good) for name in names]
    answers += [api.ask(path, cookie=good, headers={name: theirs}) for name in ("x-player-id", "player-id", "x-user")]
    answers += [api.ask(path, cookie=good, headers={"authorization": f"Bearer {token(other.player_id)}"})]
    for kind, body in {"application/json": json.dumps({"player_id": theirs}), "text/plain": theirs}.items():
        answers.append(api.ask(path, cookie=good, headers={"content-type": kind}, body=body.encode()))
    answers.append(api.ask(path, headers={"cookie": f"player_id={theirs}; wallet_session={good}; sub={theirs}"}))
    for answer in answers:
        assert (answer.status, answer.body) == (200, expected)


def test_two_cookies_that_differ_are_none(api: ApiServer) -> None:
    both = f"wallet_session={token(_PLAYER)}; wallet_session={token(_PLAYER + 1)}"
    api.ask(BALANCES, headers={"cookie": both}).problem(401, "UNAUTHENTICATED")
    same = token(_PLAYER)
    assert api.ask(BALANCES, headers={"cookie": f"wallet_session={same}; wallet_session={same}"}).status == 200


def test_a_token_that_was_good_is_not_once_it_expires(api: ApiServer) -> None:
    import time

    short = token(_PLAYER, exp=int(time.time()) + 6)
    assert api.ask(BALANCES, cookie=short).status == 200
    wait_until(lambda: api.ask(BALANCES, cookie=short).status == 401, what="the token expires")


def test_a_list_of_audiences_may_name_ours(api: ApiServer) -> None:
    assert api.ask(BALANCES, cookie=token(_PLAYER, aud=["games", "wallet-api"])).status == 200
    assert api.ask(BALANCES, cookie=token(_PLAYER, aud=["games"])).status == 401


# ------------------------------------------------------------------------------------------------------------- keys


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _secret_entry(secret: str, **fields: str) -> dict[str, str]:
    return {"kty": "oct", "alg": "HS256", "k": _encoded(secret.encode())} | fields


def _public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def _public_entry(key: Ed25519PrivateKey, **fields: str) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _encoded(_public_bytes(key))} | fields


def _write(path: Path, *entries: dict[str, str]) -> None:
    half = path.with_suffix(".new")
    half.write_text(json.dumps({"keys": entries}))
    half.replace(path)


def test_keys_are_rotated_without_a_restart(installation: Installation, tmp_path: Path) -> None:
    keys, private = tmp_path / "keys.json", Ed25519PrivateKey.generate()
    old, new = token(_PLAYER), token(_PLAYER, secret=OTHER_SECRET, kid="second")
    signed = jwt.encode(claims(_PLAYER), private, algorithm="EdDSA", headers={"kid": "third"})
    _write(keys, _secret_entry(SECRET, kid="first"))
    settings = {
        "WALLET_COOKIE_SECRET": "",
        "WALLET_COOKIE_KEYS_FILE": str(keys),
        "WALLET_COOKIE_KEYS_REFRESH_MS": "50",
    }
    with ApiServer(installation, **settings) as api:

        def statuses() -> tuple[int, ...]:
            return tuple(api.ask(BALANCES, cookie=cookie).status for cookie in (old, new, signed))

        assert statuses() == (200, 401, 401)
        _write(keys, _secret_entry(SECRET, kid="first"), _secret_entry(OTHER_SECRET, kid="second"))
        wait_until(lambda: statuses() == (200, 200, 401), what="both secrets are good")
        _write(keys, _secret_entry(OTHER_SECRET, kid="second"), _public_entry(private, kid="third"))
        wait_until(lambda: statuses() == (401, 200, 200), what="the old secret is gone, a public key has come")
        keys.write_text("{")
        wait_until(lambda: "cookie_keys_unusable" in api.log, what="a file that cannot be used is told")
        assert statuses() == (401, 200, 200)
        assert OTHER_SECRET not in api.log
        with without_descriptors(api.process.pid):
            _write(keys, _secret_entry(SECRET, kid="first"))
            wait_until(lambda: "cannot be read" in api.log, what="a file that cannot be read is told")
        wait_until(lambda: statuses() == (200, 401, 401), what="it is read once it can be")
        assert api.log.count("cannot be read") == 1


def test_a_public_key_is_no_secret(installation: Installation, tmp_path: Path) -> None:
    keys, private = tmp_path / "keys.json", Ed25519PrivateKey.generate()
    _write(keys, _public_entry(private))
    head = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = _encoded(json.dumps(claims(_PLAYER)).encode())
    import hashlib
    import hmac

    forged = [
        f"{head}.{body}." + _encoded(hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest())
        for secret in (_public_bytes(private), _encoded(_public_bytes(private)).encode(), b"")
    ]
    with ApiServer(installation, WALLET_COOKIE_SECRET="", WALLET_COOKIE_KEYS_FILE=str(keys)) as api:
        assert api.ask(BALANCES, cookie=jwt.encode(claims(_PLAYER), private, algorithm="EdDSA")).status == 200
        other = Ed25519PrivateKey.generate()
        for cookie in (*forged, jwt.encode(claims(_PLAYER), other, algorithm="EdDSA"), token(_PLAYER)):
            api.ask(BALANCES, cookie=cookie).problem(401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read"),
        ("{", "is no JWK Set"),
        ('{"keys": []}', "must hold 1 to 16 keys"),
        (json.dumps({"keys": [_secret_entry("too short")]}), "is shorter than 32 bytes"),
        (json.dumps({"keys": [{"kty": "oct", "alg": "HS512", "k": _encoded(b"x" * 64)}]}), "neither HS256 nor EdDSA"),
        (json.dumps({"keys": ["x"]}), "is no JSON Web Key"),
        (json.dumps({"keys": [{"kty": "oct", "alg": "HS256"}]}), "is no JSON Web Key"),
        ("[" * 60_000, "is no JWK Set"),
    ],
)
def test_it_does_not_start_on_keys_that_it_cannot_use(
    installation: Installation, tmp_path: Path, content: str | None, problem: str
) -> None:
    keys = tmp_path / "keys.json"
    if content is not None:
        keys.write_text(content)
    server = ApiServer(installation, WALLET_COOKIE_SECRET="", WALLET_COOKIE_KEYS_FILE=str(keys))
    assert server.launch().wait(timeout=20) == 1
    assert problem in server.log
