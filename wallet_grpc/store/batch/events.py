"""The outbox's events: named beside the transactions that they tell of, which a relay makes them from later.

What an event says is not written here: it stands in the transaction (store/queues/told_events.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import BigInt, NullableText, SmallInt, Uuid
from .part import Decided, Reading, Step, Steps


class EventRow(Struct, frozen=True, gc=False):
    """A row of `outbox_events`."""

    owner_id: BigInt
    tx_id: Uuid
    event_no: SmallInt
    sequence: BigInt
    traceparent: NullableText


OUTBOX_EVENTS = Step("outbox_events", statements(__package__, "events.sql"), EventRow)


def ask(_trip: RoundTrip, _needs: Needs, _standing_max: int) -> Iterable[Reading]:
    """Ask for nothing: no rule reads an event."""
    return ()


def write(decided: Decided, steps: Steps) -> None:
    """Write the events of every change, in the order in which they are told."""
    steps.add(
        OUTBOX_EVENTS,
        [
            EventRow(
                event.transaction.owner_id,
                event.transaction.tx_id,
                event.event_no,
                event.sequence,
                change.traceparent,
            )
            for change in decided.book.changes
            for event in change.events
        ],
    )
