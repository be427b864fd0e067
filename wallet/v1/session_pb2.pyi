import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from wallet.v1 import wallet_pb2 as _wallet_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATUS_UNSPECIFIED: _ClassVar[SessionStatus]
    SESSION_STATUS_OPEN: _ClassVar[SessionStatus]
    SESSION_STATUS_EXPIRED: _ClassVar[SessionStatus]
    SESSION_STATUS_SETTLED: _ClassVar[SessionStatus]
SESSION_STATUS_UNSPECIFIED: SessionStatus
SESSION_STATUS_OPEN: SessionStatus
SESSION_STATUS_EXPIRED: SessionStatus
SESSION_STATUS_SETTLED: SessionStatus

class OpenSessionRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "currency_network_id", "game_code", "lock_amount_minor", "ttl_seconds")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    LOCK_AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    currency_network_id: int
    game_code: str
    lock_amount_minor: str
    ttl_seconds: int
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., game_code: _Optional[str] = ..., lock_amount_minor: _Optional[str] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("session_token", "player_id", "currency_network_id", "game_code", "locked_balance_minor", "balance_minor", "status", "opened_at", "expires_at", "replayed")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    LOCKED_BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    player_id: int
    currency_network_id: int
    game_code: str
    locked_balance_minor: str
    balance_minor: str
    status: SessionStatus
    opened_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    replayed: bool
    def __init__(self, session_token: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., game_code: _Optional[str] = ..., locked_balance_minor: _Optional[str] = ..., balance_minor: _Optional[str] = ..., status: _Optional[_Union[SessionStatus, str]] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SessionBetRequest(_message.Message):
    __slots__ = ("session_token", "transaction_id", "amount_minor", "round_id", "round_closed", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    transaction_id: str
    amount_minor: str
    round_id: str
    round_closed: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, session_token: _Optional[str] = ..., transaction_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., round_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SessionWinRequest(_message.Message):
    __slots__ = ("session_token", "transaction_id", "amount_minor", "round_id", "round_closed", "reference_transaction_id", "win_kind", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    WIN_KIND_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    transaction_id: str
    amount_minor: str
    round_id: str
    round_closed: bool
    reference_transaction_id: str
    win_kind: _wallet_pb2.WinKind
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, session_token: _Optional[str] = ..., transaction_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., round_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., reference_transaction_id: _Optional[str] = ..., win_kind: _Optional[_Union[_wallet_pb2.WinKind, str]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SessionRollbackRequest(_message.Message):
    __slots__ = ("session_token", "transaction_id", "reference_transaction_id", "round_closed", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    transaction_id: str
    reference_transaction_id: str
    round_closed: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, session_token: _Optional[str] = ..., transaction_id: _Optional[str] = ..., reference_transaction_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SessionResult(_message.Message):
    __slots__ = ("transaction_id", "status", "replayed", "balance_after_minor", "current_balance_minor", "late")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENT_BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    status: _wallet_pb2.OperationStatus
    replayed: bool
    balance_after_minor: str
    current_balance_minor: str
    late: bool
    def __init__(self, transaction_id: _Optional[str] = ..., status: _Optional[_Union[_wallet_pb2.OperationStatus, str]] = ..., replayed: _Optional[bool] = ..., balance_after_minor: _Optional[str] = ..., current_balance_minor: _Optional[str] = ..., late: _Optional[bool] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_token",)
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    def __init__(self, session_token: _Optional[str] = ...) -> None: ...

class GetSessionRoundRequest(_message.Message):
    __slots__ = ("session_token", "round_id")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    round_id: str
    def __init__(self, session_token: _Optional[str] = ..., round_id: _Optional[str] = ...) -> None: ...

class ListSessionTransactionsRequest(_message.Message):
    __slots__ = ("session_token", "page_size", "page_token")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    page_size: int
    page_token: str
    def __init__(self, session_token: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSessionTransactionsResponse(_message.Message):
    __slots__ = ("transactions", "next_page_token")
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    transactions: _containers.RepeatedCompositeFieldContainer[SessionTransaction]
    next_page_token: str
    def __init__(self, transactions: _Optional[_Iterable[_Union[SessionTransaction, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SessionTransaction(_message.Message):
    __slots__ = ("transaction_id", "kind", "status", "amount_minor", "change_minor", "balance_after_minor", "round_id", "round_closed", "reference_transaction_id", "reversed_by_transaction_id", "win_kind", "late", "tx_id", "metadata", "created_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CHANGE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    REVERSED_BY_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    WIN_KIND_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    kind: _wallet_pb2.TransactionKind
    status: _wallet_pb2.OperationStatus
    amount_minor: str
    change_minor: str
    balance_after_minor: str
    round_id: str
    round_closed: bool
    reference_transaction_id: str
    reversed_by_transaction_id: str
    win_kind: _wallet_pb2.WinKind
    late: bool
    tx_id: str
    metadata: _containers.ScalarMap[str, str]
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, transaction_id: _Optional[str] = ..., kind: _Optional[_Union[_wallet_pb2.TransactionKind, str]] = ..., status: _Optional[_Union[_wallet_pb2.OperationStatus, str]] = ..., amount_minor: _Optional[str] = ..., change_minor: _Optional[str] = ..., balance_after_minor: _Optional[str] = ..., round_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., reference_transaction_id: _Optional[str] = ..., reversed_by_transaction_id: _Optional[str] = ..., win_kind: _Optional[_Union[_wallet_pb2.WinKind, str]] = ..., late: _Optional[bool] = ..., tx_id: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SettleSessionRequest(_message.Message):
    __slots__ = ("session_token", "require_closed_rounds")
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_CLOSED_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    session_token: str
    require_closed_rounds: bool
    def __init__(self, session_token: _Optional[str] = ..., require_closed_rounds: _Optional[bool] = ...) -> None: ...

class SettleSessionResponse(_message.Message):
    __slots__ = ("payout_minor", "net_minor", "open_rounds", "tx_id", "replayed")
    PAYOUT_MINOR_FIELD_NUMBER: _ClassVar[int]
    NET_MINOR_FIELD_NUMBER: _ClassVar[int]
    OPEN_ROUNDS_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    payout_minor: str
    net_minor: str
    open_rounds: int
    tx_id: str
    replayed: bool
    def __init__(self, payout_minor: _Optional[str] = ..., net_minor: _Optional[str] = ..., open_rounds: _Optional[int] = ..., tx_id: _Optional[str] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SessionOperation(_message.Message):
    __slots__ = ("open_session", "bet", "win", "rollback", "settle_session")
    OPEN_SESSION_FIELD_NUMBER: _ClassVar[int]
    BET_FIELD_NUMBER: _ClassVar[int]
    WIN_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_FIELD_NUMBER: _ClassVar[int]
    SETTLE_SESSION_FIELD_NUMBER: _ClassVar[int]
    open_session: OpenSessionRequest
    bet: SessionBetRequest
    win: SessionWinRequest
    rollback: SessionRollbackRequest
    settle_session: SettleSessionRequest
    def __init__(self, open_session: _Optional[_Union[OpenSessionRequest, _Mapping]] = ..., bet: _Optional[_Union[SessionBetRequest, _Mapping]] = ..., win: _Optional[_Union[SessionWinRequest, _Mapping]] = ..., rollback: _Optional[_Union[SessionRollbackRequest, _Mapping]] = ..., settle_session: _Optional[_Union[SettleSessionRequest, _Mapping]] = ...) -> None: ...

class SessionOutcome(_message.Message):
    __slots__ = ("result", "error", "session", "settlement")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    result: SessionResult
    error: _status_pb2.Status
    session: Session
    settlement: SettleSessionResponse
    def __init__(self, result: _Optional[_Union[SessionResult, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., session: _Optional[_Union[Session, _Mapping]] = ..., settlement: _Optional[_Union[SettleSessionResponse, _Mapping]] = ...) -> None: ...

class ExecuteSessionBatchRequest(_message.Message):
    __slots__ = ("operations",)
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[SessionOperation]
    def __init__(self, operations: _Optional[_Iterable[_Union[SessionOperation, _Mapping]]] = ...) -> None: ...

class ExecuteSessionBatchResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[SessionOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[SessionOutcome, _Mapping]]] = ...) -> None: ...
