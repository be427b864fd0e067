"""Deposits and adjustments: money that comes from HOUSE, or goes back to it (docs/rules.md, rule 8)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change, DepositOutput
from wallet_grpc.domain.decisions import Decision, Moment, applied, insufficient_funds
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.domain.recorded import moved, told
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Details, Direction, Kind, Transaction

from .approvals import needs_approval
from .commands import Adjust, ApplyDeposit

_OUTPUT_CREDITED = Refusal(
    reason=Reason.IDEMPOTENCY_KEY_REUSED,
    message="this output of tx_hash was credited before, under another deposit_id",
    metadata={"field": "tx_hash"},
)


def decide_deposit(book: Book, command: ApplyDeposit, moment: Moment) -> Decision:
    """Decide a deposit whose deposit_id is new. Its output on the network is credited once, under whatever id."""
    if command.output_key is not None and book.players.deposit_outputs.of(command.output_key) > 0:
        return Decision(_OUTPUT_CREDITED)
    owner_id = OwnerId(command.player_id)
    has_details = command.tx_hash or command.output_index is not None
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.HOUSE, -command.amount_minor),
        (AccountType.MAIN, command.amount_minor),
        owner_id=owner_id,
        source=command.source,
        reference=command.deposit_id,
        key=command.key,
        kind=Kind.DEPOSIT,
        amount_minor=command.amount_minor,
        metadata=command.metadata,
        details=Details(tx_hash=command.tx_hash, output_index=command.output_index) if has_details else None,
    )
    output = None if command.output_key is None else DepositOutput(key=command.output_key, tx_id=transaction.tx_id)
    return Decision(
        applied(transaction),
        Change(owner_id=owner_id, transactions=(transaction,), events=told(book, transaction), deposit_output=output),
    )


def decide_adjustment(book: Book, command: Adjust, moment: Moment) -> Decision:
    """Decide an adjustment whose id is new. A debit needs the money to be there."""
    if command.alone_max_minor is not None and command.amount_minor > command.alone_max_minor:
        return Decision(needs_approval(command.alone_max_minor))
    owner_id = OwnerId(command.player_id)
    gain = command.amount_minor if command.direction is Direction.CREDIT else -command.amount_minor
    balance = book.balance(owner_id, command.currency_network_id, AccountType.MAIN)
    if balance + gain < 0:
        return Decision(insufficient_funds(balance))
    transaction = moved(
        book,
        moment,
        command.currency_network_id,
        (AccountType.HOUSE, -gain),
        (AccountType.MAIN, gain),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.ADJUSTMENT,
        amount_minor=command.amount_minor,
        metadata=command.metadata,
        variant=command.direction,
        details=Details(reason=command.reason, actor=command.actor),
    )
    return Decision(
        applied(transaction),
        Change(
            owner_id=owner_id,
            transactions=(transaction,),
            events=told(book, transaction),
            act=_act(command, transaction, balance),
            approval=command.approval,
        ),
    )


def _act(command: Adjust, transaction: Transaction, balance_minor: int) -> Act:
    """Tell what the operator did by an adjustment: made it alone, or approved it."""
    approval = command.approval
    player = f"player {command.player_id}"
    return Act(
        kind=ActKind.ADJUSTMENT if approval is None else ActKind.APPROVAL,
        subject=player if approval is None else f"proposal {approval.proposal_id} for {player}",
        player_id=command.player_id,
        reason=command.reason if approval is None else approval.reason,
        actor=command.actor if approval is None else "",
        result_id=transaction.tx_id,
        before={"balance_minor": str(balance_minor)},
        after={
            "balance_minor": str(transaction.main_balance_after_minor),
            "currency_network_id": command.currency_network_id,
            "direction": command.direction,
            "amount_minor": str(command.amount_minor),
            **({} if approval is None else {"proposed_by": approval.proposed_by}),
        },
    )
