"""The ledgers' rules of the reference model: their creation, their entries, their accounts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from model.core import Answer, Books, RefusedError, Stored, Unknown, refuse_difference

from wallet.v1 import ledger_pb2 as pb
from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.ledgers.state import new_ledger_owner


@dataclass(slots=True, kw_only=True, eq=False)
class Ledger:
    """A ledger, with what was posted in it."""

    creation: Stored
    balances: Counter[str] = field(default_factory=Counter)
    """By account code."""
    entries: list[Stored] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        """What every answer tells of it."""
        request = self.creation.request
        return {
            "ledger_id": Unknown("ledger_id", self),
            "name": request.name,
            "currency_network_id": request.currency_network_id,
            "created_at": self.creation.created_at,
        }


@dataclass(slots=True)
class Ledgers:
    """All ledgers, and what the calls about them must be answered."""

    books: Books
    all: list[Ledger] = field(default_factory=list)
    by_id: dict[str, Ledger] = field(default_factory=dict)
    """Once the wallet has told their ids."""

    def send(self, source: str, request: Any) -> Answer:
        """Execute a request."""
        match request:
            case pb.CreateLedgerRequest():
                return self._create(source, request)
            case pb.PostJournalEntryRequest():
                return self._post(source, request)
        raise AssertionError(type(request))

    def of(self, source: str, ledger_id: str) -> Ledger:
        """Find a ledger; another source's is not there."""
        ledger = self.by_id.get(ledger_id)
        if ledger is None or ledger.creation.source != source:
            raise RefusedError("LEDGER_NOT_FOUND")
        return ledger

    def _create(self, source: str, request: Any) -> Answer:
        name = self.books.name(source, new_ledger_owner(Source(source), request.transaction_id), request.transaction_id)
        known = self.books.known(name)
        if known is not None:
            refuse_difference(request, known.request, ("name", "currency_network_id"))
            ledger = next(one for one in self.all if one.creation is known)
            return Answer(pb.Ledger, ledger.facts | {"replayed": True})
        stored = Stored(source=source, own_id=request.transaction_id, request=request, whose=None)
        self.books.own[name] = stored
        self.all.append(Ledger(creation=stored))
        return Answer(pb.Ledger, self.all[-1].facts | {"replayed": False})

    def _post(self, source: str, request: Any) -> Answer:
        ledger = self.of(source, request.ledger_id)
        owner_id = new_ledger_owner(Source(source), ledger.creation.own_id)
        name = self.books.name(source, owner_id, request.transaction_id)
        known = self.books.known(name)
        if known is not None:
            self._refuse_another(request, known.request)
            return self._posted(ledger, known, replayed=True)
        total = sum(int(posting.amount_minor) for posting in request.postings)
        if total:
            raise RefusedError("UNBALANCED_POSTINGS", total_minor=total)
        stored = Stored(source=source, own_id=request.transaction_id, request=request, whose=None)
        self.books.own[name] = stored
        for posting in request.postings:
            ledger.balances[posting.account_code] += int(posting.amount_minor)
        ledger.entries.append(stored)
        return self._posted(ledger, stored, replayed=False)

    def _refuse_another(self, request: Any, known: Any) -> None:
        refuse_difference(request, known, ("ledger_id",))
        if list(request.postings) != list(known.postings):
            raise RefusedError("IDEMPOTENCY_KEY_REUSED", field="postings")

    def _posted(self, ledger: Ledger, entry: Stored, *, replayed: bool) -> Answer:
        codes = sorted({posting.account_code for posting in entry.request.postings})
        return Answer(
            pb.PostJournalEntryResponse,
            {
                "tx_id": entry.tx_id,
                "transaction_id": entry.own_id,
                "accounts": [self.account(ledger, code).fields for code in codes],
                "replayed": replayed,
                "created_at": entry.created_at,
            },
        )

    # ---------------------------------------------------------------------------------------------------------- reads

    def account(self, ledger: Ledger, code: str) -> Answer:
        """Tell what GetLedgerAccount must answer of now."""
        return Answer(pb.LedgerAccount, {"account_code": code, "balance_minor": str(ledger.balances[code])})

    def entry(self, ledger: Ledger, entry: Stored) -> Answer:
        """Tell what GetJournalEntry must answer."""
        return Answer(
            pb.JournalEntry,
            {
                "tx_id": entry.tx_id,
                "ledger_id": Unknown("ledger_id", ledger),
                "source": entry.source,
                "transaction_id": entry.own_id,
                "postings": [
                    {"account_code": posting.account_code, "amount_minor": posting.amount_minor}
                    for posting in entry.request.postings
                ],
                "metadata": dict(entry.request.metadata),
                "created_at": entry.created_at,
            },
        )
