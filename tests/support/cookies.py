"""Session cookies, good ones and all the bad ones."""

import time
from typing import Any

import jwt

SECRET = "a-secret-of-the-tests-that-is-long-enough-for-every-hmac-there-is"
OTHER_SECRET = "another-secret-that-is-as-long-as-the-first-one-of-the-tests-is"
AUDIENCE = "wallet-api"


def claims(player_id: int, **changes: Any) -> dict[str, Any]:
    """Return what a good token claims, with changes; a claim of None is left out."""
    good = {"sub": str(player_id), "aud": AUDIENCE, "exp": int(time.time()) + 600}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(player_id: int, *, secret: Any = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """Sign a token; `kid` goes into its header."""
    headers = {"kid": changes.pop("kid")} if "kid" in changes else None
    return jwt.encode(claims(player_id, **changes), secret, algorithm=algorithm, headers=headers)


def bad_tokens(player_id: int) -> dict[str, str | None]:
    """Return, by what is wrong with it, everything that must not let anybody in."""
    head, body, signature = token(player_id).split(".")
    other_body = token(player_id + 1).split(".")[1]
    return {
        "no cookie": None,
        "empty": "",
        "no token": "abc",
        "three parts of nothing": "..",
        "expired": token(player_id, exp=int(time.time()) - 1),
        "no exp": token(player_id, exp=None),
        "exp of text": token(player_id, exp="tomorrow"),
        "exp past every number": token(player_id, exp=10**309),
        "not before tomorrow": token(player_id, nbf=int(time.time()) + 86_400),
        "signed with another secret": token(player_id, secret=OTHER_SECRET),
        "signature cut off": f"{head}.{body}.",
        "signature changed": f"{head}.{body}.{signature[:-4]}AAAA",
        "body changed": f"{head}.{other_body}.{signature}",
        "alg none": jwt.encode(claims(player_id), None, algorithm="none"),
        "alg none with a signature": jwt.encode(claims(player_id), None, algorithm="none") + signature,
        "another algorithm": token(player_id, algorithm="HS512"),
        "wrong audience": token(player_id, aud="another-api"),
        "no audience": token(player_id, aud=None),
        "no player": token(player_id, sub=None),
        "player zero": token(0),
        "player with a sign": token(player_id, sub="-1"),
        "player of text": token(player_id, sub="ana"),
        "player with a blank": token(player_id, sub=" 42"),
        "player of other digits": token(player_id, sub="٤٢"),
        "player past 64 bits": token(2**63),
        "a critical extension": jwt.encode(
            claims(player_id), SECRET, algorithm="HS256", headers={"crit": ["exp"], "exp": 1}
        ),
        "too long": token(player_id, note="x" * 5_000),
    }
