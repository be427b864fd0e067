"""What operators are told: what was looked up becomes messages."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.domain.accounts import AccountType
from wallet_grpc.rpc.players.answers import transaction
from wallet_grpc.rpc.players.requests import PLAYER_STATES
from wallet_grpc.rpc.wire import fill_timestamp
from wallet_grpc.store.backoffice.chains import ChainLink, ChainTransaction, PublicationState
from wallet_grpc.store.backoffice.events import EventDirection, EventState, ParkedEvent
from wallet_grpc.store.backoffice.hits import Hit, HitKind
from wallet_grpc.store.backoffice.overview import Overview, ShownKey, ShownRail, Verification
from wallet_grpc.store.backoffice.players import FoundPlayer, ListedPlayer
from wallet_grpc.store.backoffice.sessions import FoundSession
from wallet_grpc.store.backoffice.wallets import FoundReservation, FoundWallet
from wallet_grpc.store.backoffice.withdrawals import FoundWithdrawal
from wallet_grpc.store.reads.players import TransactionRecord

from .requests import KINDS, SESSION_STATUSES, WITHDRAWAL_STATES

_PLAYER_STATES = {state: number for number, state in PLAYER_STATES.items()}
KIND_NUMBERS = {kind: number for number, kind in KINDS.items()}
_WITHDRAWAL_STATES = {state: number for number, state in WITHDRAWAL_STATES.items()}
_SESSION_STATUSES = {status: number for number, status in SESSION_STATUSES.items()}
_LINKS = {
    ChainLink.ASKED: pb.CHAIN_LINK_ASKED,
    ChainLink.REFERENCE: pb.CHAIN_LINK_REFERENCE,
    ChainLink.REFERRER: pb.CHAIN_LINK_REFERRER,
    ChainLink.REVERSED: pb.CHAIN_LINK_REVERSED,
    ChainLink.ROLLBACK: pb.CHAIN_LINK_ROLLBACK,
}
assert set(_LINKS) == set(ChainLink)
_PUBLICATION_STATES = {
    PublicationState.PUBLISHED: pb.PUBLICATION_STATE_PUBLISHED,
    PublicationState.WAITING: pb.PUBLICATION_STATE_WAITING,
    PublicationState.PARKED: pb.PUBLICATION_STATE_PARKED,
    PublicationState.UNKNOWN: pb.PUBLICATION_STATE_UNKNOWN,
}
assert set(_PUBLICATION_STATES) == set(PublicationState)
_HIT_KINDS = {
    HitKind.PLAYER: pb.SEARCH_HIT_KIND_PLAYER,
    HitKind.TRANSACTION: pb.SEARCH_HIT_KIND_TRANSACTION,
    HitKind.DEPOSIT: pb.SEARCH_HIT_KIND_DEPOSIT,
    HitKind.WITHDRAWAL: pb.SEARCH_HIT_KIND_WITHDRAWAL,
    HitKind.OUTPUT: pb.SEARCH_HIT_KIND_OUTPUT,
    HitKind.ROUND: pb.SEARCH_HIT_KIND_ROUND,
    HitKind.SESSION: pb.SEARCH_HIT_KIND_SESSION,
    HitKind.WALLET: pb.SEARCH_HIT_KIND_WALLET,
    HitKind.LEDGER: pb.SEARCH_HIT_KIND_LEDGER,
    HitKind.PARKED_EVENT: pb.SEARCH_HIT_KIND_PARKED_EVENT,
}
assert set(_HIT_KINDS) == set(HitKind)
EVENT_DIRECTIONS = {
    pb.EVENT_DIRECTION_RECEIVED: EventDirection.RECEIVED,
    pb.EVENT_DIRECTION_PUBLISHED: EventDirection.PUBLISHED,
}
assert set(EVENT_DIRECTIONS.values()) == set(EventDirection)
_EVENT_DIRECTIONS = {direction: number for number, direction in EVENT_DIRECTIONS.items()}
EVENT_STATES = {
    pb.EVENT_STATE_PARKED: EventState.PARKED,
    pb.EVENT_STATE_WAITING: EventState.WAITING,
}
assert set(EVENT_STATES.values()) == set(EventState)
_EVENT_STATES = {state: number for number, state in EVENT_STATES.items()}


def hit(found: Hit, into: pb.SearchHit) -> pb.SearchHit:
    """Fill a hit into a message."""
    into.kind = _HIT_KINDS[found.kind]
    into.player_id = found.player_id
    into.currency_network_id = found.currency_network_id
    into.tx_id = found.tx_id
    into.source = found.source
    into.transaction_id = found.transaction_id
    if found.transaction_kind is not None:
        into.transaction_kind = KIND_NUMBERS[found.transaction_kind]
    into.session_token = found.session_token
    into.wallet_key = found.wallet_key
    into.ledger_id = found.ledger_id
    into.game_code = found.game_code
    into.round_id = found.round_id
    into.event_ref = found.event_ref
    into.amount_minor = _amount(found.amount_minor)
    _fill_time(found.created_at, into.created_at)
    return into


def player(found: FoundPlayer) -> pb.GetPlayerResponse:
    """Render a player, without what is under way."""
    message = pb.GetPlayerResponse(
        player_id=found.player_id,
        seen=found.seen,
        state=_PLAYER_STATES[found.state],
        state_actor=found.state_actor,
        state_source=found.state_source,
        state_reason=found.state_reason,
        last_tx_id=found.last_tx_id or "",
        today_truncated=found.today_truncated,
        balances=[
            pb.PlayerBalance(
                currency_network_id=network,
                available_minor=str(held.get(AccountType.MAIN, 0)),
                withdraw_hold_minor=str(held.get(AccountType.WITHDRAW_HOLD, 0)),
                session_hold_minor=str(held.get(AccountType.SESSION_HOLD, 0)),
                bonus_minor=str(held.get(AccountType.BONUS, 0)),
                total_minor=str(sum(held.values())),
            )
            for network, held in found.balances.items()
        ],
        today=[
            pb.PlayerDayTotal(
                currency_network_id=total.currency_network_id,
                kind=KIND_NUMBERS[total.kind],
                transactions=total.transactions,
                amount_minor=str(total.amount_minor),
                win_amount_minor=str(total.win_amount_minor),
            )
            for total in found.today
        ],
    )
    _fill_time(found.state_since, message.state_since)
    _fill_time(found.last_activity_at, message.last_activity_at)
    return message


def listed_player(found: ListedPlayer, into: pb.PlayerRow) -> pb.PlayerRow:
    """Fill a player of a list into a message."""
    into.player_id = found.player_id
    into.state = _PLAYER_STATES[found.state]
    _fill_time(found.last_activity_at, into.last_activity_at)
    return into


def listed_transaction(found: TransactionRecord, into: wallet_pb2.Transaction) -> wallet_pb2.Transaction:
    """Fill a transaction into a message. Operators are told each one's tx_id: they ask for more by it."""
    into.CopyFrom(transaction(found))
    into.tx_id = found.transaction.tx_id
    return into


def chain_transaction(found: ChainTransaction, into: pb.ChainTransaction) -> pb.ChainTransaction:
    """Fill a transaction of a chain into a message."""
    listed_transaction(found.record, into.transaction)
    into.link = _LINKS[found.link]
    into.linked_tx_id = found.linked_tx_id or ""
    for event in found.events:
        into.events.add(
            event_id=event.event_id,
            event_type=event.event_type,
            state=_PUBLICATION_STATES[event.state],
            failure=event.failure or "",
        )
    return into


def withdrawal(found: FoundWithdrawal, into: pb.WithdrawalRow) -> pb.WithdrawalRow:
    """Fill a withdrawal into a message."""
    into.withdrawal_id = found.withdrawal_id
    into.player_id = found.player_id
    into.currency_network_id = found.currency_network_id
    into.amount_minor = str(found.amount_minor)
    into.state = _WITHDRAWAL_STATES[found.state]
    _fill_time(found.reserved_at, into.reserved_at)
    _fill_time(found.changed_at, into.changed_at)
    into.age.FromSeconds(found.age_s)
    into.reservation_tx_id = found.reservation_tx_id or ""
    into.ending_tx_id = found.ending_tx_id or ""
    return into


def session(found: FoundSession, into: pb.SessionRow) -> pb.SessionRow:
    """Fill a session into a message."""
    into.session_token = found.session_token
    into.source = found.source
    into.player_id = found.player_id
    into.currency_network_id = found.currency_network_id
    into.game_code = found.game_code
    into.locked_balance_minor = str(found.lock_amount_minor)
    into.balance_minor = str(found.balance_minor)
    into.net_minor = _amount(found.net_minor)
    into.open_rounds = found.open_rounds
    into.status = _SESSION_STATUSES[found.status]
    into.rail = found.rail
    _fill_time(found.opened_at, into.opened_at)
    _fill_time(found.expires_at, into.expires_at)
    _fill_time(found.settled_at, into.settled_at)
    into.age.FromSeconds(found.age_s)
    into.opening_tx_id = found.session_id
    into.settlement_tx_id = found.settlement_tx_id or ""
    return into


def wallet(found: FoundWallet, into: pb.CreditWalletRow) -> pb.CreditWalletRow:
    """Fill a credit wallet into a message."""
    into.wallet_key = found.wallet_key
    into.balance_minor = str(found.balance_minor)
    into.held_minor = str(found.held_minor)
    into.available_minor = str(found.balance_minor - found.held_minor)
    into.entries = found.entries
    _fill_time(found.created_at, into.created_at)
    return into


def reservation(found: FoundReservation, into: pb.ReservationRow) -> pb.ReservationRow:
    """Fill a reservation into a message."""
    into.reservation_id = found.reservation_id
    into.amount_minor = str(found.amount_minor)
    _fill_time(found.expires_at, into.expires_at)
    into.remaining.FromSeconds(found.remaining_s)
    return into


def overview(found: Overview) -> pb.GetOverviewResponse:
    """Render the state of things."""
    message = pb.GetOverviewResponse(
        environment=found.environment,
        cells=found.cells,
        outbox_waiting=found.outbox_waiting,
        outbox_parked=found.outbox_parked,
        inbox_waiting=found.inbox_waiting,
        inbox_parked=found.inbox_parked,
        withdrawals_under_way=found.withdrawals_under_way,
        sessions_open=found.sessions_open,
        last_verification_clean=found.last_verification_clean,
    )
    _fill_time(found.as_of, message.as_of)
    _fill_time(found.last_verified_at, message.last_verified_at)
    for age_s, into in (
        (found.outbox_oldest_age_s, message.outbox_oldest_age),
        (found.oldest_withdrawal_age_s, message.oldest_withdrawal_age),
        (found.session_overdue_s, message.session_overdue),
        (found.posting_lag_s, message.posting_lag),
    ):
        _fill_age(age_s, into)
    return message


def verification(found: Verification) -> pb.Verification:
    """Render a run of `wallet verify`."""
    message = pb.Verification(
        clean=found.clean,
        transactions=found.transactions,
        entries=found.entries,
        accounts=found.accounts,
        checks=[pb.VerificationCheck(check=check, findings=findings) for check, findings in found.checks],
        findings=[
            pb.VerificationFinding(check=check, subject=subject, problem=problem)
            for check, subject, problem in found.findings
        ],
        findings_left_out=found.findings_left_out,
    )
    _fill_time(found.began_at, message.began_at)
    _fill_time(found.ended_at, message.ended_at)
    return message


def key(found: ShownKey, into: pb.Key) -> pb.Key:
    """Fill a key into a message."""
    into.key_id = found.key_id
    into.source = found.source
    into.roles.extend(found.roles)
    into.rate_per_s = found.rate_per_s or 0
    into.operator = found.operator or ""
    into.speaks_for_logins = found.speaks_for_logins
    _fill_time(found.created_at, into.created_at)
    _fill_time(found.revoked_at, into.revoked_at)
    _fill_time(found.last_used_at, into.last_used_at)
    return into


def rail(found: ShownRail) -> pb.SettlementRail:
    """Render a rail."""
    message = pb.SettlementRail(source=found.source, currency_network_id=found.currency_network_id, rail=found.rail)
    _fill_time(found.changed_at, message.changed_at)
    return message


def parked_event(found: ParkedEvent, into: pb.ParkedEvent) -> pb.ParkedEvent:
    """Fill an event of a list into a message: without what it says."""
    into.event_ref = found.event_ref
    into.direction = _EVENT_DIRECTIONS[found.direction]
    into.state = _EVENT_STATES[found.state]
    into.source = found.source
    into.event_id = found.event_id
    into.event_type = found.event_type
    into.player_id = found.player_id
    into.tx_id = found.tx_id
    into.reason = found.reason
    into.detail = found.detail
    into.waits_for = found.waits_for
    into.attempts = found.attempts
    _fill_time(found.received_at, into.received_at)
    _fill_time(found.changed_at, into.changed_at)
    _fill_time(found.due_at, into.due_at)
    return into


def shown_event(found: ParkedEvent, into: pb.ParkedEvent) -> pb.ParkedEvent:
    """Fill everything about an event into a message."""
    parked_event(found, into)
    into.body_json = found.body
    into.replay_effect = found.replay_effect
    return into


def _fill_time(moment: datetime | None, into: Timestamp) -> None:
    if moment is not None:
        fill_timestamp(moment, into)


def _fill_age(age_s: float | None, into: Duration) -> None:
    if age_s is not None:
        into.FromMilliseconds(max(0, int(age_s * 1000)))


def _amount(amount_minor: int | None) -> str:
    return "" if amount_minor is None else str(amount_minor)
