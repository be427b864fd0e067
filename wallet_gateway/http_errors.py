"""Statuses as HTTP answers: Connect's error JSON, with the wallet's reason beside it, and the usual HTTP status.

    {"code": "failed_precondition", "message": "...", "details": [...],
     "reason": "INSUFFICIENT_FUNDS", "retry": "AFTER_CHANGE", "metadata": {"balance_minor": "0"}}

`code`, `message` and `details` are Connect's. What stands beside them is the content of `google.rpc.ErrorInfo` for
programs that know no protobuf.
"""

from __future__ import annotations

import base64
from typing import Any

import grpc
import msgspec
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2, status_pb2

from .refusals import detail_of

_HTTP = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
"""Connect's mapping of codes to HTTP."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS_OF_THE_WALLET = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
_MS_PER_S = 1_000


def code_of(status: status_pb2.Status) -> str:
    """Name a status as Connect does: `not_found`."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return "canceled" if code is grpc.StatusCode.CANCELLED else code.name.lower()


def http_status_of(status: status_pb2.Status) -> int:
    """Give the HTTP status of a status."""
    return _HTTP[_CODES.get(status.code, grpc.StatusCode.UNKNOWN)]


def error_of(status: status_pb2.Status) -> dict[str, Any]:
    """Write a status as an error in JSON."""
    error: dict[str, Any] = {"code": code_of(status), "message": status.message}
    details: Any = status.details
    if details:
        error["details"] = [
            {
                "type": packed.TypeName(),
                "value": base64.b64encode(packed.value).decode().rstrip("="),
                **_shown(packed),
            }
            for packed in details
        ]
    info = error_details_pb2.ErrorInfo()
    if detail_of(status, info):
        metadata = dict(info.metadata)
        retry = metadata.pop("retry", None)
        error |= {"reason": info.reason, "retry": retry, "metadata": metadata}
        if "field" in metadata:
            error["field"] = metadata["field"]
    return error


def error_body(status: status_pb2.Status) -> bytes:
    """Write a status as the body of an answer."""
    return msgspec.json.encode(error_of(status))


def headers_of(status: status_pb2.Status) -> list[tuple[bytes, bytes]]:
    """Give the headers that tell when to come again, where the wallet has said so."""
    again = error_details_pb2.RetryInfo()
    if not detail_of(status, again):
        return []
    delay_ms = again.retry_delay.ToMilliseconds()
    return [
        (b"retry-after", str(-(-delay_ms // _MS_PER_S)).encode()),
        (b"trailer-grpc-retry-pushback-ms", str(delay_ms).encode()),
    ]


def _shown(packed: Any) -> dict[str, Any]:
    """Show a detail that is known here in JSON too, as Connect's `debug`."""
    for kind in _DETAILS_OF_THE_WALLET:
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            packed.Unpack(detail)
            return {"debug": MessageToDict(detail)}
    return {}
