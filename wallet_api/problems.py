"""Problems: how the API says no, as `application/problem+json` (RFC 9457).

`reason` is for programs and stays as it is; `detail` is for people. No problem tells what happened inside.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemReason(Enum):
    """Why a request was not answered: the name that programs read, and its status."""

    UNAUTHENTICATED = HTTPStatus.UNAUTHORIZED
    INVALID_FIELD = HTTPStatus.BAD_REQUEST
    NOT_FOUND = HTTPStatus.NOT_FOUND
    METHOD_NOT_ALLOWED = HTTPStatus.METHOD_NOT_ALLOWED
    BODY_NOT_ALLOWED = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    TOO_MANY_REQUESTS = HTTPStatus.TOO_MANY_REQUESTS
    HEADERS_TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    INTERNAL = HTTPStatus.INTERNAL_SERVER_ERROR
    UNAVAILABLE = HTTPStatus.SERVICE_UNAVAILABLE


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a refusal."""

    type: str = "about:blank"
    title: str
    status: int
    reason: str
    detail: str
    field: str | msgspec.UnsetType = msgspec.UNSET
    """The parameter that is wrong."""
    request_id: str | msgspec.UnsetType = msgspec.UNSET
    """What the log knows a fault of ours by."""


class ProblemError(Exception):
    """A request that is answered with a problem."""

    def __init__(
        self, reason: ProblemReason, detail: str, *, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.field = field
        self.retry_after_s = retry_after_s


def invalid(field: str, detail: str) -> ProblemError:
    """A parameter that cannot be used; the detail says why, without the field's name."""
    return ProblemError(ProblemReason.INVALID_FIELD, f"{field} {detail}", field=field)


def body_of(error: ProblemError, *, request_id: str | None = None) -> bytes:
    """Write a problem as JSON."""
    status = error.reason.value
    return msgspec.json.encode(
        Problem(
            title=status.phrase,
            status=status,
            reason=error.reason.name,
            detail=error.detail,
            field=error.field or msgspec.UNSET,
            request_id=request_id or msgspec.UNSET,
        )
    )


def answer(error: ProblemError, *, request_id: str | None = None) -> Response:
    """Make the answer to a request that failed."""
    headers = {}
    if error.reason is ProblemReason.UNAUTHENTICATED:
        headers["www-authenticate"] = 'Cookie realm="wallet", cookie-name="wallet_session"'
    if error.reason is ProblemReason.METHOD_NOT_ALLOWED:
        headers["allow"] = "GET, HEAD"
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    return Response(body_of(error, request_id=request_id), error.reason.value, headers, MEDIA_TYPE)
