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

class WalletStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WALLET_STATUS_UNSPECIFIED: _ClassVar[WalletStatus]
    WALLET_STATUS_ACCEPTED: _ClassVar[WalletStatus]
    WALLET_STATUS_DUPLICATE: _ClassVar[WalletStatus]

class WalletEntryKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WALLET_ENTRY_KIND_UNSPECIFIED: _ClassVar[WalletEntryKind]
    WALLET_ENTRY_KIND_CREDIT: _ClassVar[WalletEntryKind]
    WALLET_ENTRY_KIND_DEBIT: _ClassVar[WalletEntryKind]
    WALLET_ENTRY_KIND_RESERVE: _ClassVar[WalletEntryKind]
    WALLET_ENTRY_KIND_COMMIT: _ClassVar[WalletEntryKind]
    WALLET_ENTRY_KIND_RELEASE: _ClassVar[WalletEntryKind]
WALLET_STATUS_UNSPECIFIED: WalletStatus
WALLET_STATUS_ACCEPTED: WalletStatus
WALLET_STATUS_DUPLICATE: WalletStatus
WALLET_ENTRY_KIND_UNSPECIFIED: WalletEntryKind
WALLET_ENTRY_KIND_CREDIT: WalletEntryKind
WALLET_ENTRY_KIND_DEBIT: WalletEntryKind
WALLET_ENTRY_KIND_RESERVE: WalletEntryKind
WALLET_ENTRY_KIND_COMMIT: WalletEntryKind
WALLET_ENTRY_KIND_RELEASE: WalletEntryKind

class CreditRequest(_message.Message):
    __slots__ = ("wallet_key", "transaction_id", "amount_minor", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    transaction_id: str
    amount_minor: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, wallet_key: _Optional[str] = ..., transaction_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class DebitRequest(_message.Message):
    __slots__ = ("wallet_key", "transaction_id", "amount_minor", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    transaction_id: str
    amount_minor: str
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, wallet_key: _Optional[str] = ..., transaction_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ReserveRequest(_message.Message):
    __slots__ = ("wallet_key", "transaction_id", "amount_minor", "metadata", "ttl_seconds")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    transaction_id: str
    amount_minor: str
    metadata: _containers.ScalarMap[str, str]
    ttl_seconds: int
    def __init__(self, wallet_key: _Optional[str] = ..., transaction_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., ttl_seconds: _Optional[int] = ...) -> None: ...

class CommitRequest(_message.Message):
    __slots__ = ("wallet_key", "reservation_id", "amount_minor")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    reservation_id: str
    amount_minor: str
    def __init__(self, wallet_key: _Optional[str] = ..., reservation_id: _Optional[str] = ..., amount_minor: _Optional[str] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("wallet_key", "reservation_id")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    reservation_id: str
    def __init__(self, wallet_key: _Optional[str] = ..., reservation_id: _Optional[str] = ...) -> None: ...

class WalletResult(_message.Message):
    __slots__ = ("status", "balance_minor", "available_minor")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_MINOR_FIELD_NUMBER: _ClassVar[int]
    status: WalletStatus
    balance_minor: str
    available_minor: str
    def __init__(self, status: _Optional[_Union[WalletStatus, str]] = ..., balance_minor: _Optional[str] = ..., available_minor: _Optional[str] = ...) -> None: ...

class ReserveResponse(_message.Message):
    __slots__ = ("reservation_id", "expires_at", "status", "balance_minor", "available_minor")
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_MINOR_FIELD_NUMBER: _ClassVar[int]
    reservation_id: str
    expires_at: _timestamp_pb2.Timestamp
    status: WalletStatus
    balance_minor: str
    available_minor: str
    def __init__(self, reservation_id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[WalletStatus, str]] = ..., balance_minor: _Optional[str] = ..., available_minor: _Optional[str] = ...) -> None: ...

class GetWalletRequest(_message.Message):
    __slots__ = ("wallet_key",)
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    def __init__(self, wallet_key: _Optional[str] = ...) -> None: ...

class CreditWallet(_message.Message):
    __slots__ = ("wallet_key", "currency_network_id", "balance_minor", "available_minor", "entries", "posted_entries", "created_at")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_MINOR_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    POSTED_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    currency_network_id: int
    balance_minor: str
    available_minor: str
    entries: int
    posted_entries: int
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, wallet_key: _Optional[str] = ..., currency_network_id: _Optional[int] = ..., balance_minor: _Optional[str] = ..., available_minor: _Optional[str] = ..., entries: _Optional[int] = ..., posted_entries: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListWalletEntriesRequest(_message.Message):
    __slots__ = ("wallet_key", "page_size", "page_token")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    page_size: int
    page_token: str
    def __init__(self, wallet_key: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListWalletEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[WalletEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[WalletEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WalletEntry(_message.Message):
    __slots__ = ("entry_no", "kind", "transaction_id", "reservation_id", "amount_minor", "change_minor", "balance_after_minor", "source", "metadata", "created_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENTRY_NO_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CHANGE_MINOR_FIELD_NUMBER: _ClassVar[int]
    BALANCE_AFTER_MINOR_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    entry_no: int
    kind: WalletEntryKind
    transaction_id: str
    reservation_id: str
    amount_minor: str
    change_minor: str
    balance_after_minor: str
    source: str
    metadata: _containers.ScalarMap[str, str]
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, entry_no: _Optional[int] = ..., kind: _Optional[_Union[WalletEntryKind, str]] = ..., transaction_id: _Optional[str] = ..., reservation_id: _Optional[str] = ..., amount_minor: _Optional[str] = ..., change_minor: _Optional[str] = ..., balance_after_minor: _Optional[str] = ..., source: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListPostingsRequest(_message.Message):
    __slots__ = ("wallet_key", "page_size", "page_token")
    WALLET_KEY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    wallet_key: str
    page_size: int
    page_token: str
    def __init__(self, wallet_key: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPostingsResponse(_message.Message):
    __slots__ = ("postings", "next_page_token")
    POSTINGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    postings: _containers.RepeatedCompositeFieldContainer[WalletPosting]
    next_page_token: str
    def __init__(self, postings: _Optional[_Iterable[_Union[WalletPosting, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WalletPosting(_message.Message):
    __slots__ = ("tx_id", "first_entry_no", "last_entry_no", "amount_minor", "created_at")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_ENTRY_NO_FIELD_NUMBER: _ClassVar[int]
    LAST_ENTRY_NO_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    first_entry_no: int
    last_entry_no: int
    amount_minor: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, tx_id: _Optional[str] = ..., first_entry_no: _Optional[int] = ..., last_entry_no: _Optional[int] = ..., amount_minor: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WalletOperation(_message.Message):
    __slots__ = ("credit", "debit", "reserve", "commit", "release")
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    DEBIT_FIELD_NUMBER: _ClassVar[int]
    RESERVE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    credit: CreditRequest
    debit: DebitRequest
    reserve: ReserveRequest
    commit: CommitRequest
    release: ReleaseRequest
    def __init__(self, credit: _Optional[_Union[CreditRequest, _Mapping]] = ..., debit: _Optional[_Union[DebitRequest, _Mapping]] = ..., reserve: _Optional[_Union[ReserveRequest, _Mapping]] = ..., commit: _Optional[_Union[CommitRequest, _Mapping]] = ..., release: _Optional[_Union[ReleaseRequest, _Mapping]] = ...) -> None: ...

class WalletOutcome(_message.Message):
    __slots__ = ("result", "error", "reservation")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_FIELD_NUMBER: _ClassVar[int]
    result: WalletResult
    error: _status_pb2.Status
    reservation: ReserveResponse
    def __init__(self, result: _Optional[_Union[WalletResult, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., reservation: _Optional[_Union[ReserveResponse, _Mapping]] = ...) -> None: ...

class ExecuteWalletBatchRequest(_message.Message):
    __slots__ = ("operations",)
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[WalletOperation]
    def __init__(self, operations: _Optional[_Iterable[_Union[WalletOperation, _Mapping]]] = ...) -> None: ...

class ExecuteWalletBatchResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[WalletOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[WalletOutcome, _Mapping]]] = ...) -> None: ...
