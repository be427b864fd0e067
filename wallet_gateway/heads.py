"""What the head of an HTTP request says: whose key it shows, how long its caller waits, how it is known in logs."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass

from starlette.types import Scope

from .refusals import invalid, not_implemented, too_late, unknown_caller

_TEXT_LENGTH_MAX = 128
_HANDED_ON = ("traceparent", "wallet-operator")
"""What the wallet reads of a call's metadata beside the key and the request id."""
_KEY_LENGTH_MAX = 256
_TIMEOUT_DIGITS_MAX = 10
"""As many digits as Connect allows for a timeout in ms."""
_LENGTH_DIGITS_MAX = 20
"""As many digits as a length of 64 bits has: what is longer is no HTTP."""
_MS_PER_S = 1_000

_prefix = secrets.token_hex(4)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request without its body."""

    method: str
    path: str
    http_2: bool
    headers: dict[bytes, bytes]
    request_id: str
    """The caller's own `x-request-id`, or a new one."""

    @property
    def content_type(self) -> str:
        """The type of the body, without parameters, in lower case."""
        return self.headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        """How long the body is, where that is told."""
        told = self.headers.get(b"content-length", b"")
        return int(told) if told.isdigit() and len(told) <= _LENGTH_DIGITS_MAX else None

    def key(self) -> str:
        """Give the `authorization` as the wallet is to see it.

        Raises:
            RefusedError: There is none, or none that could be a key.
        """
        shown = self.headers.get(b"authorization")
        if shown is None or not 0 < len(shown) <= _KEY_LENGTH_MAX or not _is_plain(shown):
            raise unknown_caller()
        return shown.decode("ascii")

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Give what is sent to the wallet beside the message.

        Raises:
            RefusedError: It shows no key.
        """
        sent = [("authorization", self.key()), ("x-request-id", self.request_id)]
        for name in _HANDED_ON:
            value = self.headers.get(name.encode(), b"")
            if value and len(value) <= _TEXT_LENGTH_MAX and _is_plain(value):
                sent.append((name, value.decode("ascii")))
        return tuple(sent)

    def timeout_s(self) -> float | None:
        """Give how long the caller waits at most, as `Connect-Timeout-Ms` says; None if it does not.

        Raises:
            RefusedError: It is no number of milliseconds, or none is left.
        """
        told = self.headers.get(b"connect-timeout-ms")
        if told is None:
            return None
        if not told.isdigit() or len(told) > _TIMEOUT_DIGITS_MAX:
            raise invalid("Connect-Timeout-Ms", f"is not 1 to {_TIMEOUT_DIGITS_MAX} digits")
        if int(told) == 0:
            raise too_late()
        return int(told) / _MS_PER_S

    def timeout_within(self, longest_s: float) -> float:
        """Give how long a unary call may take: as its caller says, at most as long as the gateway waits.

        Raises:
            RefusedError: As `timeout_s` does.
        """
        asked_s = self.timeout_s()
        return longest_s if asked_s is None else min(asked_s, longest_s)

    def check_protocol(self) -> None:
        """Refuse what this front does not speak: another version of Connect, a body that is compressed.

        Raises:
            RefusedError: It is refused.
        """
        if self.headers.get(b"connect-protocol-version", b"1") != b"1":
            raise invalid("Connect-Protocol-Version", "is not 1")
        for name in (b"content-encoding", b"connect-content-encoding"):
            if self.headers.get(name, b"identity") != b"identity":
                raise not_implemented(f"{name.decode()} must be identity: the wallet takes no compressed message")


def head_of(scope: Scope) -> Head:
    """Read the head of a request; of a header that comes more than once the first counts."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)
    told = headers.get(b"x-request-id", b"")
    is_good = bool(told) and len(told) <= _TEXT_LENGTH_MAX and _is_plain(told)
    return Head(
        method=scope["method"],
        path=scope["path"],
        http_2=scope["http_version"] == "2",
        headers=headers,
        request_id=told.decode("ascii") if is_good else f"{_prefix}{next(_numbers):08x}",
    )


def _is_plain(value: bytes) -> bool:
    return value.isascii() and value.decode("ascii").isprintable()
