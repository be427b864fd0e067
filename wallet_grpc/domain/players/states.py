"""Player states: what a player may do (docs/rules.md, rule 5)."""

from __future__ import annotations

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.book import Book
from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.decisions import Decision, Moment
from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.operators import Act, ActKind
from wallet_grpc.domain.recorded import noted, told
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.domain.transactions import Details, Kind, OutcomeStatus

from .commands import SetPlayerState
from .outcomes import Accepted

_BALANCE_NOT_ZERO = Refusal(
    reason=Reason.BALANCE_NOT_ZERO, message="the player still has money; a player is closed with every balance at zero"
)


def decide_state(book: Book, command: SetPlayerState, moment: Moment) -> Decision:
    """Decide a player's new state. Any player may get any state, but CLOSED only with every balance at zero."""
    owner_id = OwnerId(command.player_id)
    if command.state is PlayerState.CLOSED and not book.owns_nothing(owner_id):
        return Decision(_BALANCE_NOT_ZERO)
    transaction = noted(
        moment,
        None,
        owner_id=owner_id,
        source=command.source,
        reference=command.transaction_id,
        key=command.key,
        kind=Kind.PLAYER_STATE,
        amount_minor=0,
        metadata=command.metadata,
        variant=command.state,
        details=Details(reason=command.reason, actor=command.actor),
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
        Change(
            owner_id=owner_id,
            transactions=(transaction,),
            events=told(book, transaction),
            player_state=command.state,
            act=Act(
                kind=ActKind.PLAYER_STATE,
                subject=f"player {command.player_id}",
                player_id=command.player_id,
                reason=command.reason,
                actor=command.actor,
                result_id=transaction.tx_id,
                before={"state": book.owner(owner_id).state},
                after={"state": command.state},
            ),
        ),
    )
