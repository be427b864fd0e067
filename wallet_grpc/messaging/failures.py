"""Failures: how often sessions failed at a message, so that none can do so for ever."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final

from .frames import RawDelivery
from .properties import read_properties

FAILURES_MAX: Final = 3
"""At a message at which so many sessions failed, no further one is tried."""
_REMEMBERED_MAX = 1_000
_COUNTERS: Final = frozenset({"x-delivery-count", "x-acquired-count"})
"""Headers in which the broker counts its deliveries of a message."""


class Failures:
    """Counts failures by what came: a message has another delivery tag in each session."""

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}

    def note(self, delivery: RawDelivery) -> bool:
        """Count a failure at a delivery; True if it is the one that makes it stuck."""
        known_by = _known_by(delivery)
        count = self._counts.pop(known_by, 0) + 1
        self._counts[known_by] = count
        if len(self._counts) > _REMEMBERED_MAX:
            del self._counts[next(iter(self._counts))]
        return count == FAILURES_MAX

    def is_stuck(self, delivery: RawDelivery) -> bool:
        """Tell whether too many sessions failed at a delivery."""
        return bool(self._counts) and self._counts.get(_known_by(delivery), 0) >= FAILURES_MAX


def _known_by(delivery: RawDelivery) -> bytes:
    """Give what a message is known by in each session: all of it but what the broker counts."""
    properties = read_properties(delivery.properties)
    headers = {name: value for name, value in properties.headers.items() if name not in _COUNTERS}
    written = [] if properties.fault else [dict(properties.values) | {"headers": headers}]
    digest = sha256(json.dumps(written, default=_hexadecimal).encode())
    for part in (delivery.routing_key, delivery.body or b"", str(delivery.body_bytes).encode()):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def _hexadecimal(value: Any) -> str:
    return bytes(value).hex()
