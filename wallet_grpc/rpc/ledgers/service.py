"""LedgerService: each method converts the request, calls the engine or the reader, and converts the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp

from wallet.v1 import ledger_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import caller_key
from wallet_grpc.domain.ledgers.outcomes import JournalPosted, LedgerCreated
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId, parse_ledger_id
from wallet_grpc.domain.outcomes import Outcome
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.credit import answers
from wallet_grpc.rpc.credit.requests import LEDGER_CALLS, journal_entry_of, ledger_id_of, legs_of
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Dialect, Execution, Operations
from wallet_grpc.rpc.pages import FOREIGN_TOKEN, fill_page, page_size
from wallet_grpc.store.reads.credit import FIRST_UUID, CreditReader
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.moments import FutureMomentError, UnsettledMomentError

_UNSETTLED = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE,
    message="at cannot be answered yet: what happened until then is still being stored; send it again",
)
_ENTRY_NOT_FOUND = Refusal(reason=Reason.TRANSACTION_NOT_FOUND, message="the ledger has no such entry")
_NANOS_MAX = 999_999_999
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LedgerServicer:
    """Ledgers over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, reader: CreditReader) -> None:
        self.gate = gate
        self._reader = reader
        self._ledgers = execution.ledgers
        self._operations = Operations(
            Dialect(calls=LEDGER_CALLS, new_outcome=pb.Ledger, fill_outcome=_no_batches),
            execution,
        )

    @gated(Role.CREDIT)
    async def CreateLedger(self, request: pb.CreateLedgerRequest, call: CallContext) -> pb.Ledger:
        """Begin a ledger."""
        decided = await self._operations.one("create_ledger", request, call)
        assert isinstance(decided, LedgerCreated)
        return answers.ledger(decided.ledger, pb.Ledger(), replayed=decided.replayed)

    @gated()
    async def ListLedgers(self, request: pb.ListLedgersRequest, call: CallContext) -> pb.ListLedgersResponse:
        """Read a page of the ledgers that the caller sees."""
        size = page_size(request.page_size)
        after = parse_ledger_id(request.page_token) if request.page_token else FIRST_UUID
        if after is None:
            raise MalformedError(FOREIGN_TOKEN)
        caller = call.caller
        if not rights.sees_ledgers(caller, caller.source):
            return pb.ListLedgersResponse()
        source = None if rights.sees_everything(caller) else caller.source
        response = pb.ListLedgersResponse()
        response.next_page_token = await fill_page(
            response.ledgers,
            size=size,
            after=str(after),
            read=partial(self._reader.ledgers, source),
            cursor_of=lambda ledger: str(ledger.ledger_id),
            fill=answers.ledger,
        )
        return response

    @gated(Role.CREDIT)
    async def PostJournalEntry(
        self, request: pb.PostJournalEntryRequest, call: CallContext
    ) -> pb.PostJournalEntryResponse:
        """Post a balanced entry."""
        ledger_id = ledger_id_of(request.ledger_id)
        fields.transaction_id(request.transaction_id)
        legs = legs_of(request.postings)
        fields.metadata(request.metadata)
        source = call.caller.source
        ledger = await self._ledgers.require(ledger_id, lambda ledger: ledger.source == source)
        decided = await self._operations.decided(journal_entry_of(request, source, ledger, legs), call)
        assert isinstance(decided, JournalPosted)
        return answers.journal_posted(decided)

    @gated()
    async def GetJournalEntry(self, request: pb.GetJournalEntryRequest, call: CallContext) -> pb.JournalEntry:
        """Read an entry."""
        ledger_id = ledger_id_of(request.ledger_id)
        if bool(request.tx_id) == bool(request.transaction_id):
            raise MalformedError(invalid(Reason.MISSING_FIELD, "tx_id", "or transaction_id is required, and not both"))
        tx_id = key = None
        if request.tx_id:
            tx_id = parse_ledger_id(fields.identifier(request.tx_id, "tx_id"))
        else:
            key = caller_key(call.caller.source, fields.any_transaction_id(request.transaction_id))
        await self._ledger(ledger_id, call)
        if tx_id is None and key is None:  # what is no UUID names no transaction
            raise RefusedError(_ENTRY_NOT_FOUND)
        row = await self._reader.journal_entry(ledger_id, tx_id=tx_id, key=key)
        if row is None:
            raise RefusedError(_ENTRY_NOT_FOUND)
        return answers.journal_entry(ledger_id, row)

    @gated()
    async def GetLedgerAccount(self, request: pb.GetLedgerAccountRequest, call: CallContext) -> pb.LedgerAccount:
        """Read an account's balance, now or at a time, of which the answer is then the same for ever."""
        ledger_id = ledger_id_of(request.ledger_id)
        code = fields.identifier(request.account_code, "account_code")
        at = _moment(request.at) if request.HasField("at") else None
        await self._ledger(ledger_id, call)
        try:
            balance = await self._reader.account_balance(ledger_id, code, at)
        except FutureMomentError:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "at", "is yet to come")) from None
        except UnsettledMomentError:
            raise RefusedError(_UNSETTLED) from None
        return pb.LedgerAccount(account_code=code, balance_minor=str(balance))

    async def _ledger(self, ledger_id: LedgerId, call: CallContext) -> Ledger:
        return await self._ledgers.require(ledger_id, lambda ledger: rights.sees_ledgers(call.caller, ledger.source))


def _moment(at: Timestamp) -> datetime:
    """Read a time to the microsecond, which is what the ledger keeps."""
    if not 0 <= at.nanos <= _NANOS_MAX:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "at", f"its nanos must be 0 to {_NANOS_MAX:,}"))
    try:
        return _EPOCH + timedelta(seconds=at.seconds, microseconds=at.nanos // 1000)
    except OverflowError as error:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "at", "must be of the years 1 to 9999")) from error


def _no_batches(_decided: Outcome, _into: pb.Ledger, _request_id: str) -> pb.Ledger:
    raise AssertionError("LedgerService has no batches")
