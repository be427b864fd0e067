"""Events as the ledger tells them: a row of the outbox names a transaction, and what the event says stands there.

Transactions and currency networks never change, so an event is the same each time it is made: by a relay, by another
one after a crash, for an operator, years later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.events import EVENT_TYPES, Event, EventType
from wallet_grpc.domain.transactions import TransactionStatus
from wallet_grpc.store.batch.transactions import ToldTransaction, told_transaction_of
from wallet_grpc.store.connection.arrays import literal, words

from .event_data import NetworkNames, event_data

_EVENT_TYPES = {kind.value: types for kind, types in EVENT_TYPES.items()}
"""By their text: a member of an enum costs half a microsecond to find by its call."""


class UntellableEventError(Exception):
    """The ledger does not tell an event: it has no such transaction, or one that has no such event."""


class NamedEvent(NamedTuple):
    """What stands in a row of the outbox: of which transaction it is an event, and which one."""

    outbox_id: int
    owner_id: int
    tx_id: str
    event_no: int
    sequence: int
    traceparent: str | None


class ToldEvent(Struct, frozen=True):
    """An event as subscribers get it; its envelope is the relay's."""

    event_id: str
    event_type: str
    owner_id: int
    occurred_at: str
    """In RFC 3339."""
    sequence: int
    traceparent: str | None
    data: str
    """JSON."""


class OutboxRow(Struct, frozen=True):
    """An event that is to be published. What the ledger tells of it is looked at when asked for: a fault is its own."""

    outbox_id: int
    owner_id: int
    tx_id: str
    event_no: int
    sequence: int
    traceparent: str | None
    facts: ToldTransaction | None
    """None where the ledger has no such transaction."""

    @property
    def event_id(self) -> str:
        """What subscribers know it by."""
        return f"{self.tx_id}-{self.event_no}"

    @property
    def event_type(self) -> EventType:
        """What kind of event it is.

        Raises:
            UntellableEventError: The ledger does not tell.
        """
        facts = self._known()
        types = _EVENT_TYPES.get(facts.kind, ()) if facts.status == TransactionStatus.APPLIED.value else ()
        if not 0 < self.event_no <= len(types):
            raise UntellableEventError(f"a {facts.status} {facts.kind} has no event {self.event_no}")
        return types[self.event_no - 1]

    @property
    def created_at(self) -> datetime:
        """When it happened.

        Raises:
            UntellableEventError: The ledger does not tell.
            ValueError: It is no time that can be told.
        """
        return self._known().created_at

    def tell(self) -> ToldEvent:
        """Make the event.

        Raises:
            UntellableEventError: The ledger does not tell it.
            ValueError: It happened at no time that can be told.
        """
        facts, event_type = self._known(), self.event_type
        names = None
        if facts.currency is not None and facts.network is not None:
            names = NetworkNames(facts.currency, facts.network)
        transaction = told_transaction_of(facts)
        occurred_at = rfc_3339(transaction.created_at)
        event = Event(transaction=transaction, event_no=self.event_no, sequence=self.sequence)
        return ToldEvent(
            self.event_id,
            event_type,
            self.owner_id,
            occurred_at,
            self.sequence,
            self.traceparent,
            event_data(event, names, occurred_at),
        )

    def _known(self) -> ToldTransaction:
        if self.facts is None:
            raise UntellableEventError(f"the ledger has no transaction {self.tx_id} of owner {self.owner_id}")
        return self.facts


def facts_parameters(events: Iterable[NamedEvent]) -> dict[str, object]:
    """Give what `TOLD_TRANSACTIONS` is asked with."""
    wanted = list(dict.fromkeys((event.owner_id, event.tx_id) for event in events))
    return {
        "owner_ids": literal([owner_id for owner_id, _ in wanted]),
        "tx_ids": words([tx_id for _, tx_id in wanted]),
    }


def outbox_rows(events: Iterable[NamedEvent], facts: Iterable[ToldTransaction]) -> list[OutboxRow]:
    """Put events and what the ledger tells of them together, in the order of the events."""
    by_transaction = {(found.owner_id, found.tx_id): found for found in facts}
    return [OutboxRow(*event, by_transaction.get((event.owner_id, event.tx_id))) for event in events]


def rfc_3339(time: datetime) -> str:
    """Write a time in UTC."""
    return time.isoformat().replace("+00:00", "Z")
