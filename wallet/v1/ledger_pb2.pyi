import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateLedgerRequest(_message.Message):
    __slots__ = ("transaction_id", "name", "currency_network_id")
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    transaction_id: str
    name: str
    currency_network_id: int
    def __init__(self, transaction_id: _Optional[str] = ..., name: _Optional[str] = ..., currency_network_id: _Optional[int] = ...) -> None: ...

class Ledger(_message.Message):
    __slots__ = ("ledger_id", "name", "currency_network_id", "created_at", "replayed")
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_NETWORK_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    ledger_id: str
    name: str
    currency_network_id: int
    created_at: _timestamp_pb2.Timestamp
    replayed: bool
    def __init__(self, ledger_id: _Optional[str] = ..., name: _Optional[str] = ..., currency_network_id: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class ListLedgersRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListLedgersResponse(_message.Message):
    __slots__ = ("ledgers", "next_page_token")
    LEDGERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ledgers: _containers.RepeatedCompositeFieldContainer[Ledger]
    next_page_token: str
    def __init__(self, ledgers: _Optional[_Iterable[_Union[Ledger, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class JournalPosting(_message.Message):
    __slots__ = ("account_code", "amount_minor")
    ACCOUNT_CODE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    account_code: str
    amount_minor: str
    def __init__(self, account_code: _Optional[str] = ..., amount_minor: _Optional[str] = ...) -> None: ...

class PostJournalEntryRequest(_message.Message):
    __slots__ = ("ledger_id", "transaction_id", "postings", "metadata")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    POSTINGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ledger_id: str
    transaction_id: str
    postings: _containers.RepeatedCompositeFieldContainer[JournalPosting]
    metadata: _containers.ScalarMap[str, str]
    def __init__(self, ledger_id: _Optional[str] = ..., transaction_id: _Optional[str] = ..., postings: _Optional[_Iterable[_Union[JournalPosting, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PostJournalEntryResponse(_message.Message):
    __slots__ = ("tx_id", "transaction_id", "accounts", "replayed", "created_at")
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    transaction_id: str
    accounts: _containers.RepeatedCompositeFieldContainer[LedgerAccount]
    replayed: bool
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, tx_id: _Optional[str] = ..., transaction_id: _Optional[str] = ..., accounts: _Optional[_Iterable[_Union[LedgerAccount, _Mapping]]] = ..., replayed: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetJournalEntryRequest(_message.Message):
    __slots__ = ("ledger_id", "tx_id", "transaction_id")
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ledger_id: str
    tx_id: str
    transaction_id: str
    def __init__(self, ledger_id: _Optional[str] = ..., tx_id: _Optional[str] = ..., transaction_id: _Optional[str] = ...) -> None: ...

class JournalEntry(_message.Message):
    __slots__ = ("tx_id", "ledger_id", "source", "transaction_id", "postings", "metadata", "created_at")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TX_ID_FIELD_NUMBER: _ClassVar[int]
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    POSTINGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    tx_id: str
    ledger_id: str
    source: str
    transaction_id: str
    postings: _containers.RepeatedCompositeFieldContainer[JournalPosting]
    metadata: _containers.ScalarMap[str, str]
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, tx_id: _Optional[str] = ..., ledger_id: _Optional[str] = ..., source: _Optional[str] = ..., transaction_id: _Optional[str] = ..., postings: _Optional[_Iterable[_Union[JournalPosting, _Mapping]]] = ..., metadata: _Optional[_Mapping[str, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetLedgerAccountRequest(_message.Message):
    __slots__ = ("ledger_id", "account_code", "at")
    LEDGER_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_CODE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ledger_id: str
    account_code: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, ledger_id: _Optional[str] = ..., account_code: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LedgerAccount(_message.Message):
    __slots__ = ("account_code", "balance_minor")
    ACCOUNT_CODE_FIELD_NUMBER: _ClassVar[int]
    BALANCE_MINOR_FIELD_NUMBER: _ClassVar[int]
    account_code: str
    balance_minor: str
    def __init__(self, account_code: _Optional[str] = ..., balance_minor: _Optional[str] = ...) -> None: ...
