"""Plans read as requests about ledgers: their creation, and entries in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from model.plans.plan import NETWORKS, Notes, Plan, again, pick
from support.requests import changed

from wallet.v1 import ledger_pb2 as pb

CALLS = (*["create"] * 2, *["post"] * 7, *["again"] * 2)
LEDGERS_MAX = 3
CODES = ("cash", "fees", "cash", "bank")
NO_LEDGER = "0189abcd-0000-7000-8000-000000000001"


@dataclass(slots=True)
class LedgerScribe:
    """Turns the plans of one history into requests about ledgers."""

    notes: Notes

    def request(self, source: str, plan: Plan) -> Message:
        """Build the request of a plan."""
        call = CALLS[plan.call % len(CALLS)]
        ledgers = self.notes.model.ledgers.by_id
        own = [ledger_id for ledger_id, one in ledgers.items() if one.creation.source == source]
        sent = [one for one in self.notes.of(source) if one.DESCRIPTOR.file is pb.DESCRIPTOR]
        if not own or (call == "create" and len(own) < LEDGERS_MAX):
            made = self._create(source, plan)
        elif call == "again" and sent:
            made = self._again(sent, plan)
        else:
            is_elsewhere = plan.network == len(NETWORKS) - 1 and plan.own_id == 9
            ledger_id = pick([NO_LEDGER, *ledgers], plan.reference) if is_elsewhere else pick(own, plan.place)
            made = self._post(source, ledger_id, plan)
        self.notes.of(source).append(made)
        return made

    def _create(self, source: str, plan: Plan) -> Message:
        return pb.CreateLedgerRequest(
            transaction_id=self.notes.own_id(source, plan), name="tokens", currency_network_id=NETWORKS[plan.network]
        )

    def _post(self, source: str, ledger_id: str, plan: Plan) -> Message:
        amount = self.notes.amount(plan, 100) or 7
        legs = [(CODES[plan.place % len(CODES)], -amount), (CODES[plan.player], amount)]
        if plan.other >= 7:  # one more account, or an account twice
            legs = [(legs[0][0], -amount - 3), legs[1], (CODES[plan.other % len(CODES)], 3)]
        if plan.other == 5:
            legs[1] = (legs[1][0], amount + 1)
        return pb.PostJournalEntryRequest(
            ledger_id=ledger_id,
            transaction_id=self.notes.own_id(source, plan),
            postings=[pb.JournalPosting(account_code=code, amount_minor=str(gain)) for code, gain in legs],
        )

    def _again(self, sent: list[Any], plan: Plan) -> Message:
        """Send a recent request again: as it was, with another field, or with other postings."""
        first = pick(sent[-8:], plan.reference)
        if isinstance(first, pb.PostJournalEntryRequest) and plan.other < 4:
            other = changed(first)
            if plan.other == 0:
                other.postings.reverse()
            elif plan.other == 1:
                other.postings[0].account_code = "another"
            return other
        values = {
            "name": "other tokens",
            "currency_network_id": NETWORKS[plan.network],
            "metadata": {"note": "another"},
        }
        return again(sent, plan, values)
