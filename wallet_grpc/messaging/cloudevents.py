"""CloudEvents 1.0: how events look on the wire (docs/rules.md, Events).

They come in structured mode, in binary mode or bare, and go out in structured mode.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.store.queues.told_events import ToldEvent

CONTENT_TYPE: Final = "application/cloudevents+json"
_JSON_TYPE: Final = "application/json"
BARE_SOURCE: Final = "payments"
"""The source of an event that came without an envelope."""

_ATTRIBUTE_LENGTH_MAX = 256
_is_traceparent = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_BINARY_PREFIXES = ("cloudevents:", "cloudevents_")
"""Of headers that are attributes (CloudEvents, AMQP binding, 3.1); compared in lower case."""
_LIVE = "LIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event that came in: who says it, which one it is, and what it says."""

    source: str
    event_id: str
    event_type: str
    data: dict[str, Any]
    traceparent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as the broker delivered it."""

    body: bytes
    content_type: str | None
    message_id: str | None
    routing_key: str
    headers: Mapping[str, Any]


def open_envelope(delivery: Delivery, *, environment: str, bytes_max: int) -> Envelope:
    """Read an event: a CloudEvent, or the bare data with its type in the routing key and its id in `message_id`.

    Raises:
        MalformedError: It is neither, is too large, or is meant for another environment.
    """
    if len(delivery.body) > bytes_max:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", f"must be at most {bytes_max} bytes"))
    content_type = (delivery.content_type or _JSON_TYPE).partition(";")[0].strip().lower()
    if content_type not in {CONTENT_TYPE, _JSON_TYPE}:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "content_type", f"must be {CONTENT_TYPE} or {_JSON_TYPE}"))
    event = _json_object(delivery.body)
    binary = _binary_attributes(delivery.headers)
    structured = content_type == CONTENT_TYPE or "specversion" in event
    if binary and structured and content_type != CONTENT_TYPE:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", "must not be an event as well as its headers"))
    stated = [
        source["environment"]
        for source in (delivery.headers, binary, event if structured else {})
        if source.get("environment") is not None
    ]
    _check_environment(stated, environment)
    traceparents = (binary.get("traceparent"), delivery.headers.get("traceparent"))
    if structured:
        data = event.get("data")
        if not isinstance(data, dict):
            raise MalformedError(invalid(Reason.MISSING_FIELD, "data", "must be a JSON object"))
        return _cloud_event(event, data, (event.get("traceparent"), *traceparents))
    if binary:
        return _cloud_event(binary, event, traceparents)
    return Envelope(
        source=BARE_SOURCE,
        event_id=_attribute(delivery.message_id, "message_id"),
        event_type=_attribute(delivery.routing_key, "routing_key"),
        data=event,
        traceparent=_traceparent(traceparents),
    )


def render(event: ToldEvent, *, environment: str) -> bytes:
    """Render an event of the wallet. Its data is JSON already; everything else is ours and needs no escaping."""
    traceparent = f'"traceparent":"{event.traceparent}",' if _is_traceparent(event.traceparent or "") else ""
    return (
        f'{{"specversion":"1.0","id":"{event.event_id}","source":"wallet","type":"{event.event_type}",'
        f'"subject":"{event.owner_id}","time":"{event.occurred_at}","datacontenttype":"application/json",'
        f'"environment":"{environment}","sequence":{event.sequence},{traceparent}"data":{event.data}}}'
    ).encode()


class _AmbiguousError(ValueError):
    """An object has two values of one name, and readers differ in which of them they take."""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        event = _JSON.decode(body.decode())
    except _AmbiguousError as error:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", str(error))) from None
    except (ValueError, RecursionError):
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", "must be JSON in UTF-8")) from None
    if not isinstance(event, dict):
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", "must be a JSON object"))
    return event


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _AmbiguousError("must not name a field twice")
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number out of range")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_number)


def _binary_attributes(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Give the attributes of an event in binary mode; none if no header is one."""
    found: dict[str, Any] = {}
    for header, value in headers.items():
        name = header.lower()
        if name.startswith(_BINARY_PREFIXES):
            attribute = name[len(_BINARY_PREFIXES[0]) :]
            if found.setdefault(attribute, value) != value:
                raise MalformedError(invalid(Reason.INVALID_FIELD, attribute, "must not be given in two ways"))
    return found


def _cloud_event(attributes: Mapping[str, Any], data: dict[str, Any], traceparents: Sequence[object]) -> Envelope:
    if attributes.get("specversion") != "1.0":
        raise MalformedError(invalid(Reason.INVALID_FIELD, "specversion", 'must be "1.0"'))
    return Envelope(
        source=_attribute(attributes.get("source"), "source"),
        event_id=_attribute(attributes.get("id"), "id"),
        event_type=_attribute(attributes.get("type"), "type"),
        data=data,
        traceparent=_traceparent(traceparents),
    )


def _check_environment(stated: Sequence[object], environment: str) -> None:
    """Refuse an event that is for another environment; without a word it is for TEST, so LIVE wants it said."""
    if environment == _LIVE and not stated:
        raise MalformedError(invalid(Reason.MISSING_FIELD, "environment", f"is required: this installation is {_LIVE}"))
    if any(not isinstance(given, str) or given.upper() != environment for given in stated):
        raise MalformedError(
            Refusal(
                reason=Reason.ENVIRONMENT_MISMATCH,
                message=f"environment: this installation is {environment}",
                metadata={"field": "environment"},
            )
        )


def _attribute(value: object, name: str) -> str:
    if value is None or value == "":
        raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
    if not isinstance(value, str) or len(value) > _ATTRIBUTE_LENGTH_MAX or not value.isprintable():
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, name, f"must be up to {_ATTRIBUTE_LENGTH_MAX} printable characters")
        )
    return value


def _traceparent(given: Sequence[object]) -> str | None:
    """Give the first that is one."""
    return next((value for value in given if isinstance(value, str) and _is_traceparent(value)), None)
