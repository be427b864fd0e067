"""Outcomes and reads of credit wallets and ledgers to proto messages."""

from __future__ import annotations

from wallet.v1 import credit_wallet_pb2 as pb
from wallet.v1 import ledger_pb2
from wallet_grpc.domain.credit.outcomes import Reserved, WriteStatus, Written
from wallet_grpc.domain.credit.state import WalletEntryKind, reservation_id_of
from wallet_grpc.domain.ledgers.outcomes import JournalPosted
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.rpc.players.answers import fill_timestamp
from wallet_grpc.rpc.status import status_of
from wallet_grpc.store.reads.credit import JournalEntryRow, JournalRow, PostingRow, WalletFacts

_STATUSES = {
    WriteStatus.ACCEPTED: pb.WALLET_STATUS_ACCEPTED,
    WriteStatus.DUPLICATE: pb.WALLET_STATUS_DUPLICATE,
}
_KINDS = {
    WalletEntryKind.CREDIT: pb.WALLET_ENTRY_KIND_CREDIT,
    WalletEntryKind.DEBIT: pb.WALLET_ENTRY_KIND_DEBIT,
    WalletEntryKind.RESERVE: pb.WALLET_ENTRY_KIND_RESERVE,
    WalletEntryKind.COMMIT: pb.WALLET_ENTRY_KIND_COMMIT,
    WalletEntryKind.RELEASE: pb.WALLET_ENTRY_KIND_RELEASE,
}
_ENDINGS = frozenset({WalletEntryKind.COMMIT, WalletEntryKind.RELEASE})


def outcome(decided: Outcome, into: pb.WalletOutcome, request_id: str) -> pb.WalletOutcome:
    """Fill the outcome of one operation of a batch into a message."""
    match decided:
        case Reserved():
            reservation(decided, into.reservation)
        case Written():
            result(decided, into.result)
        case Refusal():
            into.error.CopyFrom(status_of(decided, request_id))
        case _:
            raise AssertionError("an outcome of another service")
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


def entry(row: JournalRow, into: pb.WalletEntry) -> pb.WalletEntry:
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


def posting(row: PostingRow, into: pb.WalletPosting) -> pb.WalletPosting:
    """Fill a posting of a wallet into a message."""
    into.tx_id = row.tx_id
    into.first_entry_no = row.first_entry_no
    into.last_entry_no = row.last_entry_no
    into.amount_minor = str(row.amount_minor)
    fill_timestamp(row.created_at, into.created_at)
    return into


def ledger(facts: Ledger, into: ledger_pb2.Ledger, *, replayed: bool = False) -> ledger_pb2.Ledger:
    """Fill a ledger into a message."""
    into.ledger_id = facts.ledger_id
    into.name = facts.name
    into.currency_network_id = facts.currency_network_id
    fill_timestamp(facts.created_at, into.created_at)
    into.replayed = replayed
    return into


def journal_posted(posted: JournalPosted) -> ledger_pb2.PostJournalEntryResponse:
    """Render the answer of a direct entry."""
    message = ledger_pb2.PostJournalEntryResponse(
        tx_id=posted.tx_id,
        transaction_id=posted.transaction_id,
        accounts=[
            ledger_pb2.LedgerAccount(account_code=code, balance_minor=str(balance)) for code, balance in posted.balances
        ],
        replayed=posted.replayed,
    )
    fill_timestamp(posted.created_at, message.created_at)
    return message


def journal_entry(ledger_id: LedgerId, row: JournalEntryRow) -> ledger_pb2.JournalEntry:
    """Render a direct entry."""
    message = ledger_pb2.JournalEntry(
        tx_id=row.tx_id,
        ledger_id=ledger_id,
        source=row.source,
        transaction_id=row.transaction_id,
        postings=[
            ledger_pb2.JournalPosting(account_code=leg.account_code, amount_minor=str(leg.amount_minor))
            for leg in row.legs
        ],
        metadata=row.metadata,
    )
    fill_timestamp(row.created_at, message.created_at)
    return message
