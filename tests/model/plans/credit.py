"""Plans read as requests about credit wallets: credits, debits, reservations and their ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from model.credit import Purse
from model.plans.plan import NETWORKS, RECENT, Notes, Plan, again, pick

from wallet.v1 import credit_wallet_pb2 as pb

CALLS = (
    *["credit"] * 6, *["debit"] * 4, *["reserve"] * 5, *["commit"] * 5, *["release"] * 3, *["again"] * 4,
)  # fmt: skip
TTL_S = 3_600
NO_LEDGER = "0189abcd-0000-7000-8000-000000000001"
NO_RESERVATION = "res_0189abcd000070008000000000000001"


@dataclass(slots=True)
class CreditScribe:
    """Turns the plans of one history into requests about credit wallets."""

    notes: Notes
    ttl_s: int = TTL_S

    def request(self, source: str, plan: Plan) -> Message:
        """Build the request of a plan."""
        call = CALLS[plan.call % len(CALLS)]
        sent = [one for one in self.notes.of(source) if one.DESCRIPTOR.file is pb.DESCRIPTOR]
        made = self._again(sent, plan) if call == "again" and sent else self._made(call, source, plan)
        self.notes.of(source).append(made)
        return made

    def _made(self, call: str, source: str, plan: Plan) -> Message:
        key = self._key(source, plan)
        purse = self.notes.model.credit.purses.get(key) or Purse(key=key)
        if call in {"commit", "release"}:
            return self._end(call, purse, plan)
        has = purse.balance - purse.held(self.notes.model.books.now)
        if not has and plan.other < 8:  # mostly there is something to take
            call = "credit"
        fields: dict[str, Any] = {
            "wallet_key": key,
            "transaction_id": self._own_id(purse, plan),
            "amount_minor": str(self.notes.amount(plan, has) or 100),
        }
        match call:
            case "debit":
                return pb.DebitRequest(**fields)
            case "reserve":
                return pb.ReserveRequest(ttl_seconds=self.ttl_s, **fields)
            case _:
                return pb.CreditRequest(**fields)

    def _end(self, call: str, purse: Purse, plan: Plan) -> Message:
        model = self.notes.model
        own = [name for name, it in model.credit.reservations.items() if it.purse is purse]
        live = [name for name in own if model.credit.reservations[name].end is None]
        over = [name for name in own if model.books.now >= model.credit.reservations[name].expires_at]
        named = [NO_RESERVATION, *list(model.credit.reservations)[-1:]]
        if plan.reference < 9 and own:
            named = (live or own) if plan.reference < 4 else (over or own[-RECENT:])
        reservation_id = pick(named, plan.reference)
        if call == "release":
            return pb.ReleaseRequest(wallet_key=purse.key, reservation_id=reservation_id)
        held = model.credit.reservations.get(reservation_id)
        has = held.amount if held else 10
        amount = "" if plan.other < 4 else str(max(1, has + 1 if plan.other >= 7 else self.notes.amount(plan, has)))
        return pb.CommitRequest(wallet_key=purse.key, reservation_id=reservation_id, amount_minor=amount)

    def _again(self, sent: list[Any], plan: Plan) -> Message:
        values = {
            "amount_minor": str(1 + plan.other),
            "ttl_seconds": 77,
            "metadata": {"note": "another"},
            "reservation_id": NO_RESERVATION,
        }
        return again(sent, plan, values)

    def _key(self, source: str, plan: Plan) -> str:
        """Name a wallet: mostly in a ledger of the source's own; else in another's, or in none."""
        ledgers = self.notes.model.ledgers.by_id
        own = [ledger_id for ledger_id, one in ledgers.items() if one.creation.source == source]
        if not own or (plan.network == len(NETWORKS) - 1 and plan.own_id == 9):
            return f"{pick([NO_LEDGER, *ledgers], plan.reference)}:p{plan.player}"
        return f"{pick(own, plan.place // 8)}:p{plan.player // 2}"

    def _own_id(self, purse: Purse, plan: Plan) -> str:
        names = [name for entry in purse.entries if (name := getattr(entry.request, "transaction_id", ""))]
        return pick(names[-RECENT:], plan.reference) if names and plan.own_id >= 8 else self.notes.new_id("c")
