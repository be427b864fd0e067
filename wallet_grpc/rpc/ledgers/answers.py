"""Answers tell callers what became of ledgers: outcomes and reads become messages."""

from __future__ import annotations

from wallet.v1 import ledger_pb2 as pb
from wallet_grpc.domain.ledgers.outcomes import JournalPosted, LedgerCreated
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId
from wallet_grpc.rpc.operations import Answering
from wallet_grpc.rpc.wire import fill_timestamp
from wallet_grpc.store.reads.ledgers import JournalEntryRow


def ledger_created(created: LedgerCreated, into: pb.Ledger) -> pb.Ledger:
    """Fill the answer of a creation into a message."""
    ledger(created.ledger, into)
    into.replayed = created.replayed
    return into


LEDGER_CREATED = Answering(LedgerCreated, pb.Ledger, ledger_created)


def ledger(facts: Ledger, into: pb.Ledger) -> pb.Ledger:
    """Fill a ledger into a message."""
    into.ledger_id = facts.ledger_id
    into.name = facts.name
    into.currency_network_id = facts.currency_network_id
    fill_timestamp(facts.created_at, into.created_at)
    return into


def journal_posted(posted: JournalPosted) -> pb.PostJournalEntryResponse:
    """Render the answer of a direct entry."""
    message = pb.PostJournalEntryResponse(
        tx_id=posted.tx_id,
        transaction_id=posted.transaction_id,
        accounts=[pb.LedgerAccount(account_code=code, balance_minor=str(balance)) for code, balance in posted.balances],
        replayed=posted.replayed,
    )
    fill_timestamp(posted.created_at, message.created_at)
    return message


def journal_entry(ledger_id: LedgerId, row: JournalEntryRow) -> pb.JournalEntry:
    """Render a direct entry."""
    message = pb.JournalEntry(
        tx_id=row.tx_id,
        ledger_id=ledger_id,
        source=row.source,
        transaction_id=row.transaction_id,
        postings=[
            pb.JournalPosting(account_code=leg.account_code, amount_minor=str(leg.amount_minor)) for leg in row.legs
        ],
        metadata=row.metadata,
    )
    fill_timestamp(row.created_at, message.created_at)
    return message
