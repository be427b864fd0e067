"""Requests become credit wallets' commands: every field is checked here, in its order, and refused by its name.

Each maker is a row of OPERATIONS in `service.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable

from wallet.v1 import credit_wallet_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.credit.commands import Commit, Credit, CreditCommand, Debit, Release, Reserve
from wallet_grpc.domain.credit.rules import RESERVATION_NOT_FOUND
from wallet_grpc.domain.credit.state import WalletAddress, reservation_key, wallet_address
from wallet_grpc.domain.identifiers import Key, Source
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.rpc.operations import Directories

_TTL_MAX_S = 86_400


def wallet_of(wallet_key: str) -> WalletAddress:
    """Check a wallet's key."""
    address = wallet_address(fields.identifier(wallet_key, "wallet_key"))
    if address is None:
        raise fields.MalformedError(
            invalid(Reason.INVALID_FIELD, "wallet_key", "must be {ledger_id}:{caller_key}, with a ledger's UUID")
        )
    return address


def in_own_ledger(command: CreditCommand, known: Directories) -> Awaitable[object] | None:
    """Refuse a wallet of a ledger that is not there, or is another source's."""
    ledger_id = command.wallet.ledger_id
    ledger = known.ledgers.known(ledger_id)
    if ledger is not None and ledger.source == command.source:
        return None
    return known.ledgers.require(ledger_id, lambda ledger: ledger.source == command.source)


def credit(request: pb.CreditRequest, source: Source) -> Credit:
    """Read a credit."""
    return Credit(
        source=source,
        wallet=wallet_of(request.wallet_key),
        transaction_id=fields.transaction_id(request.transaction_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        metadata=fields.metadata(request.metadata),
    )


def debit(request: pb.DebitRequest, source: Source) -> Debit:
    """Read a debit."""
    return Debit(
        source=source,
        wallet=wallet_of(request.wallet_key),
        transaction_id=fields.transaction_id(request.transaction_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        metadata=fields.metadata(request.metadata),
    )


def reserve(request: pb.ReserveRequest, source: Source) -> Reserve:
    """Read a reservation."""
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


def commit(request: pb.CommitRequest, source: Source) -> Commit:
    """Read a commit; without an amount it is of all that is held."""
    wallet = wallet_of(request.wallet_key)
    fields.identifier(request.reservation_id, "reservation_id")
    amount_minor = fields.positive_amount(request.amount_minor, "amount_minor") if request.amount_minor else None
    return Commit(
        source=source,
        wallet=wallet,
        reservation_key=_reservation(request.reservation_id),
        amount_minor=amount_minor,
    )


def release(request: pb.ReleaseRequest, source: Source) -> Release:
    """Read a release."""
    wallet = wallet_of(request.wallet_key)
    fields.identifier(request.reservation_id, "reservation_id")
    return Release(source=source, wallet=wallet, reservation_key=_reservation(request.reservation_id))


def _reservation(reservation_id: str) -> Key:
    """Read an id that has the right shape; one that is none of ours names no reservation."""
    key = reservation_key(reservation_id)
    if key is None:
        raise fields.MalformedError(RESERVATION_NOT_FOUND)
    return key
