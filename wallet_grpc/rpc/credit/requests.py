"""Requests of credit wallets and ledgers to commands: every field is checked in its order, and refused by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wallet.v1 import credit_wallet_pb2 as pb
from wallet.v1 import ledger_pb2
from wallet_grpc.domain import fields
from wallet_grpc.domain.amounts import AMOUNT_DIGITS_MAX
from wallet_grpc.domain.credit.commands import Commit, Credit, Debit, Release, Reserve
from wallet_grpc.domain.credit.rules import RESERVATION_NOT_FOUND
from wallet_grpc.domain.credit.state import WalletAddress, reservation_key, wallet_address
from wallet_grpc.domain.identifiers import Key, Source
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId, Leg, parse_ledger_id
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.rpc.players.requests import Call
from wallet_grpc.store.reads.keys import Role

_TTL_MAX_S = 86_400
_POSTINGS_MIN = 2
_POSTINGS_MAX = 100
_is_signed = re.compile(rf"-?[1-9][0-9]{{0,{AMOUNT_DIGITS_MAX - 1}}}", re.ASCII).fullmatch


def wallet_of(wallet_key: str) -> WalletAddress:
    """Check a wallet's key."""
    address = wallet_address(fields.identifier(wallet_key, "wallet_key"))
    if address is None:
        raise fields.MalformedError(
            invalid(Reason.INVALID_FIELD, "wallet_key", "must be {ledger_id}:{caller_key}, with a ledger's UUID")
        )
    return address


def ledger_id_of(value: str) -> LedgerId:
    """Check a ledger's id; whether there is such a ledger comes later."""
    ledger_id = parse_ledger_id(fields.identifier(value, "ledger_id"))
    if ledger_id is None:
        raise fields.MalformedError(invalid(Reason.INVALID_FIELD, "ledger_id", "must be a UUID in lower case"))
    return ledger_id


def _credit(request: pb.CreditRequest, source: Source) -> Credit:
    return Credit(
        source=source,
        wallet=wallet_of(request.wallet_key),
        transaction_id=fields.transaction_id(request.transaction_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        metadata=fields.metadata(request.metadata),
    )


def _debit(request: pb.DebitRequest, source: Source) -> Debit:
    return Debit(
        source=source,
        wallet=wallet_of(request.wallet_key),
        transaction_id=fields.transaction_id(request.transaction_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        metadata=fields.metadata(request.metadata),
    )


def _reserve(request: pb.ReserveRequest, source: Source) -> Reserve:
    wallet = wallet_of(request.wallet_key)
    transaction_id = fields.transaction_id(request.transaction_id)
    amount_minor = fields.positive_amount(request.amount_minor, "amount_minor")
    metadata = fields.metadata(request.metadata)
    if not 1 <= request.ttl_seconds <= _TTL_MAX_S:
        raise fields.MalformedError(
            invalid(Reason.INVALID_FIELD, "ttl_seconds", f"must be 1 to {_TTL_MAX_S}")
            if request.ttl_seconds
            else invalid(Reason.MISSING_FIELD, "ttl_seconds", "is required")
        )
    return Reserve(
        source=source,
        wallet=wallet,
        transaction_id=transaction_id,
        amount_minor=amount_minor,
        metadata=metadata,
        ttl_s=request.ttl_seconds,
    )


def _commit(request: pb.CommitRequest, source: Source) -> Commit:
    wallet = wallet_of(request.wallet_key)
    fields.identifier(request.reservation_id, "reservation_id")
    amount_minor = fields.positive_amount(request.amount_minor, "amount_minor") if request.amount_minor else None
    return Commit(
        source=source,
        wallet=wallet,
        reservation_key=_reservation(request.reservation_id),
        amount_minor=amount_minor,
    )


def _release(request: pb.ReleaseRequest, source: Source) -> Release:
    wallet = wallet_of(request.wallet_key)
    fields.identifier(request.reservation_id, "reservation_id")
    return Release(source=source, wallet=wallet, reservation_key=_reservation(request.reservation_id))


def _reservation(reservation_id: str) -> Key:
    """Read an id that has the right shape; one that is none of ours names no reservation."""
    key = reservation_key(reservation_id)
    if key is None:
        raise fields.MalformedError(RESERVATION_NOT_FOUND)
    return key


CREDIT_CALLS: Mapping[str, Call] = {
    "credit": Call(Role.CREDIT, _credit),
    "debit": Call(Role.CREDIT, _debit),
    "reserve": Call(Role.CREDIT, _reserve),
    "commit": Call(Role.CREDIT, _commit),
    "release": Call(Role.CREDIT, _release),
}
"""Every mutation by its name in `WalletOperation`."""


def _create_ledger(request: ledger_pb2.CreateLedgerRequest, source: Source) -> CreateLedger:
    return CreateLedger(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        name=fields.required_text(request.name, "name"),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
    )


LEDGER_CALLS: Mapping[str, Call] = {"create_ledger": Call(Role.CREDIT, _create_ledger)}


def journal_entry_of(
    request: ledger_pb2.PostJournalEntryRequest, source: Source, ledger: Ledger, legs: tuple[Leg, ...]
) -> PostJournalEntry:
    """Make the command, for the ledger that it names."""
    return PostJournalEntry(
        source=source,
        transaction_id=request.transaction_id,
        ledger_id=ledger.ledger_id,
        owner_id=ledger.owner_id,
        currency_network_id=ledger.currency_network_id,
        legs=legs,
        metadata=fields.metadata(request.metadata),
    )


def legs_of(postings: Sequence[ledger_pb2.JournalPosting]) -> tuple[Leg, ...]:
    """Check the postings of an entry; whether they sum to zero comes later."""
    if not postings:
        raise fields.MalformedError(invalid(Reason.MISSING_FIELD, "postings", "is required"))
    if not _POSTINGS_MIN <= len(postings) <= _POSTINGS_MAX:
        raise fields.MalformedError(
            invalid(Reason.INVALID_FIELD, "postings", f"must be {_POSTINGS_MIN} to {_POSTINGS_MAX}")
        )
    return tuple(
        Leg(fields.identifier(posting.account_code, "account_code"), _signed_amount(posting.amount_minor))
        for posting in postings
    )


def _signed_amount(text: str) -> int:
    if not _is_signed(text):
        raise fields.MalformedError(
            invalid(
                Reason.INVALID_AMOUNT,
                "amount_minor",
                "must be whole minor units, not 0: 1 to 38 digits without leading zero, `-` before them for DR",
            )
        )
    return int(text)
