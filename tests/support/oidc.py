"""An OpenID Connect provider of the tests' own, as a server: it logs in whomever it is told to, and cheats if told to.

It speaks the protocol as it stands: discovery, keys, the code flow with PKCE, an identity token that it signs.
"""

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

CLIENT_ID = "wallet-console"
CLIENT_SECRET = "the-consoles-secret-at-the-provider"


@dataclass(slots=True)
class Provider:
    """What the provider says, and of whom."""

    claims: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    """What is claimed otherwise than is right: `aud`, `iss`, `nonce`, `exp`."""
    signing_key: Any = None
    issuer: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    exchanged: int = 0

    def identity_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "248289761001",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        return jwt.encode(
            claims | self.claims | self.changes, self.signing_key, algorithm="ES256", headers={"kid": "1"}
        )


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    published_key: Any

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by the library
        del format, args

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        issuer = self.provider.issuer
        match asked.path:
            case "/.well-known/openid-configuration":
                self._answer(
                    {
                        "issuer": issuer,
                        "authorization_endpoint": f"{issuer}/authorize",
                        "token_endpoint": f"{issuer}/token",
                        "jwks_uri": f"{issuer}/keys",
                        "response_types_supported": ["code"],
                        "id_token_signing_alg_values_supported": ["ES256"],
                    }
                )
            case "/keys":
                key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.published_key.public_key()))
                self._answer({"keys": [{**key, "kid": "1", "alg": "ES256", "use": "sig"}]})
            case "/authorize":
                assert query["client_id"] == CLIENT_ID
                assert query["code_challenge_method"] == "S256"
                code = secrets.token_urlsafe(8)
                self.provider.codes[code] = query
                self.send_response(302)
                self.send_header(
                    "location", f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
                )
                self.end_headers()
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self.provider.codes.pop(form.get("code", ""), None)
        challenge = sha256(form.get("code_verifier", "").encode()).digest()
        expected = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        shown = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if asked is None or asked["code_challenge"] != expected or self.headers["authorization"] != f"Basic {shown}":
            self._answer({"error": "invalid_grant"}, status=400)
            return
        self.provider.exchanged += 1
        self._answer(
            {
                "access_token": secrets.token_urlsafe(8),
                "token_type": "Bearer",
                "expires_in": 300,
                "id_token": self.provider.identity_token(asked),
            }
        )

    def _answer(self, content: dict[str, Any], *, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider on a free port of this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    provider = Provider(signing_key=key)
    handler = type("Handler", (_Handler,), {"provider": provider, "published_key": key})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        provider.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
