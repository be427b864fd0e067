import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WinKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WIN_KIND_UNSPECIFIED: _ClassVar[WinKind]
    WIN_KIND_REGULAR: _ClassVar[WinKind]
    WIN_KIND_FREE_ROUND: _ClassVar[WinKind]
    WIN_KIND_JACKPOT: _ClassVar[WinKind]
    WIN_KIND_PROMO: _ClassVar[WinKind]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_CREDIT: _ClassVar[Direction]
    DIRECTION_DEBIT: _ClassVar[Direction]

class PlayerState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLAYER_STATE_UNSPECIFIED: _ClassVar[PlayerState]
    PLAYER_STATE_ACTIVE: _ClassVar[PlayerState]
    PLAYER_STATE_BLOCKED: _ClassVar[PlayerState]
    PLAYER_STATE_CLOSED: _ClassVar[PlayerState]
    PLAYER_STATE_EXCLUDED: _ClassVar[PlayerState]

class OperationStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_STATUS_UNSPECIFIED: _ClassVar[OperationStatus]
    OPERATION_STATUS_APPLIED: _ClassVar[OperationStatus]
    OPERATION_STATUS_VOIDED: _ClassVar[OperationStatus]
    OPERATION_STATUS_ALREADY_ROLLED_BACK: _ClassVar[OperationStatus]

class TransactionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSACTION_KIND_UNSPECIFIED: _ClassVar[TransactionKind]
    TRANSACTION_KIND_BET: _ClassVar[TransactionKind]
    TRANSACTION_KIND_WIN: _ClassVar[TransactionKind]
    TRANSACTION_KIND_BET_AND_WIN: _ClassVar[TransactionKind]
    TRANSACTION_KIND_ROLLBACK: _ClassVar[TransactionKind]
    TRANSACTION_KIND_WITHDRAWAL_RESERVATION: _ClassVar[TransactionKind]
    TRANSACTION_KIND_WITHDRAWAL_SETTLEMENT: _ClassVar[TransactionKind]
    TRANSACTION_KIND_WITHDRAWAL_FAILURE: _ClassVar[TransactionKind]
    TRANSACTION_KIND_DEPOSIT: _ClassVar[TransactionKind]
    TRANSACTION_KIND_ADJUSTMENT: _ClassVar[TransactionKind]
    TRANSACTION_KIND_PLAYER_STATE: _ClassVar[TransactionKind]
    TRANSACTION_KIND_TOMBSTONE: _ClassVar[TransactionKind]
    TRANSACTION_KIND_SESSION_OPENING: _ClassVar[TransactionKind]
    TRANSACTION_KIND_SESSION_SETTLEMENT: _ClassVar[TransactionKind]
    TRANSACTION_KIND_LEDGER_CREATION: _ClassVar[TransactionKind]
    TRANSACTION_KIND_JOURNAL_ENTRY: _ClassVar[TransactionKind]
    TRANSACTION_KIND_WALLET_POSTING: _ClassVar[TransactionKind]

class Namespace(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NAMESPACE_UNSPECIFIED: _ClassVar[Namespace]
    NAMESPACE_OWN: _ClassVar[Namespace]
    NAMESPACE_DEPOSIT: _ClassVar[Namespace]
    NAMESPACE_WITHDRAWAL: _ClassVar[Namespace]
    NAMESPACE_WITHDRAWAL_ENDING: _ClassVar[Namespace]
WIN_KIND_UNSPECIFIED: WinKind
WIN_KIND_REGULAR: WinKind
WIN_KIND_FREE_ROUND: WinKind
WIN_KIND_JACKPOT: WinKind
WIN_KIND_PROMO: WinKind
DIRECTION_UNSPECIFIED: Direction
DIRECTION_CREDIT: Direction
DIRECTION_DEBIT: Direction
PLAYER_STATE_UNSPECIFIED: PlayerState
PLAYER_STATE_ACTIVE: PlayerState
PLAYER_STATE_BLOCKED: PlayerState
PLAYER_STATE_CLOSED: PlayerState
PLAYER_STATE_EXCLUDED: PlayerState
OPERATION_STATUS_UNSPECIFIED: OperationStatus
OPERATION_STATUS_APPLIED: OperationStatus
OPERATION_STATUS_VOIDED: OperationStatus
OPERATION_STATUS_ALREADY_ROLLED_BACK: OperationStatus
TRANSACTION_KIND_UNSPECIFIED: TransactionKind
TRANSACTION_KIND_BET: TransactionKind
TRANSACTION_KIND_WIN: TransactionKind
TRANSACTION_KIND_BET_AND_WIN: TransactionKind
TRANSACTION_KIND_ROLLBACK: TransactionKind
TRANSACTION_KIND_WITHDRAWAL_RESERVATION: TransactionKind
TRANSACTION_KIND_WITHDRAWAL_SETTLEMENT: TransactionKind
TRANSACTION_KIND_WITHDRAWAL_FAILURE: TransactionKind
TRANSACTION_KIND_DEPOSIT: TransactionKind
TRANSACTION_KIND_ADJUSTMENT: TransactionKind
TRANSACTION_KIND_PLAYER_STATE: TransactionKind
TRANSACTION_KIND_TOMBSTONE: TransactionKind
TRANSACTION_KIND_SESSION_OPENING: TransactionKind
TRANSACTION_KIND_SESSION_SETTLEMENT: TransactionKind
TRANSACTION_KIND_LEDGER_CREATION: TransactionKind
TRANSACTION_KIND_JOURNAL_ENTRY: TransactionKind
TRANSACTION_KIND_WALLET_POSTING: TransactionKind
NAMESPACE_UNSPECIFIED: Namespace
NAMESPACE_OWN: Namespace
NAMESPACE_DEPOSIT: Namespace
NAMESPACE_WITHDRAWAL: Namespace
NAMESPACE_WITHDRAWAL_ENDING: Namespace

class BetRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "currency_network_id", "amount_minor", "game_code", "round_id", "round_closed", "metadata")
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
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    game_code: str
    round_id: str
    round_closed: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class WinRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "currency_network_id", "amount_minor", "game_code", "round_id", "round_closed", "metadata", "reference_transaction_id", "win_kind")
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
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    WIN_KIND_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    game_code: str
    round_id: str
    round_closed: bool
    metadata: _containers.ScalarMap[str, str]
    reference_transaction_id: str
    win_kind: WinKind
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ..., reference_transaction_id: _Optional[str] = ..., win_kind: _Optional[_Union[WinKind, str]] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "currency_network_id", "reference_transaction_id", "round_closed", "metadata")
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
    REFERENCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    currency_network_id: int
    reference_transaction_id: str
    round_closed: bool
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., reference_transaction_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class BetAndWinRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "currency_network_id", "amount_minor", "game_code", "round_id", "round_closed", "metadata", "win_amount_minor")
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
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    WIN_AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    game_code: str
    round_id: str
    round_closed: bool
    metadata: _containers.ScalarMap[str, str]
    win_amount_minor: str
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., round_closed: _Optional[bool] = ..., metadata: _Optional[_Mapping[str, str]] = ..., win_amount_minor: _Optional[str] = ...) -> None: ...

class ReserveWithdrawalRequest(_message.Message):
    __slots__ = ("withdrawal_id", "player_id", "currency_network_id", "amount_minor", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WITHDRAWAL_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    withdrawal_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, withdrawal_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SettleWithdrawalRequest(_message.Message):
    __slots__ = ("withdrawal_id", "fee_minor", "tx_hash", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WITHDRAWAL_ID_FIELD_NUMBER: _ClassVar[int]
    FEE_MINOR_FIELD_NUMBER: _ClassVar[int]
    TX_HASH_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    withdrawal_id: str
    fee_minor: str
    tx_hash: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, withdrawal_id: _Optional[str] = ..., fee_minor: _Optional[str] = ..., tx_hash: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class FailWithdrawalRequest(_message.Message):
    __slots__ = ("withdrawal_id", "reason", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WITHDRAWAL_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    withdrawal_id: str
    reason: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, withdrawal_id: _Optional[str] = ..., reason: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class DepositSettlementRequest(_message.Message):
    __slots__ = ("deposit_id", "player_id", "currency_network_id", "amount_minor", "tx_hash", "output_index", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DEPOSIT_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    TX_HASH_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    deposit_id: str
    player_id: int
    currency_network_id: int
    amount_minor: str
    tx_hash: str
    output_index: int
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, deposit_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., tx_hash: _Optional[str] = ..., output_index: _Optional[int] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class AdjustRequest(_message.Message):
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
    direction: Direction
    reason: str
    actor: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., direction: _Optional[_Union[Direction, str]] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SetPlayerStateRequest(_message.Message):
    __slots__ = ("transaction_id", "player_id", "state", "reason", "actor", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    player_id: int
    state: PlayerState
    reason: str
    actor: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, transaction_id: _Optional[str] = ..., player_id: _Optional[int] = ..., state: _Optional[_Union[PlayerState, str]] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class OperationResult(_message.Message):
    __slots__ = ("tx_id", "transaction_id", "status", "replayed", "balance_after_minor", "current_balance_minor", "created_at")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENT_BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    transaction_id: str
    status: OperationStatus
    replayed: bool
    balance_after_minor: str
    current_balance_minor: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, tx_id: _Optional[str] = ..., transaction_id: _Optional[str] = ..., status: _Optional[_Union[OperationStatus, str]] = ..., replayed: _Optional[bool] = ..., balance_after_minor: _Optional[str] = ..., current_balance_minor: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetBalanceRequest(_message.Message):
    __slots__ = ("player_id", "currency_network_id")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    currency_network_id: int
    def __init__(self, player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ...) -> None: ...

class GetBalanceResponse(_message.Message):
    __slots__ = ("available_minor", "withdraw_hold_minor", "session_hold_minor", "bonus_minor", "total_minor", "state")
    AVAILABLE_MINOR_FIELD_NUMBER: _ClassVar[int]
    WITHDRAW_HOLD_MINOR_FIELD_NUMBER: _ClassVar[int]
    SESSION_HOLD_MINOR_FIELD_NUMBER: _ClassVar[int]
    BONUS_MINOR_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MINOR_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    available_minor: str
    withdraw_hold_minor: str
    session_hold_minor: str
    bonus_minor: str
    total_minor: str
    state: PlayerState
    def __init__(self, available_minor: _Optional[str] = ..., withdraw_hold_minor: _Optional[str] = ..., session_hold_minor: _Optional[str] = ..., bonus_minor: _Optional[str] = ..., total_minor: _Optional[str] = ..., state: _Optional[_Union[PlayerState, str]] = ...) -> None: ...

class GetTransactionRequest(_message.Message):
    __slots__ = ("tx_id", "transaction_id", "namespace")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    transaction_id: str
    namespace: Namespace
    def __init__(self, tx_id: _Optional[str] = ..., transaction_id: _Optional[str] = ..., namespace: _Optional[_Union[Namespace, str]] = ...) -> None: ...

class Posting(_message.Message):
    __slots__ = ("account", "amount_minor", "balance_after_minor")
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    account: str
    amount_minor: str
    balance_after_minor: str
    def __init__(self, account: _Optional[str] = ..., amount_minor: _Optional[str] = ..., balance_after_minor: _Optional[str] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("tx_id", "source", "transaction_id", "kind", "status", "player_id", "currency_network_id", "amount_minor", "win_amount_minor", "game_code", "round_id", "reference_tx_id", "reverses_tx_id", "reversed_by_tx_id", "postings", "metadata", "created_at", "reference_transaction_id", "win_kind", "direction", "state", "fee_minor", "tx_hash", "output_index", "reason", "actor", "round_closed", "session_token")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    WIN_AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TX_ID_FIELD_NUMBER: _ClassVar[int]
    REVERSES_TX_ID_FIELD_NUMBER: _ClassVar[int]
    REVERSED_BY_TX_ID_FIELD_NUMBER: _ClassVar[int]
    POSTINGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    WIN_KIND_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FEE_MINOR_FIELD_NUMBER: _ClassVar[int]
    TX_HASH_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ROUND_CLOSED_FIELD_NUMBER: _ClassVar[int]
    SESSION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    source: str
    transaction_id: str
    kind: TransactionKind
    status: OperationStatus
    player_id: int
    currency_network_id: int
    amount_minor: str
    win_amount_minor: str
    game_code: str
    round_id: str
    reference_tx_id: str
    reverses_tx_id: str
    reversed_by_tx_id: str
    postings: _containers.RepeatedCompositeFieldContainer[Posting]
    metadata: _containers.ScalarMap[str, str]
    created_at: _timestamp_pb2.Timestamp
    reference_transaction_id: str
    win_kind: WinKind
    direction: Direction
    state: PlayerState
    fee_minor: str
    tx_hash: str
    output_index: int
    reason: str
    actor: str
    round_closed: bool
    session_token: str
    def __init__(self, tx_id: _Optional[str] = ..., source: _Optional[str] = ..., transaction_id: _Optional[str] = ..., kind: _Optional[_Union[TransactionKind, str]] = ..., status: _Optional[_Union[OperationStatus, str]] = ..., player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., amount_minor: _Optional[str] = ..., win_amount_minor: _Optional[str] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., reference_tx_id: _Optional[str] = ..., reverses_tx_id: _Optional[str] = ..., reversed_by_tx_id: _Optional[str] = ..., postings: _Optional[_Iterable[_Union[Posting, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reference_transaction_id: _Optional[str] = ..., win_kind: _Optional[_Union[WinKind, str]] = ..., direction: _Optional[_Union[Direction, str]] = ..., state: _Optional[_Union[PlayerState, str]] = ..., fee_minor: _Optional[str] = ..., tx_hash: _Optional[str] = ..., output_index: _Optional[int] = ..., reason: _Optional[str] = ..., actor: _Optional[str] = ..., round_closed: _Optional[bool] = ..., session_token: _Optional[str] = ...) -> None: ...

class GetRoundRequest(_message.Message):
    __slots__ = ("player_id", "currency_network_id", "game_code", "round_id", "source")
    PLAYER_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    GAME_CODE_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    player_id: int
    currency_network_id: int
    game_code: str
    round_id: str
    source: str
    def __init__(self, player_id: _Optional[int] = ..., currency_network_id: _Optional[int] = ..., game_code: _Optional[str] = ..., round_id: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class GetRoundResponse(_message.Message):
    __slots__ = ("closed", "bets_minor", "wins_minor", "rolled_back_bets_minor", "rolled_back_wins_minor", "transactions")
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    BETS_MINOR_FIELD_NUMBER: _ClassVar[int]
    WINS_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_BETS_MINOR_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_WINS_MINOR_FIELD_NUMBER: _ClassVar[int]
    TRANSACTIONS_FIELD_NUMBER: _ClassVar[int]
    closed: bool
    bets_minor: str
    wins_minor: str
    rolled_back_bets_minor: str
    rolled_back_wins_minor: str
    transactions: int
    def __init__(self, closed: _Optional[bool] = ..., bets_minor: _Optional[str] = ..., wins_minor: _Optional[str] = ..., rolled_back_bets_minor: _Optional[str] = ..., rolled_back_wins_minor: _Optional[str] = ..., transactions: _Optional[int] = ...) -> None: ...

class ListCurrencyNetworksRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCurrencyNetworksResponse(_message.Message):
    __slots__ = ("currency_networks",)
    CURRENCY_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    currency_networks: _containers.RepeatedCompositeFieldContainer[CurrencyNetwork]
    def __init__(self, currency_networks: _Optional[_Iterable[_Union[CurrencyNetwork, _Mapping]]] = ...) -> None: ...

class CurrencyNetwork(_message.Message):
    __slots__ = ("currency_network_id", "currency", "network", "decimals")
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    DECIMALS_FIELD_NUMBER: _ClassVar[int]
    currency_network_id: int
    currency: str
    network: str
    decimals: int
    def __init__(self, currency_network_id: _Optional[int] = ..., currency: _Optional[str] = ..., network: _Optional[str] = ..., decimals: _Optional[int] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("bet", "win", "rollback", "bet_and_win", "reserve_withdrawal", "settle_withdrawal", "fail_withdrawal", "apply_deposit_settlement", "adjust", "set_player_state")
    BET_FIELD_NUMBER: _ClassVar[int]
    WIN_FIELD_NUMBER: _ClassVar[int]
    ROLLBACK_FIELD_NUMBER: _ClassVar[int]
    BET_AND_WIN_FIELD_NUMBER: _ClassVar[int]
    RESERVE_WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    SETTLE_WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    FAIL_WITHDRAWAL_FIELD_NUMBER: _ClassVar[int]
    APPLY_DEPOSIT_SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    ADJUST_FIELD_NUMBER: _ClassVar[int]
    SET_PLAYER_STATE_FIELD_NUMBER: _ClassVar[int]
    bet: BetRequest
    win: WinRequest
    rollback: RollbackRequest
    bet_and_win: BetAndWinRequest
    reserve_withdrawal: ReserveWithdrawalRequest
    settle_withdrawal: SettleWithdrawalRequest
    fail_withdrawal: FailWithdrawalRequest
    apply_deposit_settlement: DepositSettlementRequest
    adjust: AdjustRequest
    set_player_state: SetPlayerStateRequest
    def __init__(self, bet: _Optional[_Union[BetRequest, _Mapping]] = ..., win: _Optional[_Union[WinRequest, _Mapping]] = ..., rollback: _Optional[_Union[RollbackRequest, _Mapping]] = ..., bet_and_win: _Optional[_Union[BetAndWinRequest, _Mapping]] = ..., reserve_withdrawal: _Optional[_Union[ReserveWithdrawalRequest, _Mapping]] = ..., settle_withdrawal: _Optional[_Union[SettleWithdrawalRequest, _Mapping]] = ..., fail_withdrawal: _Optional[_Union[FailWithdrawalRequest, _Mapping]] = ..., apply_deposit_settlement: _Optional[_Union[DepositSettlementRequest, _Mapping]] = ..., adjust: _Optional[_Union[AdjustRequest, _Mapping]] = ..., set_player_state: _Optional[_Union[SetPlayerStateRequest, _Mapping]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("result", "error")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    result: OperationResult
    error: _status_pb2.Status
    def __init__(self, result: _Optional[_Union[OperationResult, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class ExecuteBatchRequest(_message.Message):
    __slots__ = ("operations",)
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ...) -> None: ...

class ExecuteBatchResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[Outcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[Outcome, _Mapping]]] = ...) -> None: ...
