"""Answers: what is sent back, with the headers that every answer has."""

from __future__ import annotations

from google.rpc import status_pb2
from starlette.types import Send

from .http_errors import error_body, headers_of, http_status_of

JSON = b"application/json"
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]

Headers = list[tuple[bytes, bytes]]


def head(content_type: bytes, request_id: str) -> Headers:
    """Give the headers that every answer to a call has."""
    return [(b"content-type", content_type), (b"x-request-id", request_id.encode()), *_ALWAYS]


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send an answer that is at hand."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def send_error(
    send: Send,
    status: status_pb2.Status,
    request_id: str,
    *,
    http_status: int | None = None,
    more: Headers | None = None,
) -> None:
    """Send what a call was refused with."""
    headers = [*head(JSON, request_id), *headers_of(status), *(more or [])]
    await send_whole(send, http_status or http_status_of(status), headers, error_body(status))
