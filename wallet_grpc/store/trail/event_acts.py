"""What the trail tells of an operator who settles an event: has it tried again, or gives it up."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from wallet_grpc.domain.identifiers import PlayerId
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.domain.receipts import ReceiptState
from wallet_grpc.store.backoffice.events import EventRef

_RECEIVED_FACTS = ("state", "reason", "source", "event_id", "event_type")


class Settling(Enum):
    """What is done with an event."""

    REPLAY = "replay"
    DISCARD = "discard"

    @property
    def kind(self) -> ActKind:
        """What the trail calls it."""
        return ActKind.EVENT_REPLAY if self is Settling.REPLAY else ActKind.EVENT_DISCARD


class TakenEvent(NamedTuple):
    """A row of the outbox that was parked, and was taken out of it."""

    outbox_id: int
    owner_id: int
    tx_id: UUID
    event_no: int
    sequence: int
    traceparent: str | None
    failure: str | None


def received_act(settling: Settling, inbox_id: int, facts: Sequence[object], reason: str) -> Act:
    """Tell of a received event; `facts` are those of the statement that locked it."""
    state = ReceiptState.WAITING if settling is Settling.REPLAY else ReceiptState.DISCARDED
    return Act(
        kind=settling.kind,
        subject=f"event {EventRef(cell=None, number=inbox_id)}",
        reason=reason,
        before=dict(zip(_RECEIVED_FACTS, facts, strict=True)),
        after={"state": state},
    )


def published_act(
    settling: Settling, event: TakenEvent, ref: EventRef, reason: str, new: EventRef | None = None
) -> Act:
    """Tell of an event of the outbox, and what it is called now, if it is tried again."""
    return Act(
        kind=settling.kind,
        subject=f"event {ref}",
        player_id=PlayerId(event.owner_id),
        reason=reason,
        before={"tx_id": str(event.tx_id), "event_no": event.event_no, "failure": event.failure},
        after={"state": ReceiptState.DISCARDED} if new is None else {"event_ref": str(new)},
    )
