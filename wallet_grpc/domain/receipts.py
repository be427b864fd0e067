"""Receipts: events that reached the wallet's inbox, each with its effect once (docs/rules.md, Events).

A receipt is stored by the transaction that holds the event's effect, so both are there or neither. An event is known by
(source, event id). The same again changes nothing; another body under a known id contradicts what was received.
"""

from __future__ import annotations

from hashlib import sha256

from msgspec import Struct

from .identifiers import SEPARATOR, Key, hash_key
from .refusals import Reason, Refusal
from .values import Name


class ReceiptState(Name):
    """Where a received event stands."""

    WAITING = "WAITING"
    """It is early: what it names is not there yet. Tried again by itself."""
    APPLIED = "APPLIED"
    PARKED = "PARKED"
    """It cannot be applied as things are; somebody has to look."""
    DISCARDED = "DISCARDED"
    """Somebody looked, and it is not to be applied."""


class Receipt(Struct, frozen=True, kw_only=True, gc=False):
    """A received event, as the inbox keeps it."""

    key: Key
    source: str
    event_id: str
    event_type: str
    body_key: Key
    body: str
    """Its data as canonical JSON."""
    traceparent: str | None = None


class KnownReceipt(Struct, frozen=True, kw_only=True, gc=False):
    """What the inbox knows of an event that came before."""

    body_key: Key
    state: ReceiptState


def receipt_of(
    *, source: str, event_id: str, event_type: str, body: str, compared_body: str, traceparent: str | None
) -> Receipt:
    """Make the receipt of an event that has just come in.

    `body` is kept as it was sent; `compared_body` spells alike what means the same, and tells whether the event is the
    one that came under its id before.
    """
    return Receipt(
        key=hash_key("event", source, event_id),
        source=source,
        event_id=event_id,
        event_type=event_type,
        body_key=Key(sha256(f"{event_type}{SEPARATOR}{compared_body}".encode()).hexdigest()[:32]),
        body=body,
        traceparent=traceparent,
    )


def contradicting_key(receipt: Receipt) -> Key:
    """The key under which a receipt is kept whose id was used with another body."""
    return hash_key("contradicting-event", receipt.source, receipt.event_id, receipt.body_key)


CONTRADICTION = Refusal(
    reason=Reason.IDEMPOTENCY_KEY_REUSED,
    message="an event of this source came with this id and another body",
    metadata={"field": "id"},
)
DISCARDED = Refusal(reason=Reason.IDEMPOTENCY_KEY_REUSED, message="the event was discarded", metadata={"field": "id"})


def refusal_of(receipt: Receipt, known: KnownReceipt | None) -> Refusal | None:
    """Refuse an event that must not take effect, whatever it asks for."""
    if known is None:
        return None
    if known.body_key != receipt.body_key:
        return CONTRADICTION
    return DISCARDED if known.state is ReceiptState.DISCARDED else None
