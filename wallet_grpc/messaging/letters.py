"""Dead letters: messages that cannot be read, kept for people with the reason.

Nothing that a sender wrote is in force on a letter. Headers like `CC`, and properties like `expiration`, `priority` or
`user_id`, make the broker do things; so they are kept as data, as JSON text in one header. All headers of a letter
together fit in one frame, however much its sender wrote.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import aio_pika
from aio_pika import DeliveryMode

from wallet_grpc.domain.refusals import Refusal

from .frames import RawDelivery
from .properties import Properties, readable_bytes

REASON_HEADER: Final = "x-wallet-reason"
DETAIL_HEADER: Final = "x-wallet-detail"
ROUTING_KEY_HEADER: Final = "x-wallet-routing-key"
PROPERTIES_HEADER: Final = "x-wallet-properties"
"""What the sender wrote beside the body, as JSON."""
RAW_PROPERTIES_HEADER: Final = "x-wallet-raw-properties"
"""The bytes of it in base64, where not all could be read."""

_DETAIL_LENGTH_MAX = 512
_OTHERS_BYTES_MAX = 4_096
"""For the rest of a content header: four texts of the sender's, routing key, detail and reason, and all names."""
_READABLE_BYTES_MAX = 32_768
_RAW_BYTES_MAX = 65_536
_VALUE_LENGTH_MAX = 512
"""Of a value that is shown cut short, since not all values have room."""


def letter_of(
    delivery: RawDelivery, properties: Properties, refusal: Refusal, *, frame_bytes_max: int
) -> aio_pika.Message:
    """Make the letter of a message that was refused."""
    assert delivery.body is not None, "what was not held is left to the broker"
    room = max(frame_bytes_max - _OTHERS_BYTES_MAX, 0)
    headers: dict[str, Any] = {
        REASON_HEADER: refusal.reason.value,
        DETAIL_HEADER: refusal.message[:_DETAIL_LENGTH_MAX],
        ROUTING_KEY_HEADER: readable_bytes(delivery.routing_key),
        PROPERTIES_HEADER: _readable(properties.values, min(_READABLE_BYTES_MAX, room // 3)),
    }
    if properties.fault is not None:
        raw_bytes_max = min(_RAW_BYTES_MAX, room // 2) // 4 * 3  # base64 makes four of three
        headers[RAW_PROPERTIES_HEADER] = base64.b64encode(delivery.properties[:raw_bytes_max]).decode()
    return aio_pika.Message(  # of the sender's properties those that no broker acts on
        delivery.body,
        headers=headers,
        delivery_mode=DeliveryMode.PERSISTENT,
        content_type=_short(properties.text("content_type")),
        content_encoding=_short(properties.text("content_encoding")),
        message_id=_short(properties.text("message_id")),
        type=_short(properties.text("type")),
    )


def _short(text: str | None) -> str | None:
    """Give a text that AMQP can carry as a property; others are in the JSON alone."""
    return text if text is not None and len(text.encode()) <= 255 else None  # noqa: PLR2004 - its length is an octet


def _readable(values: Mapping[str, Any], bytes_max: int) -> str:
    """Render properties as JSON in ASCII; where there is no room, values are cut short, then headers left out."""
    whole = _json(values)
    if len(whole) <= bytes_max:
        return whole
    shown = {name: _cut(value) for name, value in values.items() if name != "headers"}
    headers: dict[str, Any] = {}
    left_out = 0
    size = len(_json(shown | {"headers": {}, "headers_left_out": 10**6}))
    for name, value in values.get("headers", {}).items():
        entry = {name: _cut(value)}
        size += len(_json(entry))
        if size > bytes_max:
            left_out += 1
            size -= len(_json(entry))
        else:
            headers |= entry
    shortened = _json(shown | {"headers": headers, "headers_left_out": left_out})
    return shortened if len(shortened) <= bytes_max else ""


def _cut(value: Any) -> Any:
    rendered = value if isinstance(value, str) else _json(value)
    if len(rendered) <= _VALUE_LENGTH_MAX:
        return value
    return f"{rendered[:_VALUE_LENGTH_MAX]}... ({len(rendered)} characters)"


def _json(value: Any) -> str:
    return json.dumps(value, default=_bytes_as_text, separators=(",", ":"))


def _bytes_as_text(value: bytes) -> Mapping[str, str]:
    return {"base64": base64.b64encode(value).decode()}
