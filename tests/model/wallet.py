"""The reference model: the four capabilities over one set of books, which tell how every request must be answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from model.core import Answer, Books, No, RefusedError, Unknown
from model.credit import Credit, Reservation
from model.ledgers import Ledger, Ledgers
from model.players import Players
from model.sessions import Session, Sessions

from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2


@dataclass(slots=True)
class Model:
    """The wallet in memory."""

    books: Books
    players: Players = field(init=False)
    sessions: Sessions = field(init=False)
    ledgers: Ledgers = field(init=False)
    credit: Credit = field(init=False)
    names: dict[Unknown, Any] = field(default_factory=dict)
    """What the wallet chose."""
    taken: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Put the capabilities over the books."""
        self.players = Players(self.books)
        self.sessions = Sessions(self.books, self.players)
        self.ledgers = Ledgers(self.books)
        self.credit = Credit(self.books, self.ledgers)

    @classmethod
    def at(cls, now: datetime, currencies: dict[int, tuple[str, str]]) -> Model:
        """Begin with nothing."""
        return cls(Books(now, currencies))

    def send(self, source: str, request: Any) -> Answer | No:
        """Execute a request and tell how it must be answered."""
        try:
            return self._capability(request).send(source, request)
        except RefusedError as refused:
            return refused.no

    def _capability(self, request: Any) -> Players | Sessions | Credit | Ledgers:
        services = {
            wallet_pb2.DESCRIPTOR: self.players,
            session_pb2.DESCRIPTOR: self.sessions,
            credit_wallet_pb2.DESCRIPTOR: self.credit,
            ledger_pb2.DESCRIPTOR: self.ledgers,
        }
        return services[request.DESCRIPTOR.file]

    def learn(self, unknown: Unknown, value: Any) -> Any:
        """Note what the wallet chose, and give what it chose first; no two things may have the same name."""
        if unknown not in self.names:
            if unknown.is_name:
                assert value, f"an empty {unknown.what}"
                assert (unknown.what, value) not in self.taken, f"{unknown.what} {value} is another's"
                self.taken.add((unknown.what, value))
            self.names[unknown] = value
            self._name(unknown, value)
        return self.names[unknown]

    def _name(self, unknown: Unknown, value: Any) -> None:
        match unknown.of:
            case Session() if unknown.what == "session_token":
                self.sessions.by_token[value] = unknown.of
            case Ledger() if unknown.what == "ledger_id":
                self.ledgers.by_id[value] = unknown.of
            case Reservation() if unknown.what == "reservation_id":
                self.credit.reservations[value] = unknown.of
