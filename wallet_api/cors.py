"""CORS: which other origins' pages may read, with the player's cookie. None, unless the settings name them."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import Response

Header = tuple[bytes, bytes]

_PREFLIGHT_SECONDS = b"600"
VARY: Header = (b"vary", b"origin")


class Cors:
    """The origins that may read. They are compared whole; there is no wildcard, since cookies are sent."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def __bool__(self) -> bool:
        """Tell whether any origin is configured."""
        return bool(self._origins)

    def headers_for(self, request_headers: list[Header]) -> list[Header]:
        """Give what an answer must carry for the page that asked."""
        if not self._origins:
            return []
        origin = next((value for name, value in request_headers if name == b"origin"), None)
        if origin not in self._origins:
            return [VARY]
        assert origin is not None
        return [
            VARY,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", b"retry-after"),
        ]

    def preflight(self) -> Response:
        """Answer OPTIONS; an origin that may not read gets no header that would allow it."""
        response = Response(status_code=204)
        response.raw_headers.extend(
            [
                (b"allow", b"GET, HEAD, OPTIONS"),
                (b"access-control-allow-methods", b"GET, HEAD"),
                (b"access-control-max-age", _PREFLIGHT_SECONDS),
            ]
        )
        return response
