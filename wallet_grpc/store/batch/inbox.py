"""The inbox's receipts: the received events that commands come from, known before or given their effect now."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.needs import Needs
from wallet_grpc.domain.receipts import KnownReceipt, ReceiptState
from wallet_grpc.store.connection.arrays import uuids
from wallet_grpc.store.connection.pipeline import RoundTrip
from wallet_grpc.store.connection.statements import statements

from .columns import Json, NullableText, Text, Uuid, key_of
from .part import Decided, Query, Reading, Step, Steps

_SQL = statements(__package__, "inbox.sql")


class LoadedReceipt(NamedTuple):
    """A row of `load_receipts`."""

    position: int
    body_hash: str
    state: str


LOAD_RECEIPTS = Query(_SQL["load_receipts"], LoadedReceipt)


def ask(trip: RoundTrip, needs: Needs, _standing_max: int) -> Iterator[Reading]:
    """Ask which of the received events were known before."""
    if needs.receipt_keys:
        parameters = {"receipt_keys": uuids(needs.receipt_keys)}
        yield LOAD_RECEIPTS.ask(trip, parameters, partial(_read_receipt, needs.receipt_keys))


def _read_receipt(receipt_keys: list[Key], book: Book, row: LoadedReceipt) -> None:
    book.inbox.receipts[receipt_keys[row.position - 1]] = KnownReceipt(
        body_key=key_of(row.body_hash), state=ReceiptState(row.state)
    )


class ReceivedRow(Struct, frozen=True, gc=False):
    """A row of `inbox_events` that is applied; the times are the batch's."""

    key_hash: Uuid
    source: Text
    event_id: Text
    event_type: Text
    body_hash: Uuid
    body: Json
    traceparent: NullableText


INBOX_EVENTS = Step("inbox_events", _SQL, ReceivedRow, order=lambda row: row.key_hash)


def write(decided: Decided, steps: Steps) -> None:
    """Write the events that have their effect by this batch."""
    steps.add(
        INBOX_EVENTS,
        [
            ReceivedRow(
                key_hash=receipt.key,
                source=receipt.source,
                event_id=receipt.event_id,
                event_type=receipt.event_type,
                body_hash=receipt.body_key,
                body=receipt.body,
                traceparent=receipt.traceparent,
            )
            for receipt in decided.book.inbox.received
        ],
    )
