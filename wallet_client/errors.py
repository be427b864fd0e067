"""What the wallet answers instead of a result, and whether it may be sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

_MAY_HAVE_ARRIVED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Statuses that leave open what was applied, where the wallet says nothing itself: with the same id, sending again is
always safe. A proxy or server that gives a call up tells it as CANCELLED, gRPC's core a broken stream as INTERNAL at
times; who cancels a call of their own gets Python's CancelledError. RESOURCE_EXHAUSTED is not among them: a message
over the limit would be refused again."""
_STATUSES: dict[int, grpc.StatusCode] = {status.value[0]: status for status in grpc.StatusCode}


class WalletError(Exception):
    """The wallet refused, or could not be reached in time. Programs look at `reason`, people at the message."""

    def __init__(
        self,
        *,
        reason: str,
        message: str,
        metadata: Mapping[str, str],
        retryable: bool,
        retry_after_s: float = 0.0,
        transaction_id: str | None = None,
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
        self.transaction_id = transaction_id
        """The id that the request was sent with, given or made here: after SAME_REQUEST a bet is sent again under it,
        or rolled back by it, since under another id it is another bet. None where nothing was sent, or no id."""

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
        message = self._message.removeprefix(f"{self.field}: ")
        return self._with(message=f"{field}: {message}", metadata={**self.metadata, "field": field})

    def with_transaction_id(self, transaction_id: str | None) -> WalletError:
        """Give the same error of a request that was sent with this id."""
        return self._with(transaction_id=transaction_id)

    @property
    def _message(self) -> str:
        return str(self).removeprefix(f"{self.reason}: ")

    def _with(self, **changed: Any) -> WalletError:
        told: dict[str, Any] = {
            "reason": self.reason,
            "message": self._message,
            "metadata": self.metadata,
            "retryable": self.retryable,
            "retry_after_s": self.retry_after_s,
            "transaction_id": self.transaction_id,
        }
        return WalletError(**told | changed)


def no_answer(message: str, status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> WalletError:
    """Tell that nothing came back."""
    return _without_a_word(status, message)


def error_of_call(error: grpc.aio.AioRpcError) -> WalletError:
    """Read the error of a call."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # its stubs know the synchronous call only
    return _without_a_word(error.code(), str(error.details())) if status is None else error_of_status(status)


def error_of_status(status: status_pb2.Status) -> WalletError:
    """Read the error of one operation of a batch or a stream."""
    info, again = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        _ = detail.Unpack(info) or detail.Unpack(again)
    if not info.reason:
        return _without_a_word(_STATUSES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
    metadata = dict(info.metadata)
    return WalletError(
        reason=info.reason,
        message=status.message,
        metadata=metadata,
        retryable=metadata.get("retry") == "SAME_REQUEST",
        retry_after_s=again.retry_delay.ToMilliseconds() / 1000,
    )


def _without_a_word(status: grpc.StatusCode, message: str) -> WalletError:
    return WalletError(reason=status.name, message=message, metadata={}, retryable=status in _MAY_HAVE_ARRIVED)
