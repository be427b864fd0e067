"""CreditWalletService serves credit wallets: mutations as its table says, reads by the methods below it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from google.protobuf.message import Message

from wallet.v1 import credit_wallet_pb2 as pb
from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.credit.rules import WALLET_NOT_FOUND
from wallet_grpc.domain.credit.state import WalletAddress, WalletId
from wallet_grpc.domain.ledgers.state import Ledger
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Mutation, Operation, Operations
from wallet_grpc.rpc.pages import Row, after_number, fill_page, page_size
from wallet_grpc.store.reads.credit import CreditReader, WalletFacts
from wallet_grpc.store.reads.keys import Role

from . import answers, requests
from .answers import RESERVATION, RESULT
from .requests import in_own_ledger, wallet_of

OPERATIONS: Mapping[str, Operation] = {
    "credit": Operation(Role.CREDIT, pb.CreditRequest, requests.credit, in_own_ledger, RESULT),
    "debit": Operation(Role.CREDIT, pb.DebitRequest, requests.debit, in_own_ledger, RESULT),
    "reserve": Operation(Role.CREDIT, pb.ReserveRequest, requests.reserve, in_own_ledger, RESERVATION),
    "commit": Operation(Role.CREDIT, pb.CommitRequest, requests.commit, in_own_ledger, RESULT),
    "release": Operation(Role.CREDIT, pb.ReleaseRequest, requests.release, in_own_ledger, RESULT),
}
"""Every mutation by its name in `WalletOperation`."""


class CreditWalletServicer:
    """Credit wallets over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, readers: ByCell[CreditReader]) -> None:
        self.gate = gate
        self.operations = Operations(OPERATIONS, execution)
        self._readers = readers
        self._ledgers = execution.directories.ledgers

    Credit = Mutation("credit")
    Debit = Mutation("debit")
    Reserve = Mutation("reserve")
    Commit = Mutation("commit")
    Release = Mutation("release")

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
        response = pb.ListWalletEntriesResponse()
        response.next_page_token = await self._page(
            request,
            call,
            into=response.entries,
            read=CreditReader.entries,
            cursor_of=lambda row: row.entry_no,
            fill=answers.entry,
        )
        return response

    @gated()
    async def ListPostings(self, request: pb.ListPostingsRequest, call: CallContext) -> pb.ListPostingsResponse:
        """Read a page of a wallet's postings."""
        response = pb.ListPostingsResponse()
        response.next_page_token = await self._page(
            request,
            call,
            into=response.postings,
            read=CreditReader.postings,
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
        await self.operations.batch(request, response, answers.outcome, call)
        return response

    async def _page(
        self,
        request: pb.ListWalletEntriesRequest | pb.ListPostingsRequest,
        call: CallContext,
        *,
        into: Any,
        read: Callable[[CreditReader, WalletId, int, int], Awaitable[Sequence[Row]]],
        cursor_of: Callable[[Row], int],
        fill: Callable[[Row, Any], Message],
    ) -> str:
        """Fill a page of what a wallet has, and give the token of the next one."""
        address = wallet_of(request.wallet_key)
        size, after = page_size(request.page_size), after_number(request.page_token)
        await self._ledger(address, call)
        await self._wallet(address)
        of_wallet = partial(read, self._readers.of(address.owner_id), address.wallet_id)
        return await fill_page(into, size=size, after=after, read=of_wallet, cursor_of=cursor_of, fill=fill)

    async def _ledger(self, address: WalletAddress, call: CallContext) -> Ledger:
        return await self._ledgers.require(
            address.ledger_id, lambda ledger: rights.sees_ledgers(call.caller, ledger.source)
        )

    async def _wallet(self, address: WalletAddress) -> WalletFacts:
        facts = await self._readers.of(address.owner_id).wallet(address.wallet_id)
        if facts is None:
            raise RefusedError(WALLET_NOT_FOUND)
        return facts
