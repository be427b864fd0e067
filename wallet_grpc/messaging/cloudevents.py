"""CloudEvents 1.0 as structured JSON: how events look on the wire, in both directions (contract.md, Events)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.store.outbox_queue import OutboxRow

CONTENT_TYPE: Final = "application/cloudevents+json"
_JSON_TYPE: Final = "application/json"
BARE_SOURCE: Final = "payments"
"""The source of an event that came without an envelope."""

_ATTRIBUTE_LENGTH_MAX = 256
_is_traceparent = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """An event that came in: who says it, which one it is, and what it says."""

    source: str
    event_id: str
    event_type: str
    data: Mapping[str, Any]
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
    try:
        event = _decode(delivery.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", "must be JSON in UTF-8")) from None
    if not isinstance(event, dict):
        raise MalformedError(invalid(Reason.INVALID_FIELD, "body", "must be a JSON object"))
    if content_type == CONTENT_TYPE or "specversion" in event:
        return _cloud_event(event, delivery, environment)
    _check_environment(delivery.headers.get("environment"), environment)
    return Envelope(
        source=BARE_SOURCE,
        event_id=_attribute(delivery.message_id, "message_id"),
        event_type=_attribute(delivery.routing_key, "routing_key"),
        data=event,
        traceparent=_traceparent(delivery.headers.get("traceparent")),
    )


def render(row: OutboxRow, *, environment: str) -> bytes:
    """Render an event of the wallet. Its data is JSON already; everything else is ours and needs no escaping."""
    created_at = row.created_at.isoformat().replace("+00:00", "Z")
    traceparent = f'"traceparent":"{row.traceparent}",' if _is_traceparent(row.traceparent or "") else ""
    return (
        f'{{"specversion":"1.0","id":"{row.event_id}","source":"wallet","type":"{row.event_type}",'
        f'"subject":"{row.owner_id}","time":"{created_at}","datacontenttype":"application/json",'
        f'"environment":"{environment}","sequence":{row.sequence},{traceparent}"data":{row.data}}}'
    ).encode()


def _cloud_event(event: dict[str, Any], delivery: Delivery, environment: str) -> Envelope:
    if event.get("specversion") != "1.0":
        raise MalformedError(invalid(Reason.INVALID_FIELD, "specversion", 'must be "1.0"'))
    _check_environment(event.get("environment"), environment)
    data = event.get("data")
    if not isinstance(data, dict):
        raise MalformedError(invalid(Reason.MISSING_FIELD, "data", "must be a JSON object"))
    return Envelope(
        source=_attribute(event.get("source"), "source"),
        event_id=_attribute(event.get("id"), "id"),
        event_type=_attribute(event.get("type"), "type"),
        data=data,
        traceparent=_traceparent(event.get("traceparent") or delivery.headers.get("traceparent")),
    )


def _check_environment(given: object, environment: str) -> None:
    if given is not None and str(given).upper() != environment:
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


def _traceparent(value: object) -> str | None:
    return value if isinstance(value, str) and _is_traceparent(value) else None
