"""What a batch knows of the inbox: the events that some of its commands come from, and those it gives their effect."""

from __future__ import annotations

from msgspec import Struct, field

from .identifiers import Key
from .loaded import Rows
from .receipts import KnownReceipt, Receipt, ReceiptState


class Inbox(Struct):
    """The inbox's section of the book."""

    receipts: Rows[Key, KnownReceipt] = field(default_factory=Rows)
    """By key: the received events of the batch that were known before."""
    received: list[Receipt] = field(default_factory=list)
    """The events whose effect this batch stores, or had been stored before under another id."""

    def receive(self, receipt: Receipt) -> None:
        """Note that an event has its effect, now or before, unless that was noted already."""
        known = self.receipts.find(receipt.key)
        if known is None or known.state is not ReceiptState.APPLIED:
            self.receipts[receipt.key] = KnownReceipt(body_key=receipt.body_key, state=ReceiptState.APPLIED)
            self.received.append(receipt)
