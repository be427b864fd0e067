"""What a page says where it cannot show what was asked for: a status, what happened, and what to do next."""

from __future__ import annotations

from http import HTTPStatus

import grpc

from wallet_client import WalletError


class PageError(Exception):
    """Ends a request with a page that says what happened and what to do."""

    def __init__(
        self, status: HTTPStatus, title: str, advice: str, *, reason: str = "", may_be_done: bool = False
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.advice = advice
        self.reason = reason
        """The wallet's reason (protos/wallet/v1/errors.proto), where it was the wallet that refused."""
        self.may_be_done = may_be_done
        """Whether a form asked for what nobody knows to be done or not; it may be sent again as it is."""


class NotLoggedInError(Exception):
    """Ends a request with the way to the login."""


_TRY_AGAIN = "Load the page again in a moment; if it stays so, tell who runs the wallet."

_TELL_NOTHING = frozenset(
    {
        "OUTCOME_UNKNOWN",
        *(
            code.name
            for code in (
                grpc.StatusCode.ABORTED,
                grpc.StatusCode.CANCELLED,
                grpc.StatusCode.DATA_LOSS,
                grpc.StatusCode.DEADLINE_EXCEEDED,
                grpc.StatusCode.INTERNAL,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.UNKNOWN,
            )
        ),
    }
)
"""Reasons after which a change may have been made: the wallet's own, and what gRPC says where the wallet says nothing.
After any other nothing was changed (docs/calling.md, Errors)."""

_BY_REASON: dict[str, tuple[HTTPStatus, str, str]] = {
    "CALL_NOT_ALLOWED": (
        HTTPStatus.FORBIDDEN,
        "Your role may not do this",
        "An auditor reads and changes nothing. Ask somebody with the role backoffice.",
    ),
    "CALLER_UNKNOWN": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The wallet does not know the console's key",
        "Tell who runs the console: WALLET_CONSOLE_KEY and WALLET_CONSOLE_AUDITOR_KEY must be active keys.",
    ),
    "ENVIRONMENT_MISMATCH": (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The console's key is of another environment",
        "Tell who runs the console: its key and the wallet are not both TEST, or both LIVE.",
    ),
    "UNIMPLEMENTED": (
        HTTPStatus.NOT_IMPLEMENTED,
        "The wallet does not serve this yet",
        "It runs an older release than the console. Tell who runs the wallet.",
    ),
    "OUTCOME_UNKNOWN": (HTTPStatus.GATEWAY_TIMEOUT, "The wallet did not answer in time", _TRY_AGAIN),
    "DEADLINE_EXCEEDED": (HTTPStatus.GATEWAY_TIMEOUT, "The wallet did not answer in time", _TRY_AGAIN),
    "UNAVAILABLE": (HTTPStatus.SERVICE_UNAVAILABLE, "The wallet cannot be reached", _TRY_AGAIN),
    "DATABASE_UNAVAILABLE": (HTTPStatus.SERVICE_UNAVAILABLE, "The wallet's database does not answer", _TRY_AGAIN),
    "QUEUE_FULL": (HTTPStatus.SERVICE_UNAVAILABLE, "The wallet has more to do than it may take", _TRY_AGAIN),
    "RATE_LIMITED": (HTTPStatus.SERVICE_UNAVAILABLE, "The console asks more than its key may", _TRY_AGAIN),
    "SAME_PERSON": (
        HTTPStatus.CONFLICT,
        "Nobody approves what they proposed",
        "A second person has to decide. Send them the address of this page.",
    ),
    "IDEMPOTENCY_KEY_REUSED": (
        HTTPStatus.CONFLICT,
        "This form was sent before with other contents",
        "Open the form again, so that it gets an id of its own.",
    ),
}


def page_error_of(reason: str) -> PageError:
    """Make the page of a reason that has one of its own, also where the console refuses before the wallet would."""
    status, title, advice = _BY_REASON[reason]
    return PageError(status, title, advice, reason=reason)


def page_error(error: WalletError, *, is_change: bool) -> PageError:
    """Make a page of what the wallet answered instead of a result.

    Args:
        error: What it answered.
        is_change: Whether it was asked to change something.
    """
    if is_change and error.reason in _TELL_NOTHING:
        return PageError(
            HTTPStatus.GATEWAY_TIMEOUT,
            "This may have been done",
            "The wallet did not say what came of it. Send it again from here.",
            reason=error.reason,
            may_be_done=True,
        )
    unchanged = "Nothing was changed. " if is_change else ""
    if error.reason in _BY_REASON:
        found = page_error_of(error.reason)
        found.advice = unchanged + found.advice
        return found
    message = str(error).partition(": ")[2] or str(error)
    if error.reason.endswith("NOT_FOUND"):
        return PageError(HTTPStatus.NOT_FOUND, message, "Look for it with the search box above.", reason=error.reason)
    field = error.metadata.get("field")
    advice = f"Change {field} and send it again." if field else unchanged.strip() or _TRY_AGAIN
    status = HTTPStatus.CONFLICT if not field else HTTPStatus.BAD_REQUEST
    return PageError(status, message[:1].upper() + message[1:], advice, reason=error.reason)
