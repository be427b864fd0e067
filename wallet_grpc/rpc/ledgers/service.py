"""LedgerService serves callers' own ledgers: creations as its table says, the rest by the methods below it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from wallet.v1 import ledger_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import FIRST_UUID, caller_key
from wallet_grpc.domain.ledgers.outcomes import JournalPosted
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId, parse_ledger_id
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Mutation, Operation, Operations, in_known_network
from wallet_grpc.rpc.pages import FOREIGN_TOKEN, fill_page, page_size
from wallet_grpc.rpc.wire import moment_of
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.ledgers import LedgerReaders
from wallet_grpc.store.reads.moments import FutureMomentError, UnsettledMomentError

from . import answers, requests
from .requests import journal_entry_of, ledger_id_of, legs_of

_UNSETTLED = Refusal(
    reason=Reason.DATABASE_UNAVAILABLE,
    message="at cannot be answered yet: what happened until then is still being stored; send it again",
)
_ENTRY_NOT_FOUND = Refusal(reason=Reason.TRANSACTION_NOT_FOUND, message="the ledger has no such entry")

OPERATIONS: Mapping[str, Operation] = {
    "create_ledger": Operation(
        Role.CREDIT, pb.CreateLedgerRequest, requests.create_ledger, in_known_network, answers.LEDGER_CREATED
    ),
}
"""Every mutation whose request alone makes its command: an entry's needs the ledger that it names."""


class LedgerServicer:
    """Ledgers over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, readers: LedgerReaders) -> None:
        self.gate = gate
        self.operations = Operations(OPERATIONS, execution)
        self._readers = readers
        self._ledgers = execution.directories.ledgers

    CreateLedger = Mutation("create_ledger")

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
            read=partial(self._readers.shared.ledgers, source),
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
        entry = journal_entry_of(request, source, ledger, legs)
        return answers.journal_posted(await self.operations.decided(entry, JournalPosted, call))

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
        ledger = await self._ledger(ledger_id, call)
        if tx_id is None and key is None:  # what is no UUID names no transaction
            raise RefusedError(_ENTRY_NOT_FOUND)
        row = await self._readers.of_cells.of(ledger.owner_id).journal_entry(ledger_id, tx_id=tx_id, key=key)
        if row is None:
            raise RefusedError(_ENTRY_NOT_FOUND)
        return answers.journal_entry(ledger_id, row)

    @gated()
    async def GetLedgerAccount(self, request: pb.GetLedgerAccountRequest, call: CallContext) -> pb.LedgerAccount:
        """Read an account's balance, now or at a time, of which the answer is then the same for ever."""
        ledger_id = ledger_id_of(request.ledger_id)
        code = fields.identifier(request.account_code, "account_code")
        at = moment_of(request.at, "at") if request.HasField("at") else None
        ledger = await self._ledger(ledger_id, call)
        try:
            balance = await self._readers.of_cells.of(ledger.owner_id).account_balance(ledger_id, code, at)
        except FutureMomentError:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "at", "is yet to come")) from None
        except UnsettledMomentError:
            raise RefusedError(_UNSETTLED) from None
        return pb.LedgerAccount(account_code=code, balance_minor=str(balance))

    async def _ledger(self, ledger_id: LedgerId, call: CallContext) -> Ledger:
        return await self._ledgers.require(ledger_id, lambda ledger: rights.sees_ledgers(call.caller, ledger.source))
