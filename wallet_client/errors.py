"""What the wallet answers instead of a result, and whether it may be sent again."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

_SAFE_TRANSPORT_ERRORS = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Errors of the transport itself, without the wallet's word (gRPC's core tells a broken stream as INTERNAL at times):
nobody knows what was applied, and with the same id, sending again is always safe."""


class WalletError(Exception):
    """The wallet refused, or could not be reached in time. Programs look at `reason`, people at the message."""

    def __init__(
        self, *, reason: str, message: str, metadata: Mapping[str, str], retryable: bool, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        """A name of protos/wallet/v1/errors.proto, such as INSUFFICIENT_FUNDS; without an answer gRPC's own status."""
        self.metadata = metadata
        """What the reason adds: `balance_minor`, `field` and the like."""
        self.retryable = retryable
        """Whether the same request with the same id may be sent again as it is (`metadata.retry` SAME_REQUEST)."""
        self.retry_after_s = retry_after_s
        """How long to wait at least before that, as the wallet says (RATE_LIMITED, QUEUE_FULL)."""

    @property
    def retry(self) -> str:
        """What may be done: SAME_REQUEST (with the same ids), AFTER_CHANGE, or NEVER."""
        return self.metadata.get("retry", "SAME_REQUEST" if self.retryable else "NEVER")

    @property
    def field(self) -> str | None:
        """The field that is wrong, or that differs from the first request with this id."""
        return self.metadata.get("field")

    def with_field(self, field: str) -> WalletError:
        """Give the same error with its field under another name."""
        message = str(self).removeprefix(f"{self.reason}: ").removeprefix(f"{self.field}: ")
        return WalletError(
            reason=self.reason,
            message=f"{field}: {message}",
            metadata={**self.metadata, "field": field},
            retryable=self.retryable,
            retry_after_s=self.retry_after_s,
        )


def no_answer(message: str) -> WalletError:
    """Tell that nothing came back."""
    return WalletError(reason=grpc.StatusCode.UNAVAILABLE.name, message=message, metadata={}, retryable=True)


def error_of_call(error: grpc.aio.AioRpcError) -> WalletError:
    """Read the error of a call."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # its stubs know the synchronous call only
    if status is not None:
        return error_of_status(status)
    code = error.code()
    return WalletError(
        reason=code.name, message=str(error.details()), metadata={}, retryable=code in _SAFE_TRANSPORT_ERRORS
    )


def error_of_status(status: status_pb2.Status) -> WalletError:
    """Read the error of one operation of a batch or a stream."""
    info, again = error_details_pb2.ErrorInfo(reason="UNKNOWN"), error_details_pb2.RetryInfo()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(again)
    return WalletError(
        reason=info.reason,
        message=status.message,
        metadata=dict(info.metadata),
        retryable=dict(info.metadata).get("retry") == "SAME_REQUEST",
        retry_after_s=again.retry_delay.ToMilliseconds() / 1000,
    )
