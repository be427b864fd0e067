import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from wallet.v1 import session_pb2 as _session_pb2
from wallet.v1 import wallet_pb2 as _wallet_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SearchHitKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEARCH_HIT_KIND_UNSPECIFIED: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_PLAYER: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_TRANSACTION: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_DEPOSIT: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_WITHDRAWAL: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_OUTPUT: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_ROUND: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_SESSION: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_WALLET: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_LEDGER: _ClassVar[SearchHitKind]
    SEARCH_HIT_KIND_PARKED_EVENT: _ClassVar[SearchHitKind]

class ChainLink(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAIN_LINK_UNSPECIFIED: _ClassVar[ChainLink]
    CHAIN_LINK_ASKED: _ClassVar[ChainLink]
    CHAIN_LINK_REFERENCE: _ClassVar[ChainLink]
    CHAIN_LINK_REFERRER: _ClassVar[ChainLink]
    CHAIN_LINK_REVERSED: _ClassVar[ChainLink]
    CHAIN_LINK_ROLLBACK: _ClassVar[ChainLink]

class PublicationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PUBLICATION_STATE_UNSPECIFIED: _ClassVar[PublicationState]
    PUBLICATION_STATE_PUBLISHED: _ClassVar[PublicationState]
    PUBLICATION_STATE_WAITING: _ClassVar[PublicationState]
    PUBLICATION_STATE_PARKED: _ClassVar[PublicationState]
    PUBLICATION_STATE_UNKNOWN: _ClassVar[PublicationState]

class WithdrawalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WITHDRAWAL_STATE_UNSPECIFIED: _ClassVar[WithdrawalState]
    WITHDRAWAL_STATE_RESERVED: _ClassVar[WithdrawalState]
    WITHDRAWAL_STATE_BROADCASTED: _ClassVar[WithdrawalState]
    WITHDRAWAL_STATE_SETTLED: _ClassVar[WithdrawalState]
    WITHDRAWAL_STATE_FAILED: _ClassVar[WithdrawalState]

class EventDirection(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_DIRECTION_UNSPECIFIED: _ClassVar[EventDirection]
    EVENT_DIRECTION_RECEIVED: _ClassVar[EventDirection]
    EVENT_DIRECTION_PUBLISHED: _ClassVar[EventDirection]

class EventState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVENT_STATE_UNSPECIFIED: _ClassVar[EventState]
    EVENT_STATE_PARKED: _ClassVar[EventState]
    EVENT_STATE_WAITING: _ClassVar[EventState]

class OperatorActionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATOR_ACTION_KIND_UNSPECIFIED: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_ADJUSTMENT: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_PLAYER_STATE: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_PROPOSAL: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_APPROVAL: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_REFUSAL: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_KEY_CREATION: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_KEY_LIMIT: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_KEY_REVOCATION: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_RAIL: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_CURRENCY_NETWORK: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_LEDGER_CREATION: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_EVENT_REPLAY: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_EVENT_DISCARD: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_BALANCES_REBUILD: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_MIGRATION: _ClassVar[OperatorActionKind]
    OPERATOR_ACTION_KIND_FREEZE: _ClassVar[OperatorActionKind]

class OperatorChannel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATOR_CHANNEL_UNSPECIFIED: _ClassVar[OperatorChannel]
    OPERATOR_CHANNEL_CALL: _ClassVar[OperatorChannel]
    OPERATOR_CHANNEL_COMMAND: _ClassVar[OperatorChannel]
    OPERATOR_CHANNEL_CONSOLE: _ClassVar[OperatorChannel]

class ProposalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROPOSAL_STATE_UNSPECIFIED: _ClassVar[ProposalState]
    PROPOSAL_STATE_OPEN: _ClassVar[ProposalState]
    PROPOSAL_STATE_APPROVED: _ClassVar[ProposalState]
    PROPOSAL_STATE_APPLIED: _ClassVar[ProposalState]
    PROPOSAL_STATE_REFUSED: _ClassVar[ProposalState]
    PROPOSAL_STATE_FAILED: _ClassVar[ProposalState]

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_APPROVE: _ClassVar[Decision]
    DECISION_REFUSE: _ClassVar[Decision]

class RevenueBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVENUE_BY_UNSPECIFIED: _ClassVar[RevenueBy]
    REVENUE_BY_DAY: _ClassVar[RevenueBy]
    REVENUE_BY_SOURCE: _ClassVar[RevenueBy]
    REVENUE_BY_GAME: _ClassVar[RevenueBy]
    REVENUE_BY_CURRENCY_NETWORK: _ClassVar[RevenueBy]
SEARCH_HIT_KIND_UNSPECIFIED: SearchHitKind
SEARCH_HIT_KIND_PLAYER: SearchHitKind
SEARCH_HIT_KIND_TRANSACTION: SearchHitKind
SEARCH_HIT_KIND_DEPOSIT: SearchHitKind
SEARCH_HIT_KIND_WITHDRAWAL: SearchHitKind
SEARCH_HIT_KIND_OUTPUT: SearchHitKind
SEARCH_HIT_KIND_ROUND: SearchHitKind
SEARCH_HIT_KIND_SESSION: SearchHitKind
SEARCH_HIT_KIND_WALLET: SearchHitKind
SEARCH_HIT_KIND_LEDGER: SearchHitKind
SEARCH_HIT_KIND_PARKED_EVENT: SearchHitKind
CHAIN_LINK_UNSPECIFIED: ChainLink
CHAIN_LINK_ASKED: ChainLink
CHAIN_LINK_REFERENCE: ChainLink
CHAIN_LINK_REFERRER: ChainLink
CHAIN_LINK_REVERSED: ChainLink
CHAIN_LINK_ROLLBACK: ChainLink
PUBLICATION_STATE_UNSPECIFIED: PublicationState
PUBLICATION_STATE_PUBLISHED: PublicationState
PUBLICATION_STATE_WAITING: PublicationState
PUBLICATION_STATE_PARKED: PublicationState
PUBLICATION_STATE_UNKNOWN: PublicationState
WITHDRAWAL_STATE_UNSPECIFIED: WithdrawalState
WITHDRAWAL_STATE_RESERVED: WithdrawalState
WITHDRAWAL_STATE_BROADCASTED: WithdrawalState
WITHDRAWAL_STATE_SETTLED: WithdrawalState
WITHDRAWAL_STATE_FAILED: WithdrawalState
EVENT_DIRECTION_UNSPECIFIED: EventDirection
EVENT_DIRECTION_RECEIVED: EventDirection
EVENT_DIRECTION_PUBLISHED: EventDirection
EVENT_STATE_UNSPECIFIED: EventState
EVENT_STATE_PARKED: EventState
EVENT_STATE_WAITING: EventState
OPERATOR_ACTION_KIND_UNSPECIFIED: OperatorActionKind
OPERATOR_ACTION_KIND_ADJUSTMENT: OperatorActionKind
OPERATOR_ACTION_KIND_PLAYER_STATE: OperatorActionKind
OPERATOR_ACTION_KIND_PROPOSAL: OperatorActionKind
OPERATOR_ACTION_KIND_APPROVAL: OperatorActionKind
OPERATOR_ACTION_KIND_REFUSAL: OperatorActionKind
OPERATOR_ACTION_KIND_KEY_CREATION: OperatorActionKind
OPERATOR_ACTION_KIND_KEY_LIMIT: OperatorActionKind
OPERATOR_ACTION_KIND_KEY_REVOCATION: OperatorActionKind
OPERATOR_ACTION_KIND_RAIL: OperatorActionKind
OPERATOR_ACTION_KIND_CURRENCY_NETWORK: OperatorActionKind
OPERATOR_ACTION_KIND_LEDGER_CREATION: OperatorActionKind
OPERATOR_ACTION_KIND_EVENT_REPLAY: OperatorActionKind
OPERATOR_ACTION_KIND_EVENT_DISCARD: OperatorActionKind
OPERATOR_ACTION_KIND_BALANCES_REBUILD: OperatorActionKind
OPERATOR_ACTION_KIND_MIGRATION: OperatorActionKind
OPERATOR_ACTION_KIND_FREEZE: OperatorActionKind
OPERATOR_CHANNEL_UNSPECIFIED: OperatorChannel
OPERATOR_CHANNEL_CALL: OperatorChannel
OPERATOR_CHANNEL_COMMAND: OperatorChannel
OPERATOR_CHANNEL_CONSOLE: OperatorChannel
PROPOSAL_STATE_UNSPECIFIED: ProposalState
PROPOSAL_STATE_OPEN: ProposalState
PROPOSAL_STATE_APPROVED: ProposalState
PROPOSAL_STATE_APPLIED: ProposalState
PROPOSAL_STATE_REFUSED: ProposalState
PROPOSAL_STATE_FAILED: ProposalState
DECISION_UNSPECIFIED: Decision
DECISION_APPROVE: Decision
DECISION_REFUSE: Decision
REVENUE_BY_UNSPECIFIED: RevenueBy
REVENUE_BY_DAY: RevenueBy
REVENUE_BY_SOURCE: RevenueBy
REVENUE_BY_GAME: RevenueBy
REVENUE_BY_CURRENCY_NETWORK: RevenueBy

class SearchRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("hits", "truncated")
    HITS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[SearchHit]
    truncated: bool
    def __init__(self, hits: _Optional[_Iterable[_Union[SearchHit, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class SearchHit(_message.Message):
    __slots__ = ("kind", "player_id", "currency_network_id", "tx_id", "source", "transaction_id", "transaction_kind", "session_token", "wallet_key", "ledger_id", "game_code", "round_id", "event_ref", "amount_minor", "created_at")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_KIND_FIELD_NUMBER: _ClassVar[int]
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_REF_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    kind: SearchHitKind
    player_id: int
    currency_network_id: int
    tx_id: str
    source: str
    transaction_id: str
    transaction_kind: _wallet_pb2.TransactionKind
    session_token: str
    wallet_key: str
    ledger_id: str
    game_code: str
    round_id: str
    event_ref: str
    amount_minor: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[SearchHitKind, str]] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., tx_id: _Optional[str] = ..., source: _Optional[str] = ..., transaction_id: _Optional[str] = ..., transaction_kind: _Optional[_Union[_wallet_pb2.TransactionKind, str]] = ..., session_token: _Optional[str] = ..., wallet_key: _Optional[str] = ..., ledger_id: _Optional[str] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., event_ref: _Optional[str] = ..., amount_minor: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetPlayerRequest(_message.Message):
    __slots__ = ("player_id",)
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    def __init__(self, player_id: _Optional[int] = ...) -> None: ...

class GetPlayerResponse(_message.Message):
    __slots__ = ("player_id", "seen", "state", "state_since", "state_actor", "state_source", "state_reason", "balances", "open_sessions", "withdrawals_under_way", "last_activity_at", "last_tx_id", "today", "today_truncated")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_SINCE_FIELD_NUMBER: _ClassVar[int]
    STATE_ACTOR_FIELD_NUMBER: _ClassVar[int]
    STATE_SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    BALANCES_FIELD_NUMBER: _ClassVar[int]
    OPEN_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWALS_UNDER_WAY_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVITY_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_TX_ID_FIELD_NUMBER: _ClassVar[int]
    TODAY_FIELD_NUMBER: _ClassVar[int]
    TODAY_TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    seen: bool
    state: _wallet_pb2.PlayerState
    state_since: _timestamp_pb2.Timestamp
    state_actor: str
    state_source: str
    state_reason: str
    balances: _containers.RepeatedCompositeFieldContainer[PlayerBalance]
    open_sessions: _containers.RepeatedCompositeFieldContainer[SessionRow]
    withdrawals_under_way: _containers.RepeatedCompositeFieldContainer[WithdrawalRow]
    last_activity_at: _timestamp_pb2.Timestamp
    last_tx_id: str
    today: _containers.RepeatedCompositeFieldContainer[PlayerDayTotal]
    today_truncated: bool
    def __init__(self, player_id: _Optional[int] = ..., seen: _Optional[bool] = ..., state: _Optional[_Union[_wallet_pb2.PlayerState, str]] = ..., state_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state_actor: _Optional[str] = ..., state_source: _Optional[str] = ..., state_reason: _Optional[str] = ..., balances: _Optional[_Iterable[_Union[PlayerBalance, _Mapping]]] = ..., open_sessions: _Optional[_Iterable[_Union[SessionRow, _Mapping]]] = ..., withdrawals_under_way: _Optional[_Iterable[_Union[WithdrawalRow, _Mapping]]] = ..., last_activity_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_tx_id: _Optional[str] = ..., today: _Optional[_Iterable[_Union[PlayerDayTotal, _Mapping]]] = ..., today_truncated: _Optional[bool] = ...) -> None: ...

class PlayerBalance(_message.Message):
    __slots__ = ("currency_network_id", "available_minor", "withdraw_hold_minor", "session_hold_minor", "bonus_minor", "total_minor")
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_MINOR_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_HOLD_MINOR_FIELD_NUMBER: _ClassVar[int]
    SESSION_HOLD_MINOR_FIELD_NUMBER: _ClassVar[int]
    BONUS_MINOR_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    currency_network_id: int
    available_minor: str
    withdraw_hold_minor: str
    session_hold_minor: str
    bonus_minor: str
    total_minor: str
    def __init__(self, currency_network_id: _Optional[int] = ..., available_minor: _Optional[str] = ..., withdraw_hold_minor: _Optional[str] = ..., session_hold_minor: _Optional[str] = ..., bonus_minor: _Optional[str] = ..., total_minor: _Optional[str] = ...) -> None: ...

class PlayerDayTotal(_message.Message):
    __slots__ = ("currency_network_id", "kind", "transactions", "amount_minor", "win_amount_minor")
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    WIN_AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    currency_network_id: int
    kind: _wallet_pb2.TransactionKind
    transactions: int
    amount_minor: str
    win_amount_minor: str
    def __init__(self, currency_network_id: _Optional[int] = ..., kind: _Optional[_Union[_wallet_pb2.TransactionKind, str]] = ..., transactions: _Optional[int] = ..., amount_minor: _Optional[str] = ..., win_amount_minor: _Optional[str] = ...) -> None: ...

class ListPlayersRequest(_message.Message):
    __slots__ = ("state", "page_size", "page_token")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: _wallet_pb2.PlayerState
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[_wallet_pb2.PlayerState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPlayersResponse(_message.Message):
    __slots__ = ("players", "next_page_token")
    PLAYERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    players: _containers.RepeatedCompositeFieldContainer[PlayerRow]
    next_page_token: str
    def __init__(self, players: _Optional[_Iterable[_Union[PlayerRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PlayerRow(_message.Message):
    __slots__ = ("player_id", "state", "last_activity_at")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVITY_AT_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    state: _wallet_pb2.PlayerState
    last_activity_at: _timestamp_pb2.Timestamp
    def __init__(self, player_id: _Optional[int] = ..., state: _Optional[_Union[_wallet_pb2.PlayerState, str]] = ..., last_activity_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListTransactionsRequest(_message.Message):
    __slots__ = ("player_id", "source", "kinds", "currency_network_id", "game_code", "round_id", "to", "page_size", "page_token")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    source: str
    kinds: _containers.RepeatedScalarFieldContainer[_wallet_pb2.TransactionKind]
    currency_network_id: int
    game_code: str
    round_id: str
    to: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, player_id: _Optional[int] = ..., source: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[_wallet_pb2.TransactionKind, str]]] = ..., currency_network_id: _Optional[int] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class ListTransactionsResponse(_message.Message):
    __slots__ = ("transactions", "next_page_token")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[_wallet_pb2.Transaction]
    next_page_token: str
    def __init__(self, transactions: _Optional[_Iterable[_Union[_wallet_pb2.Transaction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetTransactionChainRequest(_message.Message):
    __slots__ = ("tx_id",)
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    def __init__(self, tx_id: _Optional[str] = ...) -> None: ...

class GetTransactionChainResponse(_message.Message):
    __slots__ = ("transactions", "truncated")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[ChainTransaction]
    truncated: bool
    def __init__(self, transactions: _Optional[_Iterable[_Union[ChainTransaction, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class ChainTransaction(_message.Message):
    __slots__ = ("transaction", "link", "linked_tx_id", "events")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    LINKED_TX_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    transaction: _wallet_pb2.Transaction
    link: ChainLink
    linked_tx_id: str
    events: _containers.RepeatedCompositeFieldContainer[ChainEvent]
    def __init__(self, transaction: _Optional[_Union[_wallet_pb2.Transaction, _Mapping]] = ..., link: _Optional[_Union[ChainLink, str]] = ..., linked_tx_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[ChainEvent, _Mapping]]] = ...) -> None: ...

class ChainEvent(_message.Message):
    __slots__ = ("event_id", "event_type", "state", "failure")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    event_type: str
    state: PublicationState
    failure: str
    def __init__(self, event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., state: _Optional[_Union[PublicationState, str]] = ..., failure: _Optional[str] = ...) -> None: ...

class ListWithdrawalsRequest(_message.Message):
    __slots__ = ("states", "older_than", "player_id", "newest_first", "page_size", "page_token")
    STATES_FIELD_NUMBER: _ClassVar[int]
    OLDER_THAN_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[WithdrawalState]
    older_than: _duration_pb2.Duration
    player_id: int
    newest_first: bool
    page_size: int
    page_token: str
    def __init__(self, states: _Optional[_Iterable[_Union[WithdrawalState, str]]] = ..., older_than: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., player_id: _Optional[int] = ..., newest_first: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWithdrawalsResponse(_message.Message):
    __slots__ = ("withdrawals", "next_page_token")
    WITHDRAWALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    withdrawals: _containers.RepeatedCompositeFieldContainer[WithdrawalRow]
    next_page_token: str
    def __init__(self, withdrawals: _Optional[_Iterable[_Union[WithdrawalRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WithdrawalRow(_message.Message):
    __slots__ = ("withdrawal_id", "player_id", "currency_network_id", "amount_minor", "state", "reserved_at", "changed_at", "age", "reservation_tx_id", "ending_tx_id")
    WITHDRAWAL_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RESERVED_AT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_TX_ID_FIELD_NUMBER: _ClassVar[int]
    ENDING_TX_ID_FIELD_NUMBER: _ClassVar[int]
    withdrawal_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    state: WithdrawalState
    reserved_at: _timestamp_pb2.Timestamp
    changed_at: _timestamp_pb2.Timestamp
    age: _duration_pb2.Duration
    reservation_tx_id: str
    ending_tx_id: str
    def __init__(self, withdrawal_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., state: _Optional[_Union[WithdrawalState, str]] = ..., reserved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., reservation_tx_id: _Optional[str] = ..., ending_tx_id: _Optional[str] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("player_id", "source", "status", "older_than", "oldest_first", "page_size", "page_token")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OLDER_THAN_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    source: str
    status: _session_pb2.SessionStatus
    older_than: _duration_pb2.Duration
    oldest_first: bool
    page_size: int
    page_token: str
    def __init__(self, player_id: _Optional[int] = ..., source: _Optional[str] = ..., status: _Optional[_Union[_session_pb2.SessionStatus, str]] = ..., older_than: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., oldest_first: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions", "next_page_token")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[SessionRow]
    next_page_token: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[SessionRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SessionRow(_message.Message):
    __slots__ = ("session_token", "source", "player_id", "currency_network_id", "game_code", "locked_balance_minor", "balance_minor", "net_minor", "open_rounds", "status", "rail", "opened_at", "expires_at", "settled_at", "age", "opening_tx_id", "settlement_tx_id")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    NET_MINOR_FIELD_NUMBER: _ClassVar[int]
    OPEN_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RAIL_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    SETTLED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_FIELD_NUMBER: _ClassVar[int]
    OPENING_TX_ID_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_TX_ID_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    source: str
    player_id: int
    currency_network_id: int
    game_code: str
    locked_balance_minor: str
    balance_minor: str
    net_minor: str
    open_rounds: int
    status: _session_pb2.SessionStatus
    rail: str
    opened_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    settled_at: _timestamp_pb2.Timestamp
    age: _duration_pb2.Duration
    opening_tx_id: str
    settlement_tx_id: str
    def __init__(self, session_token: _Optional[str] = ..., source: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., game_code: _Optional[str] = ..., locked_balance_minor: _Optional[str] = ..., balance_minor: _Optional[str] = ..., net_minor: _Optional[str] = ..., open_rounds: _Optional[int] = ..., status: _Optional[_Union[_session_pb2.SessionStatus, str]] = ..., rail: _Optional[str] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., settled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., opening_tx_id: _Optional[str] = ..., settlement_tx_id: _Optional[str] = ...) -> None: ...

class ListCreditWalletsRequest(_message.Message):
    __slots__ = ("ledger_id", "page_size", "page_token")
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ledger_id: str
    page_size: int
    page_token: str
    def __init__(self, ledger_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCreditWalletsResponse(_message.Message):
    __slots__ = ("wallets", "next_page_token")
    WALLETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    wallets: _containers.RepeatedCompositeFieldContainer[CreditWalletRow]
    next_page_token: str
    def __init__(self, wallets: _Optional[_Iterable[_Union[CreditWalletRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreditWalletRow(_message.Message):
    __slots__ = ("wallet_key", "balance_minor", "held_minor", "available_minor", "entries", "created_at")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    HELD_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_MINOR_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    balance_minor: str
    held_minor: str
    available_minor: str
    entries: int
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, wallet_key: _Optional[str] = ..., balance_minor: _Optional[str] = ..., held_minor: _Optional[str] = ..., available_minor: _Optional[str] = ..., entries: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListReservationsRequest(_message.Message):
    __slots__ = ("wallet_key", "page_size", "page_token")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    page_size: int
    page_token: str
    def __init__(self, wallet_key: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListReservationsResponse(_message.Message):
    __slots__ = ("reservations", "next_page_token")
    RESERVATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    reservations: _containers.RepeatedCompositeFieldContainer[ReservationRow]
    next_page_token: str
    def __init__(self, reservations: _Optional[_Iterable[_Union[ReservationRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ReservationRow(_message.Message):
    __slots__ = ("reservation_id", "amount_minor", "expires_at", "remaining")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    amount_minor: str
    expires_at: _timestamp_pb2.Timestamp
    remaining: _duration_pb2.Duration
    def __init__(self, reservation_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., remaining: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class GetOverviewRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetOverviewResponse(_message.Message):
    __slots__ = ("as_of", "environment", "cells", "outbox_waiting", "outbox_oldest_age", "outbox_parked", "inbox_waiting", "inbox_parked", "withdrawals_under_way", "oldest_withdrawal_age", "sessions_open", "session_overdue", "posting_lag", "last_verified_at", "last_verification_clean")
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_WAITING_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_OLDEST_AGE_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_PARKED_FIELD_NUMBER: _ClassVar[int]
    INBOX_WAITING_FIELD_NUMBER: _ClassVar[int]
    INBOX_PARKED_FIELD_NUMBER: _ClassVar[int]
    WITHDRAWALS_UNDER_WAY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_WITHDRAWAL_AGE_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_OPEN_FIELD_NUMBER: _ClassVar[int]
    SESSION_OVERDUE_FIELD_NUMBER: _ClassVar[int]
    POSTING_LAG_FIELD_NUMBER: _ClassVar[int]
    LAST_VERIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_VERIFICATION_CLEAN_FIELD_NUMBER: _ClassVar[int]
    as_of: _timestamp_pb2.Timestamp
    environment: str
    cells: int
    outbox_waiting: int
    outbox_oldest_age: _duration_pb2.Duration
    outbox_parked: int
    inbox_waiting: int
    inbox_parked: int
    withdrawals_under_way: int
    oldest_withdrawal_age: _duration_pb2.Duration
    sessions_open: int
    session_overdue: _duration_pb2.Duration
    posting_lag: _duration_pb2.Duration
    last_verified_at: _timestamp_pb2.Timestamp
    last_verification_clean: bool
    def __init__(self, as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., environment: _Optional[str] = ..., cells: _Optional[int] = ..., outbox_waiting: _Optional[int] = ..., outbox_oldest_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., outbox_parked: _Optional[int] = ..., inbox_waiting: _Optional[int] = ..., inbox_parked: _Optional[int] = ..., withdrawals_under_way: _Optional[int] = ..., oldest_withdrawal_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., sessions_open: _Optional[int] = ..., session_overdue: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., posting_lag: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., last_verified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_verification_clean: _Optional[bool] = ...) -> None: ...

class GetLastVerificationRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetLastVerificationResponse(_message.Message):
    __slots__ = ("verification",)
    VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    verification: Verification
    def __init__(self, verification: _Optional[_Union[Verification, _Mapping]] = ...) -> None: ...

class Verification(_message.Message):
    __slots__ = ("began_at", "ended_at", "clean", "transactions", "entries", "accounts", "checks", "findings", "findings_left_out")
    BEGAN_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CLEAN_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    began_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    clean: bool
    transactions: int
    entries: int
    accounts: int
    checks: _containers.RepeatedCompositeFieldContainer[VerificationCheck]
    findings: _containers.RepeatedCompositeFieldContainer[VerificationFinding]
    findings_left_out: int
    def __init__(self, began_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., clean: _Optional[bool] = ..., transactions: _Optional[int] = ..., entries: _Optional[int] = ..., accounts: _Optional[int] = ..., checks: _Optional[_Iterable[_Union[VerificationCheck, _Mapping]]] = ..., findings: _Optional[_Iterable[_Union[VerificationFinding, _Mapping]]] = ..., findings_left_out: _Optional[int] = ...) -> None: ...

class VerificationCheck(_message.Message):
    __slots__ = ("check", "findings")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    check: str
    findings: int
    def __init__(self, check: _Optional[str] = ..., findings: _Optional[int] = ...) -> None: ...

class VerificationFinding(_message.Message):
    __slots__ = ("check", "subject", "problem")
    CHECK_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    check: str
    subject: str
    problem: str
    def __init__(self, check: _Optional[str] = ..., subject: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ("source", "revoked", "page_size", "page_token")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    source: str
    revoked: bool
    page_size: int
    page_token: str
    def __init__(self, source: _Optional[str] = ..., revoked: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys", "next_page_token")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[Key]
    next_page_token: str
    def __init__(self, keys: _Optional[_Iterable[_Union[Key, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Key(_message.Message):
    __slots__ = ("key_id", "source", "roles", "rate_per_s", "created_at", "revoked_at", "operator", "speaks_for_logins", "last_used_at")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    RATE_PER_S_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    SPEAKS_FOR_LOGINS_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    source: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    rate_per_s: int
    created_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    operator: str
    speaks_for_logins: bool
    last_used_at: _timestamp_pb2.Timestamp
    def __init__(self, key_id: _Optional[str] = ..., source: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., rate_per_s: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., operator: _Optional[str] = ..., speaks_for_logins: _Optional[bool] = ..., last_used_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListRailsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRailsResponse(_message.Message):
    __slots__ = ("rails",)
    RAILS_FIELD_NUMBER: _ClassVar[int]
    rails: _containers.RepeatedCompositeFieldContainer[SettlementRail]
    def __init__(self, rails: _Optional[_Iterable[_Union[SettlementRail, _Mapping]]] = ...) -> None: ...

class SettlementRail(_message.Message):
    __slots__ = ("source", "currency_network_id", "rail", "changed_at")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    RAIL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    source: str
    currency_network_id: int
    rail: str
    changed_at: _timestamp_pb2.Timestamp
    def __init__(self, source: _Optional[str] = ..., currency_network_id: _Optional[int] = ..., rail: _Optional[str] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListParkedEventsRequest(_message.Message):
    __slots__ = ("direction", "state", "page_size", "page_token")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    direction: EventDirection
    state: EventState
    page_size: int
    page_token: str
    def __init__(self, direction: _Optional[_Union[EventDirection, str]] = ..., state: _Optional[_Union[EventState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListParkedEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[ParkedEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[ParkedEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetParkedEventRequest(_message.Message):
    __slots__ = ("event_ref",)
    EVENT_REF_FIELD_NUMBER: _ClassVar[int]
    event_ref: str
    def __init__(self, event_ref: _Optional[str] = ...) -> None: ...

class ParkedEvent(_message.Message):
    __slots__ = ("event_ref", "direction", "state", "source", "event_id", "event_type", "player_id", "tx_id", "reason", "detail", "waits_for", "attempts", "received_at", "changed_at", "due_at", "body_json", "replay_effect")
    EVENT_REF_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    BODY_JSON_FIELD_NUMBER: _ClassVar[int]
    REPLAY_EFFECT_FIELD_NUMBER: _ClassVar[int]
    event_ref: str
    direction: EventDirection
    state: EventState
    source: str
    event_id: str
    event_type: str
    player_id: int
    tx_id: str
    reason: str
    detail: str
    waits_for: str
    attempts: int
    received_at: _timestamp_pb2.Timestamp
    changed_at: _timestamp_pb2.Timestamp
    due_at: _timestamp_pb2.Timestamp
    body_json: str
    replay_effect: str
    def __init__(self, event_ref: _Optional[str] = ..., direction: _Optional[_Union[EventDirection, str]] = ..., state: _Optional[_Union[EventState, str]] = ..., source: _Optional[str] = ..., event_id: _Optional[str] = ..., event_type: _Optional[str] = ..., player_id: _Optional[int] = ..., tx_id: _Optional[str] = ..., reason: _Optional[str] = ..., detail: _Optional[str] = ..., waits_for: _Optional[str] = ..., attempts: _Optional[int] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., body_json: _Optional[str] = ..., replay_effect: _Optional[str] = ...) -> None: ...

class ReplayEventRequest(_message.Message):
    __slots__ = ("event_ref", "reason")
    EVENT_REF_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    event_ref: str
    reason: str
    def __init__(self, event_ref: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ReplayEventResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: ParkedEvent
    def __init__(self, event: _Optional[_Union[ParkedEvent, _Mapping]] = ...) -> None: ...

class DiscardEventRequest(_message.Message):
    __slots__ = ("event_ref", "reason")
    EVENT_REF_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    event_ref: str
    reason: str
    def __init__(self, event_ref: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DiscardEventResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListOperatorActionsRequest(_message.Message):
    __slots__ = ("actor", "kind", "to", "page_size", "page_token")
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actor: str
    kind: OperatorActionKind
    to: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, actor: _Optional[str] = ..., kind: _Optional[_Union[OperatorActionKind, str]] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class ListOperatorActionsResponse(_message.Message):
    __slots__ = ("actions", "next_page_token")
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    actions: _containers.RepeatedCompositeFieldContainer[OperatorAction]
    next_page_token: str
    def __init__(self, actions: _Optional[_Iterable[_Union[OperatorAction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class OperatorAction(_message.Message):
    __slots__ = ("action_id", "created_at", "kind", "channel", "operator", "actor", "reason", "subject", "player_id", "result_id", "before_json", "after_json", "request_id", "key_id")
    ACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_JSON_FIELD_NUMBER: _ClassVar[int]
    AFTER_JSON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    action_id: str
    created_at: _timestamp_pb2.Timestamp
    kind: OperatorActionKind
    channel: OperatorChannel
    operator: str
    actor: str
    reason: str
    subject: str
    player_id: int
    result_id: str
    before_json: str
    after_json: str
    request_id: str
    key_id: str
    def __init__(self, action_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[OperatorActionKind, str]] = ..., channel: _Optional[_Union[OperatorChannel, str]] = ..., operator: _Optional[str] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., subject: _Optional[str] = ..., player_id: _Optional[int] = ..., result_id: _Optional[str] = ..., before_json: _Optional[str] = ..., after_json: _Optional[str] = ..., request_id: _Optional[str] = ..., key_id: _Optional[str] = ...) -> None: ...

class ProposeAdjustmentRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "currency_network_id", "amount_minor", "direction", "reason", "actor", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    direction: _wallet_pb2.Direction
    reason: str
    actor: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., direction: _Optional[_Union[_wallet_pb2.Direction, str]] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("proposal_id", "source", "transaction_id", "player_id", "currency_network_id", "amount_minor", "direction", "reason", "actor", "metadata", "state", "proposed_by", "proposed_at", "decided_by", "decided_at", "decision_reason", "tx_id", "balance_before_minor", "balance_after_minor", "failure", "replayed")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_BY_FIELD_NUMBER: _ClassVar[int]
    PROPOSED_AT_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    DECISION_REASON_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    BALANCE_BEFORE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    proposal_id: str
    source: str
    transaction_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    direction: _wallet_pb2.Direction
    reason: str
    actor: str
    metadata: _containers.ScalarMap[str, str]
    state: ProposalState
    proposed_by: str
    proposed_at: _timestamp_pb2.Timestamp
    decided_by: str
    decided_at: _timestamp_pb2.Timestamp
    decision_reason: str
    tx_id: str
    balance_before_minor: str
    balance_after_minor: str
    failure: str
    replayed: bool
    def __init__(self, proposal_id: _Optional[str] = ..., source: _Optional[str] = ..., transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., direction: _Optional[_Union[_wallet_pb2.Direction, str]] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., state: _Optional[_Union[ProposalState, str]] = ..., proposed_by: _Optional[str] = ..., proposed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decided_by: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision_reason: _Optional[str] = ..., tx_id: _Optional[str] = ..., balance_before_minor: _Optional[str] = ..., balance_after_minor: _Optional[str] = ..., failure: _Optional[str] = ..., replayed: _Optional[bool] = ...) -> None: ...

class DecideAdjustmentRequest(_message.Message):
    __slots__ = ("proposal_id", "decision", "reason")
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    proposal_id: str
    decision: Decision
    reason: str
    def __init__(self, proposal_id: _Optional[str] = ..., decision: _Optional[_Union[Decision, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetProposalRequest(_message.Message):
    __slots__ = ("proposal_id",)
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    proposal_id: str
    def __init__(self, proposal_id: _Optional[str] = ...) -> None: ...

class ListProposalsRequest(_message.Message):
    __slots__ = ("state", "player_id", "to", "page_size", "page_token")
    STATE_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    state: ProposalState
    player_id: int
    to: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, state: _Optional[_Union[ProposalState, str]] = ..., player_id: _Optional[int] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class ListProposalsResponse(_message.Message):
    __slots__ = ("proposals", "next_page_token")
    PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    proposals: _containers.RepeatedCompositeFieldContainer[Proposal]
    next_page_token: str
    def __init__(self, proposals: _Optional[_Iterable[_Union[Proposal, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class FigureBasis(_message.Message):
    __slots__ = ("as_of", "closed_until", "includes_open_day", "open_day_as_of")
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    CLOSED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    INCLUDES_OPEN_DAY_FIELD_NUMBER: _ClassVar[int]
    OPEN_DAY_AS_OF_FIELD_NUMBER: _ClassVar[int]
    as_of: _timestamp_pb2.Timestamp
    closed_until: _timestamp_pb2.Timestamp
    includes_open_day: bool
    open_day_as_of: _timestamp_pb2.Timestamp
    def __init__(self, as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., closed_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., includes_open_day: _Optional[bool] = ..., open_day_as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FigureRows(_message.Message):
    __slots__ = ("player_id", "source", "kinds", "currency_network_id", "game_code", "to", "sessions", "in_words")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    IN_WORDS_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    source: str
    kinds: _containers.RepeatedScalarFieldContainer[_wallet_pb2.TransactionKind]
    currency_network_id: int
    game_code: str
    to: _timestamp_pb2.Timestamp
    sessions: bool
    in_words: str
    def __init__(self, player_id: _Optional[int] = ..., source: _Optional[str] = ..., kinds: _Optional[_Iterable[_Union[_wallet_pb2.TransactionKind, str]]] = ..., currency_network_id: _Optional[int] = ..., game_code: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sessions: _Optional[bool] = ..., in_words: _Optional[str] = ..., **kwargs) -> None: ...

class GetTrialBalanceRequest(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetTrialBalanceResponse(_message.Message):
    __slots__ = ("basis", "rows")
    BASIS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    basis: FigureBasis
    rows: _containers.RepeatedCompositeFieldContainer[TrialBalanceRow]
    def __init__(self, basis: _Optional[_Union[FigureBasis, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[TrialBalanceRow, _Mapping]]] = ...) -> None: ...

class TrialBalanceRow(_message.Message):
    __slots__ = ("currency_network_id", "account", "debits_minor", "credits_minor", "balance_minor", "rows")
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    DEBITS_MINOR_FIELD_NUMBER: _ClassVar[int]
    CREDITS_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    currency_network_id: int
    account: str
    debits_minor: str
    credits_minor: str
    balance_minor: str
    rows: FigureRows
    def __init__(self, currency_network_id: _Optional[int] = ..., account: _Optional[str] = ..., debits_minor: _Optional[str] = ..., credits_minor: _Optional[str] = ..., balance_minor: _Optional[str] = ..., rows: _Optional[_Union[FigureRows, _Mapping]] = ...) -> None: ...

class GetLiabilitiesRequest(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetLiabilitiesResponse(_message.Message):
    __slots__ = ("basis", "rows")
    BASIS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    basis: FigureBasis
    rows: _containers.RepeatedCompositeFieldContainer[LiabilityRow]
    def __init__(self, basis: _Optional[_Union[FigureBasis, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[LiabilityRow, _Mapping]]] = ...) -> None: ...

class LiabilityRow(_message.Message):
    __slots__ = ("currency_network_id", "account", "amount_minor", "rows")
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    currency_network_id: int
    account: str
    amount_minor: str
    rows: FigureRows
    def __init__(self, currency_network_id: _Optional[int] = ..., account: _Optional[str] = ..., amount_minor: _Optional[str] = ..., rows: _Optional[_Union[FigureRows, _Mapping]] = ...) -> None: ...

class GetGamingRevenueRequest(_message.Message):
    __slots__ = ("to", "by", "page_size", "page_token")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    to: _timestamp_pb2.Timestamp
    by: _containers.RepeatedScalarFieldContainer[RevenueBy]
    page_size: int
    page_token: str
    def __init__(self, to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[_Iterable[_Union[RevenueBy, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class GetGamingRevenueResponse(_message.Message):
    __slots__ = ("basis", "rows", "next_page_token")
    BASIS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    basis: FigureBasis
    rows: _containers.RepeatedCompositeFieldContainer[RevenueRow]
    next_page_token: str
    def __init__(self, basis: _Optional[_Union[FigureBasis, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[RevenueRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RevenueRow(_message.Message):
    __slots__ = ("day", "currency_network_id", "source", "game_code", "bets_minor", "wins_minor", "rolled_back_bets_minor", "rolled_back_wins_minor", "revenue_minor", "bets", "wins", "is_open", "rows")
    DAY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    BETS_MINOR_FIELD_NUMBER: _ClassVar[int]
    WINS_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_BETS_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_WINS_MINOR_FIELD_NUMBER: _ClassVar[int]
    REVENUE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BETS_FIELD_NUMBER: _ClassVar[int]
    WINS_FIELD_NUMBER: _ClassVar[int]
    IS_OPEN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    day: _timestamp_pb2.Timestamp
    currency_network_id: int
    source: str
    game_code: str
    bets_minor: str
    wins_minor: str
    rolled_back_bets_minor: str
    rolled_back_wins_minor: str
    revenue_minor: str
    bets: int
    wins: int
    is_open: bool
    rows: FigureRows
    def __init__(self, day: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., currency_network_id: _Optional[int] = ..., source: _Optional[str] = ..., game_code: _Optional[str] = ..., bets_minor: _Optional[str] = ..., wins_minor: _Optional[str] = ..., rolled_back_bets_minor: _Optional[str] = ..., rolled_back_wins_minor: _Optional[str] = ..., revenue_minor: _Optional[str] = ..., bets: _Optional[int] = ..., wins: _Optional[int] = ..., is_open: _Optional[bool] = ..., rows: _Optional[_Union[FigureRows, _Mapping]] = ...) -> None: ...

class GetStatementRequest(_message.Message):
    __slots__ = ("player_id", "to", "currency_network_id", "page_size", "page_token")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    to: _timestamp_pb2.Timestamp
    currency_network_id: int
    page_size: int
    page_token: str
    def __init__(self, player_id: _Optional[int] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., currency_network_id: _Optional[int] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class GetStatementResponse(_message.Message):
    __slots__ = ("basis", "accounts", "lines", "next_page_token")
    BASIS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    basis: FigureBasis
    accounts: _containers.RepeatedCompositeFieldContainer[StatementAccount]
    lines: _containers.RepeatedCompositeFieldContainer[StatementLine]
    next_page_token: str
    def __init__(self, basis: _Optional[_Union[FigureBasis, _Mapping]] = ..., accounts: _Optional[_Iterable[_Union[StatementAccount, _Mapping]]] = ..., lines: _Optional[_Iterable[_Union[StatementLine, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class StatementAccount(_message.Message):
    __slots__ = ("currency_network_id", "account", "opening_minor", "closing_minor", "totals")
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    OPENING_MINOR_FIELD_NUMBER: _ClassVar[int]
    CLOSING_MINOR_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    currency_network_id: int
    account: str
    opening_minor: str
    closing_minor: str
    totals: _containers.RepeatedCompositeFieldContainer[StatementTotal]
    def __init__(self, currency_network_id: _Optional[int] = ..., account: _Optional[str] = ..., opening_minor: _Optional[str] = ..., closing_minor: _Optional[str] = ..., totals: _Optional[_Iterable[_Union[StatementTotal, _Mapping]]] = ...) -> None: ...

class StatementTotal(_message.Message):
    __slots__ = ("kind", "transactions", "amount_minor")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    kind: _wallet_pb2.TransactionKind
    transactions: int
    amount_minor: str
    def __init__(self, kind: _Optional[_Union[_wallet_pb2.TransactionKind, str]] = ..., transactions: _Optional[int] = ..., amount_minor: _Optional[str] = ...) -> None: ...

class StatementLine(_message.Message):
    __slots__ = ("created_at", "tx_id", "kind", "transaction_id", "source", "currency_network_id", "account", "amount_minor", "balance_after_minor", "game_code", "round_id")
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    created_at: _timestamp_pb2.Timestamp
    tx_id: str
    kind: _wallet_pb2.TransactionKind
    transaction_id: str
    source: str
    currency_network_id: int
    account: str
    amount_minor: str
    balance_after_minor: str
    game_code: str
    round_id: str
    def __init__(self, created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tx_id: _Optional[str] = ..., kind: _Optional[_Union[_wallet_pb2.TransactionKind, str]] = ..., transaction_id: _Optional[str] = ..., source: _Optional[str] = ..., currency_network_id: _Optional[int] = ..., account: _Optional[str] = ..., amount_minor: _Optional[str] = ..., balance_after_minor: _Optional[str] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ...) -> None: ...
