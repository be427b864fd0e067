"""The outbox's events: stored with the changes that tell them, published later by the relay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import BigInt, Json, NullableText, SmallInt, Uuid, Word
from .event_data import event_data
from .part import Decided, Reading, Step, Steps


class EventRow(NamedTuple):
    """A row of `outbox_events`; its `created_at` is the batch's time."""

    owner_id: BigInt
    tx_id: Uuid
    event_no: SmallInt
    event_type: Word
    sequence: BigInt
    data: Json
    traceparent: NullableText


OUTBOX_EVENTS = Step("outbox_events", statements(__package__, "events.sql"), EventRow)


def ask(_trip: RoundTrip, _needs: Needs, _standing_max: int) -> Iterable[Reading]:
    """Ask for nothing: no rule reads an event."""
    return ()


def write(decided: Decided, steps: Steps) -> None:
    """Write the events of every change, in the order in which they are told."""
    occurred_at = decided.now.isoformat().replace("+00:00", "Z")
    steps.add(
        OUTBOX_EVENTS,
        [
            EventRow(
                event.transaction.owner_id,
                event.transaction.tx_id,
                number,
                event.event_type,
                event.sequence,
                event_data(event, decided.networks.of(event.transaction.currency_network_id), occurred_at),
                change.traceparent,
            )
            for change in decided.book.changes
            for number, event in enumerate(change.events, start=1)
        ],
    )
