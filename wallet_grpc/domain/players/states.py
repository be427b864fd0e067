"""Player states: what a player may do (docs/rules.md, rule 5)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.commands import owner_of
from wallet_grpc.domain.decisions import Decision, Moment
from wallet_grpc.domain.events import Event, EventType
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Details, Kind, OutcomeStatus, Transaction, TransactionStatus

from .commands import SetPlayerState
from .outcomes import Accepted

_BALANCE_NOT_ZERO = Refusal(
    reason=Reason.BALANCE_NOT_ZERO, message="the player still has money; a player is closed with every balance at zero"
)


def decide_state(book: Book, command: SetPlayerState, moment: Moment) -> Decision:
    """Decide a player's new state. Any player may get any state, but CLOSED only with every balance at zero."""
    owner_id = owner_of(command)
    if command.state is PlayerState.CLOSED and not book.owns_nothing(owner_id):
        return Decision(_BALANCE_NOT_ZERO)
    transaction = Transaction(
        tx_id=moment.next_tx_id(),
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.PLAYER_STATE,
        status=TransactionStatus.APPLIED,
        currency_network_id=None,
        amount_minor=0,
        variant=command.state,
        main_balance_after_minor=None,
        metadata=command.metadata,
        details=Details(reason=command.reason, actor=command.actor),
        created_at=moment.now,
    )
    owner = book.owners[owner_id]
    event = Event(
        event_type=EventType.PLAYER_STATE_CHANGED,
        transaction=transaction,
        amount_minor=0,
        balance_after_minor=None,
        sequence=(owner.version or 0) + owner.mutations + 1,
    )
    return Decision(
        Accepted(
            tx_id=None,
            transaction_id=command.transaction_id,
            status=OutcomeStatus.APPLIED,
            replayed=False,
            balance_after_minor=None,
            current_balance_minor=None,
            created_at=moment.now,
        ),
        Change(owner_id=owner_id, transactions=(transaction,), events=(event,), player_state=command.state),
    )
