"""Credit wallets and ledgers as their callers have them: requests, and one strict way to send and to be refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from support.database import Installation
from support.refusals import opened
from support.requests import USDT_TRON, fresh_id
from support.waiting import wait_until
from support.wallet import TIMEOUT_S, Caller, Sender, Wallet, patiently
from wallet.v1 import credit_wallet_pb2 as pb
from wallet.v1 import credit_wallet_pb2_grpc, ledger_pb2, ledger_pb2_grpc

OPERATIONS: dict[type[Message], str] = {
    pb.CreditRequest: "credit",
    pb.DebitRequest: "debit",
    pb.ReserveRequest: "reserve",
    pb.CommitRequest: "commit",
    pb.ReleaseRequest: "release",
}
_WALLET_CALLS: dict[type[Message], str] = {
    **{kind: name.capitalize() for kind, name in OPERATIONS.items()},
    pb.GetWalletRequest: "GetWallet",
    pb.ListWalletEntriesRequest: "ListWalletEntries",
    pb.ListPostingsRequest: "ListPostings",
}
_LEDGER_CALLS: dict[type[Message], str] = {
    ledger_pb2.CreateLedgerRequest: "CreateLedger",
    ledger_pb2.ListLedgersRequest: "ListLedgers",
    ledger_pb2.PostJournalEntryRequest: "PostJournalEntry",
    ledger_pb2.GetJournalEntryRequest: "GetJournalEntry",
    ledger_pb2.GetLedgerAccountRequest: "GetLedgerAccount",
}
ACCEPTED, DUPLICATE = pb.WALLET_STATUS_ACCEPTED, pb.WALLET_STATUS_DUPLICATE
ENTRY_NOT_POSTED = """
    SELECT count(*) FROM (SELECT subledger_id, max(entry_no) AS last_no FROM subledger_entries GROUP BY 1) AS journals
      JOIN credit_wallets ON wallet_id = subledger_id
      LEFT JOIN accounts USING (wallet_id)
      LEFT JOIN account_balances ON account_balances.account_id = accounts.account_id
     WHERE last_no <> coalesce(account_balances.version, 0)
"""


@dataclass(frozen=True, slots=True)
class Purse:
    """Builds requests about one wallet."""

    ledger_id: str
    caller_key: str = field(default_factory=lambda: fresh_id("purse"))

    @property
    def key(self) -> str:
        return f"{self.ledger_id}:{self.caller_key}"

    def credit(self, amount_minor: str = "100", **fields: Any) -> pb.CreditRequest:
        return pb.CreditRequest(**self._named("credit", amount_minor) | fields)

    def debit(self, amount_minor: str = "10", **fields: Any) -> pb.DebitRequest:
        return pb.DebitRequest(**self._named("debit", amount_minor) | fields)

    def reserve(self, amount_minor: str = "40", **fields: Any) -> pb.ReserveRequest:
        return pb.ReserveRequest(**self._named("reserve", amount_minor) | {"ttl_seconds": 600} | fields)

    def commit(self, reservation: pb.ReserveResponse | str, amount_minor: str = "") -> pb.CommitRequest:
        return pb.CommitRequest(wallet_key=self.key, reservation_id=_id_of(reservation), amount_minor=amount_minor)

    def release(self, reservation: pb.ReserveResponse | str) -> pb.ReleaseRequest:
        return pb.ReleaseRequest(wallet_key=self.key, reservation_id=_id_of(reservation))

    def read(self) -> pb.GetWalletRequest:
        return pb.GetWalletRequest(wallet_key=self.key)

    def entries(self, **fields: Any) -> pb.ListWalletEntriesRequest:
        return pb.ListWalletEntriesRequest(wallet_key=self.key, **fields)

    def postings(self, **fields: Any) -> pb.ListPostingsRequest:
        return pb.ListPostingsRequest(wallet_key=self.key, **fields)

    def _named(self, kind: str, amount_minor: str) -> dict[str, Any]:
        return {"wallet_key": self.key, "transaction_id": fresh_id(kind), "amount_minor": amount_minor}


def _id_of(reservation: pb.ReserveResponse | str) -> str:
    return reservation if isinstance(reservation, str) else reservation.reservation_id


class CreditCaller(Sender):
    """The calls of credit wallets and ledgers, under one key."""

    def __init__(self, caller: Caller, channel: grpc.Channel) -> None:
        self.wallets = credit_wallet_pb2_grpc.CreditWalletServiceStub(channel)
        self.ledgers = ledger_pb2_grpc.LedgerServiceStub(channel)
        self.credentials = caller.credentials

    def call_once(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        kind = type(request)
        stub, name = (
            (self.wallets, _WALLET_CALLS[kind]) if kind in _WALLET_CALLS else (self.ledgers, _LEDGER_CALLS[kind])
        )
        return getattr(stub, name)(request, metadata=self.credentials, timeout=timeout_s)

    def batch(self, requests: Iterable[Message], *, timeout_s: float = TIMEOUT_S) -> list[Any]:
        operations = [pb.WalletOperation(**{OPERATIONS[type(request)]: request}) for request in requests]
        batch = pb.ExecuteWalletBatchRequest(operations=operations)
        answer = patiently(lambda: self.wallets.ExecuteBatch(batch, metadata=self.credentials, timeout=timeout_s))
        assert len(answer.outcomes) == len(operations)
        return [opened(outcome) for outcome in answer.outcomes]

    # ------------------------------------------------------------------------------------------- send, with a check

    def ledger(self, name: str = "tokens", currency_network_id: int = USDT_TRON) -> str:
        """Create a ledger."""
        made = self.first(
            ledger_pb2.CreateLedgerRequest(
                transaction_id=fresh_id("ledger"), name=name, currency_network_id=currency_network_id
            )
        )
        assert not made.replayed
        return str(made.ledger_id)

    def purse(self, amount_minor: str = "100") -> Purse:
        """Create a ledger with a wallet that has this much."""
        purse = Purse(self.ledger())
        self.accepted(purse.credit(amount_minor), amount_minor, amount_minor)
        return purse

    def accepted(self, request: Message, balance_minor: str, available_minor: str) -> Any:
        return self._written(self.first(request), ACCEPTED, balance_minor, available_minor)

    def duplicate(self, request: Message, balance_minor: str, available_minor: str) -> Any:
        return self._written(self.call(request), DUPLICATE, balance_minor, available_minor)

    def holds(self, purse: Purse, balance_minor: str, available_minor: str) -> None:
        found = self.call(purse.read())
        assert (found.balance_minor, found.available_minor) == (balance_minor, available_minor), found

    def make_first(self, answer: Any) -> None:
        """Change an answer to that of a first call, if it is a replay's."""
        if getattr(answer, "status", None) == DUPLICATE:
            answer.status = ACCEPTED
        else:
            super().make_first(answer)

    def _written(self, answer: Any, status: int, balance_minor: str, available_minor: str) -> Any:
        found = (answer.status, answer.balance_minor, answer.available_minor)
        assert found == (status, balance_minor, available_minor), answer
        return answer


def credit_of(wallet: Wallet, name: str = "credit") -> CreditCaller:
    """Return the credit wallets of a wallet's caller."""
    return CreditCaller(wallet.callers[name], wallet.channel())


def wait_until_posted(installation: Installation, *, timeout_s: float = 30.0) -> None:
    """Wait until the general ledger has followed every wallet."""
    wait_until(lambda: installation.rows(ENTRY_NOT_POSTED) == [(0,)], what="all is posted", timeout_s=timeout_s)
