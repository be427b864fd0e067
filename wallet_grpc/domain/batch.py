"""A batch: its commands decided in their order, each over what those before it left in the book."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.receipts import Receipt, refusal_of

from .commands import Command
from .decide import decide
from .decisions import Moment
from .operators import Operator
from .outcomes import Outcome


class Origin(Protocol):
    """Where a command comes from."""

    @property
    def receipt(self) -> Receipt | None:
        """The received event whose effect it is; stored with it."""

    @property
    def traceparent(self) -> str | None:
        """The trace of its request."""

    @property
    def operator(self) -> Operator | None:
        """The person who asks for it, where a person has to."""

    @property
    def request_id(self) -> str:
        """What its request is in the log."""


class Undecided(Protocol):
    """A command to be decided."""

    @property
    def command(self) -> Command: ...  # noqa: D102
    @property
    def owner_id(self) -> OwnerId: ...  # noqa: D102
    @property
    def ticket(self) -> Origin: ...  # noqa: D102


def decide_batch(
    book: Book, jobs: Iterable[Undecided], moment: Moment, held: Collection[OwnerId] = ()
) -> list[Outcome | None]:
    """Decide commands and record what they change; what the book then holds is for the store to write.

    None is the outcome of those whose owners others hold: nothing is decided for them.
    """
    outcomes: list[Outcome | None] = []
    for job in jobs:
        if job.owner_id in held:
            outcomes.append(None)
            continue
        ticket = job.ticket
        receipt = ticket.receipt
        refusal = None if receipt is None else refusal_of(receipt, book.inbox.receipts.find(receipt.key))
        if refusal is not None:
            outcomes.append(refusal)
            continue
        decision = decide(book, job.command, moment)
        outcomes.append(decision.outcome)
        if receipt is not None and isinstance(decision.outcome, Accepted):
            book.inbox.receive(receipt)
        change = decision.change
        if change is not None:
            if change.act is not None:
                _sign(change, ticket)
            book.record(change, ticket.traceparent)
    return outcomes


def _sign(change: Change, origin: Origin) -> None:
    """Note whose act a change is."""
    assert origin.operator is not None, "what only operators may do was asked for by nobody"
    change.operator, change.request_id = origin.operator, origin.request_id
