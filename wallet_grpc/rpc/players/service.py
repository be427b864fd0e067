"""WalletService serves players' money: mutations as its table says, reads by the methods below it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import (
    Key,
    Source,
    caller_key,
    deposit_key,
    may_be_uuid,
    round_key,
    withdrawal_ending_key,
    withdrawal_key,
)
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.rpc import rights
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated, gated_stream
from wallet_grpc.rpc.operations import Execution, Mutation, Operation, Operations, in_known_network
from wallet_grpc.rpc.wire import game_round
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.players import PlayerReader, TransactionFinder

from . import answers, requests
from .answers import OPERATION_RESULT
from .requests import AdjustmentLimits

_KeyOf = Callable[[Source, str], Key]

NAMESPACES: Mapping[pb.Namespace, _KeyOf] = {
    pb.NAMESPACE_OWN: caller_key,
    pb.NAMESPACE_DEPOSIT: lambda _, named: deposit_key(named),
    pb.NAMESPACE_WITHDRAWAL: lambda _, named: withdrawal_key(named),
    pb.NAMESPACE_WITHDRAWAL_ENDING: lambda _, named: withdrawal_ending_key(named),
}
INSTALLATION_NAMESPACES = tuple(key_of for name, key_of in NAMESPACES.items() if name != pb.NAMESPACE_OWN)
"""Those in which an id is one transaction's over all cells."""
UNNAMED_NAMESPACES = tuple(
    NAMESPACES[name] for name in (pb.NAMESPACE_OWN, pb.NAMESPACE_DEPOSIT, pb.NAMESPACE_WITHDRAWAL)
)
"""Where a transaction_id is looked for, in this order, if the request does not say in which of them."""


def operations_of(limits: AdjustmentLimits) -> Mapping[str, Operation]:
    """Give every mutation by its name in `Operation`; an ending of a withdrawal and a state name no network."""
    return {
        "bet": Operation(Role.GAME, pb.BetRequest, requests.bet, in_known_network, OPERATION_RESULT),
        "win": Operation(Role.GAME, pb.WinRequest, requests.win, in_known_network, OPERATION_RESULT),
        "rollback": Operation(Role.GAME, pb.RollbackRequest, requests.rollback, in_known_network, OPERATION_RESULT),
        "bet_and_win": Operation(
            Role.GAME, pb.BetAndWinRequest, requests.bet_and_win, in_known_network, OPERATION_RESULT
        ),
        "reserve_withdrawal": Operation(
            Role.PAYMENTS, pb.ReserveWithdrawalRequest, requests.reserve_withdrawal, in_known_network, OPERATION_RESULT
        ),
        "settle_withdrawal": Operation(
            Role.PAYMENTS, pb.SettleWithdrawalRequest, requests.settle_withdrawal, None, OPERATION_RESULT
        ),
        "fail_withdrawal": Operation(
            Role.PAYMENTS, pb.FailWithdrawalRequest, requests.fail_withdrawal, None, OPERATION_RESULT
        ),
        "apply_deposit_settlement": Operation(
            Role.PAYMENTS,
            pb.DepositSettlementRequest,
            requests.apply_deposit_settlement,
            in_known_network,
            OPERATION_RESULT,
        ),
        "adjust": Operation(
            Role.BACKOFFICE, pb.AdjustRequest, partial(requests.adjust, limits), in_known_network, OPERATION_RESULT
        ),
        "set_player_state": Operation(
            Role.BACKOFFICE, pb.SetPlayerStateRequest, requests.set_player_state, None, OPERATION_RESULT
        ),
    }


class WalletServicer:
    """The general ledger over gRPC. The protos tell what each call means."""

    def __init__(
        self, gate: CallGate, execution: Execution, readers: ByCell[PlayerReader], limits: AdjustmentLimits
    ) -> None:
        self.gate = gate
        self.operations = Operations(operations_of(limits), execution)
        self._networks = execution.directories.networks
        self._readers = readers
        self._transactions = TransactionFinder(readers)

    Bet = Mutation("bet")
    Win = Mutation("win")
    Rollback = Mutation("rollback")
    BetAndWin = Mutation("bet_and_win")
    ReserveWithdrawal = Mutation("reserve_withdrawal")
    SettleWithdrawal = Mutation("settle_withdrawal")
    FailWithdrawal = Mutation("fail_withdrawal")
    ApplyDepositSettlement = Mutation("apply_deposit_settlement")
    Adjust = Mutation("adjust")
    SetPlayerState = Mutation("set_player_state")

    @gated(*rights.BALANCE_READERS)
    async def GetBalance(self, request: pb.GetBalanceRequest, _call: CallContext) -> pb.GetBalanceResponse:
        """Read a player's balances."""
        player = fields.player_id(request.player_id)
        network = fields.currency_network_id(request.currency_network_id)
        await self._networks.require(network)
        return answers.balance(await self._readers.of(player).balances(player, network))

    @gated()
    async def GetTransaction(self, request: pb.GetTransactionRequest, call: CallContext) -> pb.Transaction:
        """Read one transaction."""
        namespace = fields.optional_choice(request.namespace, NAMESPACES, "namespace")
        sees = partial(rights.sees_transaction, call.caller)
        match request.WhichOneof("id"):
            case "tx_id":
                if not request.tx_id:
                    raise MalformedError(invalid(Reason.MISSING_FIELD, "tx_id", "is required"))
                if not may_be_uuid(request.tx_id):
                    raise MalformedError(invalid(Reason.INVALID_FIELD, "tx_id", "must be a UUID"))
                if namespace is not None:
                    raise MalformedError(invalid(Reason.INVALID_FIELD, "namespace", "goes with transaction_id only"))
                record = await self._transactions.by_tx_id(request.tx_id, sees)
            case "transaction_id":
                named = fields.any_transaction_id(request.transaction_id)
                source = call.caller.source
                if namespace in INSTALLATION_NAMESPACES:
                    record = await self._transactions.by_unique_key(namespace(source, named), sees)
                else:
                    namespaces = UNNAMED_NAMESPACES if namespace is None else (namespace,)
                    record = await self._transactions.by_keys([key_of(source, named) for key_of in namespaces], sees)
            case _:
                raise MalformedError(invalid(Reason.MISSING_FIELD, "transaction_id", "or tx_id is required"))
        if record is None:
            raise RefusedError(Refusal(reason=Reason.TRANSACTION_NOT_FOUND, message="there is no such transaction"))
        return answers.transaction(record)

    @gated()
    async def GetRound(self, request: pb.GetRoundRequest, call: CallContext) -> pb.GetRoundResponse:
        """Read a round, of the caller's own source unless the request names another that the caller sees."""
        player = fields.player_id(request.player_id)
        network = fields.currency_network_id(request.currency_network_id)
        game_code = fields.identifier(request.game_code, "game_code")
        round_id = fields.identifier(request.round_id, "round_id")
        source = Source(fields.optional_identifier(request.source, "source")) or call.caller.source
        await self._networks.require(network)
        totals = None
        if rights.sees_play(call.caller, source):  # else it is not looked for: how long that takes would tell of it
            key = round_key(source, player, network, game_code, round_id)
            totals = await self._readers.of(player).round_totals(key)
        if totals is None:
            raise RefusedError(Refusal(reason=Reason.ROUND_NOT_FOUND, message="nothing was played in this round"))
        return game_round(totals)

    @gated(is_beside_rate=True)
    async def ListCurrencyNetworks(
        self, _request: pb.ListCurrencyNetworksRequest, _call: CallContext
    ) -> pb.ListCurrencyNetworksResponse:
        """List the currency networks: all who ask at the same time are answered by one query."""
        return pb.ListCurrencyNetworksResponse(
            currency_networks=map(answers.currency_network, await self._networks.refresh())
        )

    @gated()
    async def ExecuteBatch(self, request: pb.ExecuteBatchRequest, call: CallContext) -> pb.ExecuteBatchResponse:
        """Execute mutations in order, each on its own."""
        response = pb.ExecuteBatchResponse()
        await self.operations.batch(request, response, answers.outcome, call)
        return response

    @gated_stream
    async def Execute(
        self, request_iterator: AsyncIterator[pb.Operation], call: CallContext
    ) -> AsyncIterator[pb.Outcome]:
        """Execute a stream of mutations, with the outcomes in their order."""
        async for outcome in self.operations.stream(request_iterator, pb.Outcome, answers.outcome, call):
            yield outcome
