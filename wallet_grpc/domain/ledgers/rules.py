"""Ledgers of callers' own: they begin, and take balanced entries (docs/rules.md, Ledgers)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.decisions import Decision, Moment
from wallet_grpc.domain.idempotency import id_reused, id_voided
from wallet_grpc.domain.identifiers import TxId
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import NO_METADATA, Kind, Posting, Transaction, TransactionStatus

from .commands import CreateLedger, PostJournalEntry
from .outcomes import JournalPosted, LedgerCreated
from .state import Ledger, LedgerId

LEDGER_NOT_FOUND = Refusal(reason=Reason.LEDGER_NOT_FOUND, message="there is no ledger with this ledger_id")
_UNBALANCED = "the postings sum to {total} minor units, and must sum to 0"


def decide_ledger(book: Book, command: CreateLedger, moment: Moment) -> Decision:
    """Decide the beginning of a ledger."""
    stored = book.transactions.get(command.key)
    if stored is not None:
        refusal = _refuse_other(stored, Kind.LEDGER_CREATION)
        if refusal is not None:
            return Decision(refusal)
        ledger = book.ledgers.created[command.key]
        if ledger.name != command.name:
            return Decision(id_reused(command.transaction_id, "name"))
        if ledger.currency_network_id != command.currency_network_id:
            return Decision(id_reused(command.transaction_id, "currency_network_id"))
        return Decision(LedgerCreated(ledger=ledger, replayed=True))
    tx_id = moment.next_tx_id()
    ledger = Ledger(
        ledger_id=LedgerId(tx_id),
        owner_id=command.owner_id,
        source=command.source,
        name=command.name,
        currency_network_id=command.currency_network_id,
        created_at=moment.now,
    )
    transaction = Transaction(
        tx_id=tx_id,
        owner_id=command.owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.LEDGER_CREATION,
        status=TransactionStatus.APPLIED,
        currency_network_id=command.currency_network_id,
        amount_minor=0,
        main_balance_after_minor=None,
        metadata=NO_METADATA,
        created_at=moment.now,
    )
    return Decision(
        LedgerCreated(ledger=ledger, replayed=False),
        Change(owner_id=command.owner_id, transactions=(transaction,), ledger=ledger),
    )


def decide_entry(book: Book, command: PostJournalEntry, moment: Moment) -> Decision:
    """Decide an entry of a ledger."""
    stored = book.transactions.get(command.key)
    if stored is not None:
        refusal = _refuse_other(stored, Kind.JOURNAL_ENTRY)
        if refusal is not None:
            return Decision(refusal)
        if stored.reference_tx_id != TxId(command.ledger_id):
            return Decision(id_reused(command.transaction_id, "ledger_id"))
        if book.ledgers.legs.get(command.key) != command.legs:
            return Decision(id_reused(command.transaction_id, "postings"))
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
    transaction = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=command.owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.JOURNAL_ENTRY,
        status=TransactionStatus.APPLIED,
        currency_network_id=command.currency_network_id,
        amount_minor=0,
        reference_tx_id=TxId(command.ledger_id),
        main_balance_after_minor=None,
        metadata=command.metadata,
        created_at=moment.now,
        postings=tuple(
            Posting(
                account_type=AccountType.JOURNAL,
                amount_minor=leg.amount_minor,
                balance_after_minor=None,
                account_code=leg.account_code,
            )
            for leg in command.legs
        ),
    )
    return Decision(
        _posted(book, command, transaction, replayed=False),
        Change(owner_id=command.owner_id, transactions=(transaction,)),
    )


def _refuse_other(stored: Transaction, kind: Kind) -> Refusal | None:
    """Refuse an id that another call has used; ids are the source's, whatever service it calls."""
    if stored.status is TransactionStatus.TOMBSTONE:
        return id_voided(stored.reference)
    return None if stored.kind is kind else id_reused(stored.reference, "call")


def _posted(book: Book, command: PostJournalEntry, transaction: Transaction, *, replayed: bool) -> JournalPosted:
    balances = {}
    for code in sorted({leg.account_code for leg in command.legs}):
        account = book.ledgers.accounts.get((command.ledger_id, code))
        balances[code] = account.balance_minor if account else 0
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
