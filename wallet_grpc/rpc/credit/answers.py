"""Answers tell callers what became of credit wallets: outcomes and reads become messages."""

from __future__ import annotations

from typing import assert_never

from wallet.v1 import credit_wallet_pb2 as pb
from wallet_grpc.domain.credit.outcomes import Reserved, WriteStatus, Written
from wallet_grpc.domain.credit.state import WalletEntryKind, reservation_id_of
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.rpc.operations import Answering
from wallet_grpc.rpc.status import status_of
from wallet_grpc.rpc.wire import fill_timestamp
from wallet_grpc.store.reads.credit import WalletEntryRow, WalletFacts, WalletPostingRow

_STATUSES = {
    WriteStatus.ACCEPTED: pb.WALLET_STATUS_ACCEPTED,
    WriteStatus.DUPLICATE: pb.WALLET_STATUS_DUPLICATE,
}
assert set(_STATUSES) == set(WriteStatus)
_KINDS = {
    WalletEntryKind.CREDIT: pb.WALLET_ENTRY_KIND_CREDIT,
    WalletEntryKind.DEBIT: pb.WALLET_ENTRY_KIND_DEBIT,
    WalletEntryKind.RESERVE: pb.WALLET_ENTRY_KIND_RESERVE,
    WalletEntryKind.COMMIT: pb.WALLET_ENTRY_KIND_COMMIT,
    WalletEntryKind.RELEASE: pb.WALLET_ENTRY_KIND_RELEASE,
}
assert set(_KINDS) == set(WalletEntryKind)
_ENDINGS = frozenset({WalletEntryKind.COMMIT, WalletEntryKind.RELEASE})


def outcome(decided: Reserved | Written | Refusal, into: pb.WalletOutcome, request_id: str) -> pb.WalletOutcome:
    """Fill the outcome of one operation of a batch into a message."""
    match decided:
        case Written():  # the most frequent first: each case that is not it costs some time
            result(decided, into.result)
        case Reserved():
            reservation(decided, into.reservation)
        case Refusal():
            into.error.CopyFrom(status_of(decided, request_id))
        case _:
            assert_never(decided)
    return into


def result(written: Written, into: pb.WalletResult) -> pb.WalletResult:
    """Fill the answer of a write into a message."""
    into.status = _STATUSES[written.status]
    into.balance_minor = str(written.balance_minor)
    into.available_minor = str(written.available_minor)
    return into


def reservation(reserved: Reserved, into: pb.ReserveResponse) -> pb.ReserveResponse:
    """Fill the answer of a reservation into a message."""
    into.reservation_id = reservation_id_of(reserved.reservation_key)
    fill_timestamp(reserved.expires_at, into.expires_at)
    into.status = _STATUSES[reserved.status]
    into.balance_minor = str(reserved.balance_minor)
    into.available_minor = str(reserved.available_minor)
    return into


RESULT = Answering(Written, pb.WalletResult, result)
RESERVATION = Answering(Reserved, pb.ReserveResponse, reservation)


def wallet(wallet_key: str, ledger_network_id: int, facts: WalletFacts) -> pb.CreditWallet:
    """Render a wallet."""
    message = pb.CreditWallet(
        wallet_key=wallet_key,
        currency_network_id=ledger_network_id,
        balance_minor=str(facts.balance_minor),
        available_minor=str(facts.balance_minor - facts.held_minor),
        entries=facts.entries,
        posted_entries=facts.posted_entries,
    )
    fill_timestamp(facts.created_at, message.created_at)
    return message


def entry(row: WalletEntryRow, into: pb.WalletEntry) -> pb.WalletEntry:
    """Fill an entry of a journal into a message."""
    into.entry_no = row.entry_no
    into.kind = _KINDS[row.kind]
    if row.kind not in _ENDINGS:
        into.transaction_id = row.transaction_id
    if row.kind is WalletEntryKind.RESERVE:
        into.reservation_id = reservation_id_of(row.key)
    elif row.reservation_key is not None:
        into.reservation_id = reservation_id_of(row.reservation_key)
    into.amount_minor = str(row.amount_minor)
    into.change_minor = str(row.change_minor)
    into.balance_after_minor = str(row.balance_after_minor)
    into.source = row.source
    into.metadata.update(row.metadata)
    fill_timestamp(row.created_at, into.created_at)
    return into


def posting(row: WalletPostingRow, into: pb.WalletPosting) -> pb.WalletPosting:
    """Fill a posting of a wallet into a message."""
    into.tx_id = row.tx_id
    into.first_entry_no = row.first_entry_no
    into.last_entry_no = row.last_entry_no
    into.amount_minor = str(row.amount_minor)
    fill_timestamp(row.created_at, into.created_at)
    return into
