"""The wallet as its callers have it: keys on a real channel, and one strict way to send, to be refused, and to read.

What expects an answer is patient, as callers are told to be: where the wallet refuses because its database does not
answer, or cannot tell whether a commit that hangs is done, which a busy machine brings about, the same request is sent
again for a while. What looks for an outage is not: `call_once` and `attempt` give what came at first.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from support.refusals import Refusal, check_refusal, opened, refusal_of_call
from support.requests import (
    BACKOFFICE_REQUESTS,
    GAME_REQUESTS,
    KNOWN_NETWORKS,
    USDT_TRON,
    Player,
    method_of,
    neighbour_id,
    operation,
)
from support.waiting import patient
from wallet.v1 import wallet_pb2 as pb
from wallet.v1 import wallet_pb2_grpc

T = TypeVar("T")

TIMEOUT_S = 30.0
_UNSURE = "OUTCOME_UNKNOWN"
_SEND_AGAIN = {"DATABASE_UNAVAILABLE", _UNSURE}
_MESSAGE_BYTES_MAX = 64 * 1024 * 1024  # the client sets no limit: the server's is what is tested
CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own: nothing is shared between servers or tests
    # Servers go away and come back here: look for them every tenth of a second, not after a growing delay.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),  # the time that one attempt has, not a pause
    ("grpc.max_reconnect_backoff_ms", 100),
)


class Sender(ABC):
    """A key on a channel: sends requests as they are."""

    credentials: tuple[tuple[str, str], ...]

    @abstractmethod
    def call_once(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Make the call that takes this request; raises grpc.RpcError."""

    def call(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Make the call, patiently; raises grpc.RpcError."""
        return patiently(lambda: self.call_once(request, timeout_s=timeout_s))

    def first(self, request: Message) -> Any:
        """Make a call of which nothing is stored yet, patiently; raises grpc.RpcError.

        Where nobody knew whether a try was stored, and it was, its replay is given as the answer that did not come.
        """
        reasons = set()

        def tried() -> Any:
            try:
                return self.call_once(request)
            except grpc.RpcError as error:
                reasons.add(refusal_of_call(error).reason)
                raise

        answer = patiently(tried)
        if _UNSURE in reasons:
            self.make_first(answer)
        return answer

    def make_first(self, answer: Any) -> None:
        """Change an answer to that of a first call, if it is a replay's."""
        answer.replayed = False

    def attempt(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        """Make the call once; an error is a value."""
        try:
            return self.call_once(request, timeout_s=timeout_s)
        except grpc.RpcError as error:
            return refusal_of_call(error)

    def refused(self, request: Message, reason: str, **metadata: str) -> Refusal:
        """Make a call that must be refused for this reason: patiently, if it is another one than an outage."""
        return check_refusal(self.refusal(request, reason), reason, **metadata)

    def refusal(self, request: Message, reason: str) -> Any:
        """Give what a call that should be refused for this reason is answered."""
        return patient(
            lambda: self.attempt(request), lambda outcome: reason not in _SEND_AGAIN and _says_send_again(outcome)
        )

    def at_once(self, *requests: Message) -> list[Any]:
        """Send all requests at the same moment; the answers and refusals in their order."""
        return at_once(*(lambda request=request: self.attempt(request) for request in requests))


class Caller(Sender):
    """The wallet's own calls, under one key."""

    def __init__(self, channel: grpc.Channel, key: str | None) -> None:
        self.stub = wallet_pb2_grpc.WalletServiceStub(channel)
        self.credentials = () if key is None else (("authorization", f"Bearer {key}"),)

    def call_once(self, request: Message, *, timeout_s: float = TIMEOUT_S) -> Any:
        return getattr(self.stub, method_of(request))(request, metadata=self.credentials, timeout=timeout_s)

    def batch(self, requests: Iterable[Message], *, timeout_s: float = TIMEOUT_S) -> list[Any]:
        """Send a batch; an outcome is an OperationResult or a Refusal, the call's own error a grpc.RpcError.

        A batch that is refused as a whole is sent again, patiently; what becomes of its operations is told as it is.
        """
        operations = [operation(request) for request in requests]
        batch = pb.ExecuteBatchRequest(operations=operations)
        answer = patiently(lambda: self.stub.ExecuteBatch(batch, metadata=self.credentials, timeout=timeout_s))
        assert len(answer.outcomes) == len(operations)
        return [opened(outcome) for outcome in answer.outcomes]

    def stream(self, requests: Iterable[Message], *, timeout_s: float = TIMEOUT_S) -> list[Any]:
        """Send a stream to its end; the outcomes as in `batch`."""
        sent = (operation(request) for request in requests)
        return [opened(outcome) for outcome in self.stub.Execute(sent, metadata=self.credentials, timeout=timeout_s)]

    def attempt_stream(self, requests: Iterable[Message], *, timeout_s: float = TIMEOUT_S) -> list[Any] | Refusal:
        """Send a stream; the end that it was refused with is a value."""
        try:
            return self.stream(requests, timeout_s=timeout_s)
        except grpc.RpcError as error:
            return refusal_of_call(error)


class Wallet:
    """A running server with a caller for each role; without `by`, a request goes out under the key that may send it."""

    def __init__(
        self, target: str, keys: Mapping[str, str], *, credentials: grpc.ChannelCredentials | None = None
    ) -> None:
        self.target = target
        self.keys = keys
        self._channels: list[grpc.Channel] = []
        self._credentials = credentials
        channel = self.channel()
        self.callers = {name: Caller(channel, key) for name, key in keys.items()}
        nobody = Caller(channel, None)  # stands for those whose key an installation does not have
        self.games = self.callers.get("games", nobody)
        self.other_games = self.callers.get("other-games", nobody)
        self.payments = self.callers.get("payments", nobody)
        self.other_payments = self.callers.get("other-payments", nobody)
        self.backoffice = self.callers.get("backoffice", nobody)
        self.operator = self.callers.get("operator", nobody)  # every role under one source

    def channel(self) -> grpc.Channel:
        """Open one more connection; closed with the wallet."""
        if self._credentials is None:
            channel = grpc.insecure_channel(self.target, options=CHANNEL_OPTIONS)
        else:
            channel = grpc.secure_channel(self.target, self._credentials, options=CHANNEL_OPTIONS)
        self._channels.append(channel)
        return channel

    def caller(self, key: str | None) -> Caller:
        """Return a caller with this key, on a connection of its own."""
        return Caller(self.channel(), key)

    def close(self) -> None:
        for channel in self._channels:
            channel.close()

    # ------------------------------------------------------------------------------------------------------- send

    def send(self, request: Message, *, by: Caller | None = None) -> Any:
        """Send a request that must be accepted."""
        return (by or self.default_caller(request)).call(request)

    def attempt(self, request: Message, *, by: Caller | None = None) -> Any:
        """Send a request that may be refused: an answer or a Refusal."""
        return (by or self.default_caller(request)).attempt(request)

    def applied(self, request: Message, *, by: Caller | None = None) -> pb.OperationResult:
        """Send a mutation that must be applied now, and not as a replay."""
        result = (by or self.default_caller(request)).first(request)
        assert result.status == pb.OPERATION_STATUS_APPLIED, result
        assert not result.replayed, result
        return result

    def replayed(self, request: Message, first: pb.OperationResult, *, by: Caller | None = None) -> pb.OperationResult:
        """Send a mutation again: its stored result comes back, and nothing moves."""
        with self.nothing_moves(request):
            again = self.send(request, by=by)
        check_replay(again, first)
        return again

    def refused(self, request: Message, reason: str, *, by: Caller | None = None, **metadata: str) -> Refusal:
        """Send a request that must be refused for this reason, and move nothing."""
        with self.nothing_moves(request):
            outcome = (by or self.default_caller(request)).refusal(request, reason)
        return check_refusal(outcome, reason, **metadata)

    def batch(self, requests: Sequence[Message], *, by: Caller | None = None) -> list[Any]:
        return (by or self.operator).batch(requests)

    def at_once(self, *requests: Message) -> list[Any]:
        """Send all requests at the same moment; the answers and refusals in their order."""
        return at_once(*(lambda request=request: self.attempt(request) for request in requests))

    def default_caller(self, request: Message) -> Caller:
        if isinstance(request, (*GAME_REQUESTS, pb.GetRoundRequest)):
            return self.games
        if isinstance(request, BACKOFFICE_REQUESTS):
            return self.backoffice
        return self.payments

    # ------------------------------------------------------------------------------------------------------- read

    def player(self, funds_minor: str = "100", *, currency_network_id: int = USDT_TRON) -> Player:
        """Return a fresh player with this much in MAIN; never seen by the wallet if it is 0."""
        player = Player(currency_network_id=currency_network_id)
        return self.fund(player, funds_minor) if funds_minor != "0" else player

    def neighbour(self, player: Player, funds_minor: str = "100") -> Player:
        """Return a fresh player of the same cell, with this much in MAIN."""
        other = Player(player_id=neighbour_id(player.player_id))
        return self.fund(other, funds_minor) if funds_minor != "0" else other

    def fund(self, player: Player, amount_minor: str) -> Player:
        self.applied(player.deposit(amount_minor))
        return player

    def balance(self, player: Player) -> pb.GetBalanceResponse:
        return self.payments.call(player.balance())

    def main(self, player: Player) -> str:
        """Return what the player has in MAIN."""
        return self.balance(player).available_minor

    @contextmanager
    def nothing_moves(self, request: Message) -> Iterator[None]:
        """Assert that the player of a request has the same balances and state afterwards."""
        player_id, network = getattr(request, "player_id", 0), getattr(request, "currency_network_id", USDT_TRON)
        if player_id <= 0 or network not in KNOWN_NETWORKS:
            yield
            return
        player = Player(player_id=player_id, currency_network_id=network)
        before = self.balance(player)
        yield
        assert self.balance(player) == before, "what moves nothing moved something"


def patiently(call: Callable[[], T]) -> T:
    """Make a call again while it is refused because the database does not answer, or did not in time.

    Raises:
        grpc.RpcError: Any other refusal, or the last one of these.
    """

    def tried() -> T | grpc.RpcError:
        try:
            return call()
        except grpc.RpcError as error:
            return error

    outcome = patient(tried, lambda it: isinstance(it, grpc.RpcError) and _says_send_again(refusal_of_call(it)))
    if isinstance(outcome, grpc.RpcError):
        raise outcome
    return outcome


def _says_send_again(outcome: object) -> bool:
    return isinstance(outcome, Refusal) and outcome.reason in _SEND_AGAIN


def check_replay(again: Any, first: Any) -> None:
    """Assert that `again` is the stored `first`, marked as a replay; only the current balance may be another."""
    assert isinstance(again, type(first)), again
    assert again.replayed, again
    expected = type(first)()
    expected.CopyFrom(first)
    expected.replayed = True
    expected.current_balance_minor = again.current_balance_minor
    assert again == expected


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Run calls in threads that start together; their results in order. What one raises is raised here."""
    barrier = threading.Barrier(len(calls))
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(index: int, call: Callable[[], T]) -> None:
        try:
            barrier.wait(timeout=TIMEOUT_S)
            results[index] = call()
        except BaseException as error:  # noqa: BLE001 raised again below, in the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(calls))]


def expect_status(call: Callable[[], Any], *statuses: grpc.StatusCode) -> Refusal:
    """Make a call that must end with one of these statuses, whatever its details."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    refusal = refusal_of_call(caught.value)
    assert refusal.status in statuses, refusal
    return refusal


def expect_error(call: Callable[[], Any], reason: str, **metadata: str) -> Refusal:
    """Make a call that must be refused as a whole for this reason."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return check_refusal(refusal_of_call(caught.value), reason, **metadata)
