"""Refusals: what a call is ended with, whoever said it, as the status that gRPC's callers get for the same.

The wallet's own word comes with an `ErrorInfo` and is passed on as it is. What gRPC says where the wallet did not
answer, and what the gateway refuses by itself, is told with a reason of the wallet's table (docs/calling.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "wallet"
_DETAILS_KEY = "grpc-status-details-bin"
_OVER_KEY = "wallet-stream-over"
"""By which the wallet says of a stream's end that it is meant to be (wallet_grpc/rpc/status.py)."""
_COME_AGAIN_MS = 100

_MAY_HAVE_ARRIVED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Statuses of gRPC's own that leave open whether the wallet executed the call."""


_IN_DOUBT = frozenset({"OUTCOME_UNKNOWN", "INTERNAL"})
"""Reasons that leave open what was applied."""


class RefusedError(Exception):
    """Ends a call with a status. Stays within this package."""

    def __init__(self, status: status_pb2.Status) -> None:
        super().__init__(status.message)
        self.status = status


class StreamOverError(RefusedError):
    """Ends a stream that has lasted as long as it may, or which the gateway or the wallet stops to read: no failure."""


def refused(code: grpc.StatusCode, reason: str, message: str, *, retry: str, **metadata: str) -> RefusedError:
    """Refuse a call for a reason of the wallet's table."""
    status = status_pb2.Status(code=code.value[0], message=message)
    _add(status, error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata={**metadata, "retry": retry}))
    return RefusedError(status)


def unknown_caller() -> RefusedError:
    """Refuse a call that shows no key."""
    return refused(
        grpc.StatusCode.UNAUTHENTICATED,
        "CALLER_UNKNOWN",
        "send `authorization: Bearer sk_...` with a key that `wallet keys list` shows as active",
        retry="AFTER_CHANGE",
    )


def invalid(field: str, problem: str, *, reason: str = "INVALID_FIELD") -> RefusedError:
    """Refuse a field; the problem goes on where the field's name ends."""
    message = f"{field} {problem}"
    error = refused(grpc.StatusCode.INVALID_ARGUMENT, reason, message, retry="NEVER", field=field)
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
    _add(error.status, error_details_pb2.BadRequest(field_violations=[violation]))
    return error


def with_fields(status: status_pb2.Status, names: Mapping[str, str]) -> status_pb2.Status:
    """Give a refusal whose field is called by another name, where there is one for it."""
    info = error_details_pb2.ErrorInfo()
    name = names.get(info.metadata["field"]) if detail_of(status, info) and "field" in info.metadata else None
    if name is None:
        return status
    message = status.message.removeprefix(f"{info.metadata['field']}: ")
    renamed = status_pb2.Status(code=status.code, message=f"{name}: {message}")
    told: Any = status.details
    for packed in told:
        violated = error_details_pb2.BadRequest()
        if packed.Is(info.DESCRIPTOR):
            info.metadata["field"] = name
            _add(renamed, info)
        elif packed.Unpack(violated):
            for violation in violated.field_violations:
                violation.field, violation.description = name, renamed.message
            _add(renamed, violated)
        else:
            kept: Any = renamed.details
            kept.add().CopyFrom(packed)
    return renamed


def full(message: str) -> RefusedError:
    """Refuse a call for which there is no room now."""
    error = refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", message, retry="SAME_REQUEST")
    delay = Duration()
    delay.FromMilliseconds(_COME_AGAIN_MS)
    _add(error.status, error_details_pb2.RetryInfo(retry_delay=delay))
    return error


def too_large(bytes_max: int) -> RefusedError:
    """Refuse a message over the limit, in gRPC's own words: no reason of the wallet's is for that."""
    message = f"the message is larger than {bytes_max} bytes"
    return RefusedError(status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message=message))


def not_implemented(message: str) -> RefusedError:
    """Refuse what there is no such call or encoding for."""
    return RefusedError(status_pb2.Status(code=grpc.StatusCode.UNIMPLEMENTED.value[0], message=message))


def stopping() -> RefusedError:
    """Refuse a call, or the rest of a stream, since the gateway stops."""
    return refused(
        grpc.StatusCode.UNAVAILABLE,
        "DATABASE_UNAVAILABLE",
        "this gateway is stopping; send again what has no answer",
        retry="SAME_REQUEST",
    )


def fault(request_id: str) -> RefusedError:
    """End a call that a fault of the gateway's own has ended."""
    return refused(
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        "an internal fault; nothing can be said of the outcome",
        retry="SAME_REQUEST",
        request_id=request_id,
    )


def of_call(error: grpc.aio.AioRpcError) -> RefusedError:
    """Read what a forwarded call was ended with: the wallet's own word, or gRPC's."""
    trailers = dict(error.trailing_metadata() or ())
    told = trailers.get(_DETAILS_KEY)
    if isinstance(told, bytes):
        with suppress(DecodeError):
            kind = StreamOverError if _OVER_KEY in trailers else RefusedError
            return kind(status_pb2.Status.FromString(told))
    code = error.code()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return too_late()
    if code in _MAY_HAVE_ARRIVED:
        return _unanswered(grpc.StatusCode.UNAVAILABLE)
    return RefusedError(status_pb2.Status(code=code.value[0], message=error.details() or code.name))


def too_late() -> RefusedError:
    """End a call whose deadline has passed."""
    return _unanswered(grpc.StatusCode.DEADLINE_EXCEEDED)


def nothing_was_sent(status: status_pb2.Status) -> RefusedError:
    """End a call before it was sent, since the gateway's own question was ended so: of that no outcome is in doubt."""
    info = error_details_pb2.ErrorInfo()
    if not detail_of(status, info) or info.reason not in _IN_DOUBT:
        return RefusedError(status)
    return refused(
        grpc.StatusCode.UNAVAILABLE,
        "DATABASE_UNAVAILABLE",
        "the wallet did not answer the gateway's question; nothing was sent, send it again",
        retry="SAME_REQUEST",
    )


def detail_of(status: status_pb2.Status, detail: Message) -> bool:
    """Look for a detail of a kind, and fill `detail` with it if there is one."""
    details: Any = status.details
    return any(packed.Is(detail.DESCRIPTOR) and packed.Unpack(detail) for packed in details)


def _unanswered(code: grpc.StatusCode) -> RefusedError:
    return refused(
        code,
        "OUTCOME_UNKNOWN",
        "the wallet did not answer; it may have been applied: send it again with the same id",
        retry="SAME_REQUEST",
    )


def _add(status: status_pb2.Status, detail: Message) -> None:
    packed: any_pb2.Any = status.details.add()
    packed.Pack(detail)
