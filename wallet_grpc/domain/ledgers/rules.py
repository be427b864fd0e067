"""Ledgers of callers' own: they begin, and take balanced entries (docs/rules.md, Ledgers)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.decisions import Decision, Moment
from wallet_grpc.domain.idempotency import refuse_other_creation, refuse_other_posting
from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.recorded import noted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import NO_METADATA, Kind, Posting, Transaction

from .commands import CreateLedger, PostJournalEntry
from .outcomes import JournalPosted, LedgerCreated
from .state import Ledger, LedgerId

LEDGER_NOT_FOUND = Refusal(reason=Reason.LEDGER_NOT_FOUND, message="there is no ledger with this ledger_id")
_UNBALANCED = "the postings sum to {total} minor units, and must sum to 0"


def decide_ledger(book: Book, command: CreateLedger, moment: Moment) -> Decision:
    """Decide the beginning of a ledger."""
    stored = book.transactions.find(command.key)
    if stored is not None:
        created = book.ledgers.created.find(command.key)
        refusal = refuse_other_creation(command, stored, created)
        if refusal is not None:
            return Decision(refusal)
        assert created is not None
        return Decision(LedgerCreated(ledger=created, replayed=True))
    tx_id = moment.next_tx_id()
    ledger = Ledger(
        ledger_id=LedgerId(tx_id),
        owner_id=command.owner_id,
        source=command.source,
        name=command.name,
        currency_network_id=command.currency_network_id,
        created_at=moment.now,
    )
    transaction = noted(
        moment,
        command.currency_network_id,
        tx_id=tx_id,
        owner_id=command.owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.LEDGER_CREATION,
        amount_minor=0,
        metadata=NO_METADATA,
    )
    return Decision(
        LedgerCreated(ledger=ledger, replayed=False),
        Change(owner_id=command.owner_id, transactions=(transaction,), ledger=ledger),
    )


def decide_entry(book: Book, command: PostJournalEntry, moment: Moment) -> Decision:
    """Decide an entry of a ledger."""
    stored = book.transactions.find(command.key)
    if stored is not None:
        refusal = refuse_other_posting(command, stored, book.ledgers.legs.find(command.key))
        if refusal is not None:
            return Decision(refusal)
        return Decision(_posted(book, command, stored, replayed=True))
    total = sum(leg.amount_minor for leg in command.legs)
    if total != 0:
        return Decision(
            Refusal(
                reason=Reason.UNBALANCED_POSTINGS,
                message=_UNBALANCED.format(total=total),
                metadata={"total_minor": str(total)},
            )
        )
    transaction = noted(
        moment,
        command.currency_network_id,
        postings=tuple(
            Posting(
                account_type=AccountType.JOURNAL,
                amount_minor=leg.amount_minor,
                balance_after_minor=None,
                account_code=leg.account_code,
            )
            for leg in command.legs
        ),
        owner_id=command.owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.JOURNAL_ENTRY,
        amount_minor=0,
        metadata=command.metadata,
        reference_tx_id=TxId(command.ledger_id),
    )
    return Decision(
        _posted(book, command, transaction, replayed=False),
        Change(owner_id=command.owner_id, transactions=(transaction,)),
    )


def _posted(book: Book, command: PostJournalEntry, transaction: Transaction, *, replayed: bool) -> JournalPosted:
    balances = {}
    for code in sorted({leg.account_code for leg in command.legs}):
        balances[code] = book.ledgers.balance((command.ledger_id, code))
    if not replayed:
        for leg in command.legs:
            balances[leg.account_code] += leg.amount_minor
    return JournalPosted(
        tx_id=transaction.tx_id,
        transaction_id=transaction.reference,
        balances=tuple(balances.items()),
        created_at=transaction.created_at,
        replayed=replayed,
    )
