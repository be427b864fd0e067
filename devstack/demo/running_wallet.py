"""A caller of the demo's wallet: sends requests with the keys of dev.json, and has refusals as values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from devstack.stack_settings import StackError, StackSettings
from devstack.wallet_command import Databases, WalletCommand
from wallet.v1 import wallet_pb2 as pb
from wallet.v1 import wallet_pb2_grpc

_CALL_TIMEOUT_S = 10.0

_MUTATIONS: Mapping[type[Message], tuple[str, str, str]] = {
    pb.BetRequest: ("bet", "Bet", "game"),
    pb.WinRequest: ("win", "Win", "game"),
    pb.RollbackRequest: ("rollback", "Rollback", "game"),
    pb.BetAndWinRequest: ("bet_and_win", "BetAndWin", "game"),
    pb.ReserveWithdrawalRequest: ("reserve_withdrawal", "ReserveWithdrawal", "payments"),
    pb.SettleWithdrawalRequest: ("settle_withdrawal", "SettleWithdrawal", "payments"),
    pb.DepositSettlementRequest: ("apply_deposit_settlement", "ApplyDepositSettlement", "payments"),
}
"""The mutations of the story: their names in an Operation and as calls, and the key that may send them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningStack:
    """What dev.json says of the stack that runs."""

    grpc_address: str
    amqp_url: str | None
    """None without a broker."""
    keys: Mapping[str, str]
    command: WalletCommand

    @classmethod
    def find(cls, settings: StackSettings, *, live_too: bool = False) -> Self:
        """Read dev.json of the data folder.

        Raises:
            StackError: Nothing runs there, or it is a live wallet, unless that is wanted too.
        """
        path = settings.data_dir / "dev.json"
        try:
            known = json.loads(path.read_text())
        except FileNotFoundError:
            raise StackError(
                f"No wallet runs: there is no {path}.\n"
                "Start one with `make run` in another terminal, then `make demo` here, with the same WALLET_DATA_DIR."
            ) from None
        except OSError as error:
            raise StackError(f"{path} cannot be read: {error.strerror}. The user of `make run` can.") from error
        except ValueError as error:
            raise StackError(f"{path} is damaged: {error}. Start `make run` again.") from error
        if known["environment"] != "test" and not live_too:
            raise StackError(
                f"The wallet of {settings.data_dir} is a {known['environment']} one; the demo's money is invented.\n"
                "Start a test wallet: `WALLET_DATA_DIR=/tmp/wallet-demo make run`."
            )
        databases = Databases(admin_url=known["database_url"], service_url=known["service_database_url"])
        command = WalletCommand(settings=replace(settings, environment="test"), databases=databases)
        return cls(grpc_address=known["grpc_address"], amqp_url=known["amqp_url"], keys=known["keys"], command=command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An OperationResult, as far as the story tells it."""

    status: str
    balance_after_minor: str
    replayed: bool = False
    tx_id: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An error: its reason, and the metadata of its ErrorInfo."""

    reason: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    status: str = field(default="", compare=False)


class DemoWallet:
    """A connection to the wallet that runs."""

    def __init__(self, stack: RunningStack) -> None:
        options = [("grpc.enable_http_proxy", 0)]  # a proxy of the environment is not for this machine
        self._address = stack.grpc_address
        self._channel = grpc.insecure_channel(stack.grpc_address, options=options)
        self._stub = wallet_pb2_grpc.WalletServiceStub(self._channel)
        self._keys = stack.keys

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()

    def send(self, request: Message) -> Accepted | Refused:
        """Send a mutation; a refusal is a value.

        Raises:
            StackError: The wallet does not answer.
        """
        _, call, caller = _MUTATIONS[type(request)]
        try:
            result: pb.OperationResult = getattr(self._stub, call)(request, **self._as(caller))
        except grpc.RpcError as error:
            status = rpc_status.from_call(error)  # type: ignore[arg-type]  # a unary call's error is its call as well
            if status is None:
                raise self._silence(error) from error
            return _refused(status)
        return _accepted(result)

    def send_batch(self, requests: Sequence[Message]) -> list[Accepted | Refused]:
        """Send mutations of the game in one ExecuteBatch.

        Raises:
            StackError: The wallet does not answer, or refuses the batch as a whole.
        """
        operations = [_operation(request) for request in requests]
        answer = self._read("ExecuteBatch", pb.ExecuteBatchRequest(operations=operations), caller="game")
        return [
            _accepted(outcome.result) if outcome.WhichOneof("outcome") == "result" else _refused(outcome.error)
            for outcome in answer.outcomes
        ]

    def balances(self, player_id: int, currency_network_id: int) -> pb.GetBalanceResponse:
        """Read a player's balances."""
        request = pb.GetBalanceRequest(player_id=player_id, currency_network_id=currency_network_id)
        answer: pb.GetBalanceResponse = self._read("GetBalance", request)
        return answer

    def round(self, request: pb.GetRoundRequest) -> pb.GetRoundResponse:
        """Read a round of the game's."""
        answer: pb.GetRoundResponse = self._read("GetRound", request, caller="game")
        return answer

    def transaction(self, tx_id: str) -> pb.Transaction:
        """Read a transaction with its postings."""
        answer: pb.Transaction = self._read("GetTransaction", pb.GetTransactionRequest(tx_id=tx_id))
        return answer

    def currency_network(self, currency_network_id: int) -> pb.CurrencyNetwork:
        """Read what a currency network is."""
        answer = self._read("ListCurrencyNetworks", pb.ListCurrencyNetworksRequest())
        found: pb.CurrencyNetwork = next(
            item for item in answer.currency_networks if item.currency_network_id == currency_network_id
        )
        return found

    def _read(self, call: str, request: Message, *, caller: str = "backoffice") -> Any:
        try:
            return getattr(self._stub, call)(request, **self._as(caller))
        except grpc.RpcError as error:
            raise self._silence(error) from error

    def _as(self, caller: str) -> dict[str, Any]:
        return {"metadata": (("authorization", f"Bearer {self._keys[caller]}"),), "timeout": _CALL_TIMEOUT_S}

    def _silence(self, error: Any) -> StackError:
        code: grpc.StatusCode = error.code()
        if code is grpc.StatusCode.UNAVAILABLE:
            return StackError(
                f"Nothing answers at {self._address}, where dev.json says that the wallet serves.\n"
                "Look at the terminal of `make run`; start it again if it has ended."
            )
        return StackError(f"The wallet at {self._address} answered {code.name}: {error.details()}")


def call_name(request: Message) -> str:
    """Return the name of the call that takes a mutation."""
    return _MUTATIONS[type(request)][1]


def _operation(request: Message) -> pb.Operation:
    operation = pb.Operation()
    getattr(operation, _MUTATIONS[type(request)][0]).CopyFrom(request)
    return operation


def _accepted(result: pb.OperationResult) -> Accepted:
    return Accepted(
        status=pb.OperationStatus.Name(result.status).removeprefix("OPERATION_STATUS_"),
        balance_after_minor=result.balance_after_minor,
        replayed=result.replayed,
        tx_id=result.tx_id,
    )


def _refused(status: status_pb2.Status) -> Refused:
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            break
    name = next(code.name for code in grpc.StatusCode if code.value[0] == status.code)
    return Refused(reason=info.reason, metadata=dict(info.metadata), status=name)
