"""CreditWalletService: each method converts the request, calls the engine or the reader, and converts the answer."""

from __future__ import annotations

from functools import partial

from wallet.v1 import credit_wallet_pb2 as pb
from wallet_grpc.domain.credit.outcomes import Reserved, Written
from wallet_grpc.domain.credit.rules import WALLET_NOT_FOUND
from wallet_grpc.domain.credit.state import WalletAddress
from wallet_grpc.domain.ledgers.state import Ledger
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Dialect, Execution, Operations
from wallet_grpc.rpc.pages import after_number, fill_page, page_size
from wallet_grpc.store.reads.credit import CreditReader, WalletFacts
from wallet_grpc.store.reads.keys import Role

from . import answers
from .requests import CREDIT_CALLS, wallet_of


class CreditWalletServicer:
    """Credit wallets over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, reader: CreditReader) -> None:
        self.gate = gate
        self._reader = reader
        self._ledgers = execution.ledgers
        self._operations = Operations(
            Dialect(calls=CREDIT_CALLS, new_outcome=pb.WalletOutcome, fill_outcome=answers.outcome),
            execution,
        )

    @gated(Role.CREDIT)
    async def Credit(self, request: pb.CreditRequest, call: CallContext) -> pb.WalletResult:
        """Add to a balance."""
        decided = await self._operations.one("credit", request, call)
        assert isinstance(decided, Written)
        return answers.result(decided, pb.WalletResult())

    @gated(Role.CREDIT)
    async def Debit(self, request: pb.DebitRequest, call: CallContext) -> pb.WalletResult:
        """Take from what is available."""
        decided = await self._operations.one("debit", request, call)
        assert isinstance(decided, Written)
        return answers.result(decided, pb.WalletResult())

    @gated(Role.CREDIT)
    async def Reserve(self, request: pb.ReserveRequest, call: CallContext) -> pb.ReserveResponse:
        """Hold a part of what is available."""
        decided = await self._operations.one("reserve", request, call)
        assert isinstance(decided, Reserved)
        return answers.reservation(decided, pb.ReserveResponse())

    @gated(Role.CREDIT)
    async def Commit(self, request: pb.CommitRequest, call: CallContext) -> pb.WalletResult:
        """End a reservation by taking what it holds, or less."""
        decided = await self._operations.one("commit", request, call)
        assert isinstance(decided, Written)
        return answers.result(decided, pb.WalletResult())

    @gated(Role.CREDIT)
    async def Release(self, request: pb.ReleaseRequest, call: CallContext) -> pb.WalletResult:
        """End a reservation by giving back what it holds."""
        decided = await self._operations.one("release", request, call)
        assert isinstance(decided, Written)
        return answers.result(decided, pb.WalletResult())

    @gated()
    async def GetWallet(self, request: pb.GetWalletRequest, call: CallContext) -> pb.CreditWallet:
        """Read a wallet."""
        address = wallet_of(request.wallet_key)
        ledger = await self._ledger(address, call)
        return answers.wallet(request.wallet_key, ledger.currency_network_id, await self._wallet(address))

    @gated()
    async def ListWalletEntries(
        self, request: pb.ListWalletEntriesRequest, call: CallContext
    ) -> pb.ListWalletEntriesResponse:
        """Read a page of a wallet's journal."""
        address = wallet_of(request.wallet_key)
        size, after = page_size(request.page_size), after_number(request.page_token)
        await self._ledger(address, call)
        await self._wallet(address)
        response = pb.ListWalletEntriesResponse()
        response.next_page_token = await fill_page(
            response.entries,
            size=size,
            after=after,
            read=partial(self._reader.entries, address.wallet_id),
            cursor_of=lambda row: row.entry_no,
            fill=answers.entry,
        )
        return response

    @gated()
    async def ListPostings(self, request: pb.ListPostingsRequest, call: CallContext) -> pb.ListPostingsResponse:
        """Read a page of a wallet's postings."""
        address = wallet_of(request.wallet_key)
        size, after = page_size(request.page_size), after_number(request.page_token)
        await self._ledger(address, call)
        await self._wallet(address)
        response = pb.ListPostingsResponse()
        response.next_page_token = await fill_page(
            response.postings,
            size=size,
            after=after,
            read=partial(self._reader.postings, address.wallet_id),
            cursor_of=lambda row: row.last_entry_no,
            fill=answers.posting,
        )
        return response

    @gated()
    async def ExecuteBatch(
        self, request: pb.ExecuteWalletBatchRequest, call: CallContext
    ) -> pb.ExecuteWalletBatchResponse:
        """Execute mutations in order, each on its own."""
        response = pb.ExecuteWalletBatchResponse()
        await self._operations.batch(request, response, call)
        return response

    async def _ledger(self, address: WalletAddress, call: CallContext) -> Ledger:
        return await self._ledgers.require(
            address.ledger_id, lambda ledger: rights.sees_ledgers(call.caller, ledger.source)
        )

    async def _wallet(self, address: WalletAddress) -> WalletFacts:
        facts = await self._reader.wallet(address.wallet_id)
        if facts is None:
            raise RefusedError(WALLET_NOT_FOUND)
        return facts
