"""The HTTP front as a process, and one strict way to ask it."""

import base64
import http.client
import json
import ssl
import struct
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from google.protobuf import any_pb2
from google.rpc import error_details_pb2

from devstack.servers.ports import free_port
from support.process import WalletProcess
from support.waiting import patient

_TIMEOUT_S = 30.0
_AWAY = b'"DATABASE_UNAVAILABLE"'


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def good(self) -> Any:
        """The answer of a call that was accepted."""
        assert self.status == 200, (self.status, self.body)
        return self.json

    def refused(self, status: int, code: str, reason: str | None, **metadata: str) -> dict[str, Any]:
        """Assert that the call was refused so, alike in Connect's details and beside them, and return the error."""
        error: dict[str, Any] = self.json
        assert (self.status, error["code"], error.get("reason")) == (status, code, reason), (self.status, error)
        assert self.headers["content-type"] == "application/json"
        if reason is not None:
            (info,) = (details_of(detail) for detail in error["details"] if detail["type"] == "google.rpc.ErrorInfo")
            assert (info.reason, info.domain) == (reason, "wallet")
            assert dict(info.metadata) == error["metadata"] | {"retry": error["retry"]}
            assert error["metadata"].items() >= metadata.items(), error
        return error


def details_of(detail: dict[str, Any]) -> error_details_pb2.ErrorInfo:
    """Read a detail as Connect's clients do: the message's bytes in base64 without padding."""
    value = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
    packed = any_pb2.Any(type_url=f"type.googleapis.com/{detail['type']}", value=value)
    info = error_details_pb2.ErrorInfo()
    assert packed.Unpack(info)
    return info


class GatewayServer(WalletProcess):
    """One `wallet gateway` on a free port of this machine, before a gRPC server."""

    stopped_within_s = 40.0

    def __init__(self, wallet_address: str, *, trusts: ssl.SSLContext | None = None, **settings: str) -> None:
        self.trusts = trusts
        """What HTTPS is checked by; None for plain text."""
        self.address = f"127.0.0.1:{free_port()}"
        environment = {
            "WALLET_GATEWAY_ADDRESS": self.address,
            "WALLET_GATEWAY_WALLET_ADDRESS": wallet_address,
            "WALLET_GATEWAY_LAME_DUCK_MS": "0",
        } | settings
        super().__init__("gateway", environment=environment)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.launch_until(self._answers)

    def _answers(self) -> bool:
        try:
            return self.ask("/healthz", method="GET").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def connection(self) -> http.client.HTTPConnection:
        """Give a connection of HTTP/1.1 that is yet to be made."""
        if self.trusts is None:
            return http.client.HTTPConnection(self.address, timeout=_TIMEOUT_S)
        return http.client.HTTPSConnection(self.address, timeout=_TIMEOUT_S, context=self.trusts)

    def ask(
        self,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        method: str = "POST",
        **headers: str,
    ) -> HttpAnswer:
        """Send one request on a connection of its own, patiently; a body that is not bytes is sent as JSON."""
        return patient(
            lambda: self._ask(path, body, key, method, headers),
            lambda answer: answer.status == HTTPStatus.SERVICE_UNAVAILABLE and _AWAY in answer.body,
        )

    def _ask(self, path: str, body: Any, key: str | None, method: str, headers: dict[str, str]) -> HttpAnswer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given.setdefault("authorization", f"Bearer {key}")
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if method == "POST":
            given.setdefault("content-type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, path, body=raw, headers=given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return HttpAnswer(status=answer.status, headers=found, body=answer.read())
        finally:
            connection.close()


def framed(message: Any, *, flags: int = 0) -> bytes:
    """Frame a message of a stream, in JSON."""
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack(">BI", flags, len(raw)) + raw


def unframed(body: bytes) -> tuple[list[Any], Any]:
    """Read a stream's answer: its messages, and what its last envelope says."""
    messages: list[tuple[int, Any]] = []
    while body:
        flags, length = struct.unpack_from(">BI", body)
        messages.append((flags, json.loads(body[5 : 5 + length])))
        body = body[5 + length :]
    assert [flags for flags, _ in messages] == [0] * (len(messages) - 1) + [2]
    return [message for _, message in messages[:-1]], messages[-1][1]
