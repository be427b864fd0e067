"""Operations execute mutations: each is a row of its service's table, and takes one road, alone, in batch or stream.

A row says who may ask for it, how its request becomes a command, where that has to be, and what answers it. Nothing
here knows a service or a command by name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message

from wallet_grpc.domain.commands import Request
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Source
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.ledgers import LedgerDirectory
from wallet_grpc.store.reads.networks import NetworkDirectory

from .gate import CallContext, GatedUnary, RefusedError, not_allowed
from .stream import execute_stream
from .time_limit import TimeLimit

BATCH_OPERATIONS_MAX = 1_000
_PIECE_OPERATIONS = 25
"""How many operations of a batch are converted, or answered, in one go: about a millisecond of the event loop."""
_HURRIES_S = 0.25
"""Whose deadline is nearer than this waits for nobody else's turn: what is executed is to be answered in time."""
_ANSWER_MARGIN_S = 0.02
"""What is left of a caller's deadline for the answer to travel."""

RequestMessage = TypeVar("RequestMessage", bound=Message)
AnswerMessage = TypeVar("AnswerMessage", bound=Message)
Command = TypeVar("Command", bound=Request)
Done = TypeVar("Done")

FillOutcome = Callable[[Any, Any, str], Any]
"""Fills an outcome into a message, under the request id that a fault is logged with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directories:
    """What is known of where money can be."""

    networks: NetworkDirectory
    ledgers: LedgerDirectory


@dataclass(frozen=True, slots=True)
class Answering(Generic[Done, AnswerMessage]):
    """What answers an operation that was done: the outcome of the rules, and the message that it is filled into."""

    outcome: type[Done]
    message: type[AnswerMessage]
    fill: Callable[[Done, AnswerMessage], AnswerMessage]


class Operation:
    """A row of a service's table: one mutation, all of it."""

    __slots__ = ("answer", "command", "place", "request", "role")

    def __init__(
        self,
        role: Role,
        request: type[RequestMessage],
        command: Callable[[RequestMessage, Source], Command],
        place: Callable[[Command, Directories], Awaitable[object] | None] | None,
        answer: Answering[Done, AnswerMessage],
    ) -> None:
        """Describe an operation; the type checker sees that its parts fit together.

        Args:
            role: Who may ask for it.
            request: The message that asks for it.
            command: Makes the command, each field checked in its order: rule 9's "shape".
            place: Refuses a command of a network or ledger that is not there, rule 9's "network", at once or in what
                it has awaited; None where the rules find that out by themselves.
            answer: What its outcome becomes.
        """
        self.role = role
        self.request = request
        self.command: Callable[[Any, Source], Request] = command
        self.place: Callable[[Any, Directories], Awaitable[object] | None] | None = place
        self.answer: Answering[Any, Any] = answer


@dataclass(frozen=True, slots=True)
class Mutation:
    """A servicer's method that is an operation: all there is to say of it stands in the table, under this name."""

    name: str


class _InNetwork(Protocol):
    @property
    def currency_network_id(self) -> CurrencyNetworkId: ...


def in_known_network(command: _InNetwork, known: Directories) -> Awaitable[None] | None:
    """Refuse a currency network that this installation does not have."""
    networks, network_id = known.networks, command.currency_network_id
    return None if networks.has(network_id) else networks.require(network_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What mutations are executed with, whichever service they come through."""

    engine: Engine
    directories: Directories
    request_timeout_s: float
    window_operations: int
    """How many operations of a stream may be unanswered; then it is read no further until one is."""
    stream_lasts_s: float
    """How long a stream may last: less than a connection that is too old, which would be cut under it."""


class Operations:
    """Executes the mutations of one service."""

    def __init__(self, table: Mapping[str, Operation], execution: Execution) -> None:
        self._table = table
        """Every mutation by its name in the oneof of the service's batches and streams."""
        self._engine = execution.engine
        self._directories = execution.directories
        self._request_timeout_s = execution.request_timeout_s
        self._window_operations = execution.window_operations
        self._stream_lasts_s = execution.stream_lasts_s

    def method(self, mutation: Mutation, described: Any) -> GatedUnary:
        """Give the method that a mutation is, which the proto must describe as the table does."""
        operation = self._table[mutation.name]
        assert described.input_type is operation.request.DESCRIPTOR, described.full_name
        assert described.output_type is operation.answer.message.DESCRIPTOR, described.full_name

        async def answer(_servicer: object, request: Any, call: CallContext) -> Any:
            command = await self._command_of(operation, request, call)
            expected = operation.answer
            return expected.fill(await self.decided(command, expected.outcome, call), expected.message())

        return GatedUnary(answer, (operation.role,))

    async def decided(self, command: Request, outcome: type[Done], call: CallContext) -> Done:
        """Execute a command, of which this outcome is known to come where it is not refused.

        Raises:
            RefusedError: It was refused.
        """
        ticket = _ticket(1, call)
        await self._execute(ticket, ((0, command),), call)
        decided = ticket.outcomes[0]
        if isinstance(decided, Refusal):
            raise RefusedError(decided)
        assert isinstance(decided, outcome)
        return decided

    async def batch(self, request: Any, response: Any, fill: FillOutcome, call: CallContext) -> Any:
        """Execute mutations in order, each on its own, and fill the response with their outcomes."""
        operations = request.operations
        if not operations:
            raise MalformedError(invalid(Reason.MISSING_FIELD, "operations", "is required"))
        if len(operations) > BATCH_OPERATIONS_MAX:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "operations", f"must be at most {BATCH_OPERATIONS_MAX}"))
        call.owe(len(operations) - 1)  # the call itself is counted
        ticket = _ticket(len(operations), call)
        accepted: list[tuple[int, Request]] = []
        for index, operation in enumerate(operations):
            if index % _PIECE_OPERATIONS == _PIECE_OPERATIONS - 1:
                await asyncio.sleep(0)  # let the event loop turn
                if self.waits(call):
                    await self.turn(call)
            command = await self._converted(operation, call)
            if type(command) is Refusal:
                ticket.outcomes[index] = command
            else:
                accepted.append((index, command))
        waits = await self._execute(ticket, accepted, call)
        outcomes, request_id = response.outcomes, call.request_id
        for index, decided in enumerate(ticket.outcomes):
            if index % _PIECE_OPERATIONS == _PIECE_OPERATIONS - 1:
                await asyncio.sleep(0)
                if waits:
                    await self.turn(call)
            assert decided is not None
            fill(decided, outcomes.add(), request_id)
        return response

    def arrives(self, call: CallContext) -> bool:
        """Note that a call was let in, whose message is still to be read; gives whether it has to wait for its turn."""
        self._engine.arrives(call.caller.source)
        return self.waits(call)

    def waits(self, call: CallContext) -> bool:
        """Whether a call has to wait for its turn: its source floods others, and its deadline is not near."""
        if call.remaining_s is not None and call.remaining_s < _HURRIES_S:
            return False
        return self._engine.floods_others(call.caller.source)

    async def turn(self, call: CallContext) -> None:
        """Wait until the next piece of what a call's source asks for may be handled."""
        await self._engine.turn(call.caller.source)

    async def stream(
        self, operations: AsyncIterator[Any], answer: Callable[[], Any], fill: FillOutcome, call: CallContext
    ) -> AsyncIterator[Any]:
        """Execute a stream of mutations, with the outcomes in their order, each filled into an answer of its own."""
        async for decided in execute_stream(
            operations,
            call,
            engine=self._engine,
            convert=self._converted,
            window_operations=self._window_operations,
            lasts_s=self._stream_lasts_s,
        ):
            yield fill(decided, answer(), call.request_id)

    async def _converted(self, asked: Any, call: CallContext) -> Request | Refusal:
        """Convert one operation of a batch or a stream: its right, its shape, its place; a refusal is its outcome."""
        name = asked.WhichOneof("operation")
        if name is None:
            return invalid(Reason.MISSING_FIELD, "operation", "is required")
        operation = self._table[name]
        if operation.role not in call.caller.roles:
            return not_allowed(operation.role)
        try:
            return await self._command_of(operation, getattr(asked, name), call)
        except MalformedError as error:
            return error.refusal

    async def _command_of(self, operation: Operation, request: Any, call: CallContext) -> Request:
        """Make a command, and see that it is in a place that is there.

        Raises:
            MalformedError: A field is wrong, or the currency network or the ledger is unknown.
            DatabaseUnavailableError: Nobody can tell now whether they are known.
        """
        command = operation.command(request, call.caller.source)
        if operation.place is not None:
            looking = operation.place(command, self._directories)
            if looking is not None:
                await looking
        return command

    async def _execute(self, ticket: Ticket, accepted: Sequence[tuple[int, Request]], call: CallContext) -> bool:
        """Execute what was accepted, within the caller's deadline and ours; gives whether the answer waits for turns.

        It does where its source floods others and its deadline is not near.
        """
        timeout_s = self._request_timeout_s
        if call.remaining_s is not None:
            timeout_s = min(timeout_s, call.remaining_s - _ANSWER_MARGIN_S)
        ends_at = time.monotonic() + timeout_s
        try:
            with TimeLimit(timeout_s):
                await self._engine.execute(ticket, accepted)
        finally:
            call.watched.came_back(ticket)
        if not self._engine.floods_others(call.caller.source) or ends_at - time.monotonic() < _HURRIES_S:
            return False
        await self.turn(call)
        return True


def _ticket(operations: int, call: CallContext) -> Ticket:
    return Ticket(
        [None] * operations,
        source=call.caller.source,
        request_id=call.request_id,
        traceparent=call.traceparent,
        operator=call.operator,
        span=call.watched.span,
    )
