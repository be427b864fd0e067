"""Mutations, one by one, in a batch or in a stream: what the services do alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wallet_grpc.domain.commands import Request
from wallet_grpc.domain.credit.outcomes import Reserved, Written
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.ledgers.outcomes import JournalPosted, LedgerCreated
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.sessions.outcomes import Played, SessionFacts, Settled
from wallet_grpc.engine.engine import Engine
from wallet_grpc.engine.tickets import Ticket
from wallet_grpc.rpc.players.answers import Filler
from wallet_grpc.rpc.players.requests import Call, command_of
from wallet_grpc.store.reads.credit import LedgerDirectory
from wallet_grpc.store.reads.networks import NetworkDirectory

from .gate import CallContext, RefusedError, not_allowed
from .stream import execute_stream

BATCH_OPERATIONS_MAX = 1_000
_ANSWER_MARGIN_S = 0.02
"""What is left of a caller's deadline for the answer to travel."""

Done = Accepted | Played | SessionFacts | Settled | Written | Reserved | LedgerCreated | JournalPosted


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one service's operations and outcomes look like."""

    calls: Mapping[str, Call]
    """Every mutation by its name in the operation's oneof."""
    new_outcome: Callable[[], Any]
    fill_outcome: Filler


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What mutations are executed with, whichever service they come through."""

    engine: Engine
    networks: NetworkDirectory
    ledgers: LedgerDirectory
    request_timeout_s: float
    window_operations: int
    """How many operations of a stream may be unanswered; then it is read no further until one is."""
    stream_lasts_s: float
    """How long a stream may last: less than a connection that is too old, which would be cut under it."""


class Operations:
    """Executes the mutations of one service."""

    def __init__(self, dialect: Dialect, execution: Execution) -> None:
        self._dialect = dialect
        self._engine = execution.engine
        self._networks = execution.networks
        self._ledgers = execution.ledgers
        self._request_timeout_s = execution.request_timeout_s
        self._window_operations = execution.window_operations
        self._stream_lasts_s = execution.stream_lasts_s

    async def one(self, name: str, request: Any, call: CallContext) -> Done:
        """Take the road of every unary mutation.

        Raises:
            RefusedError: It was refused.
            MalformedError: A field is wrong.
        """
        calls = self._dialect.calls
        return await self.decided(
            await command_of(calls[name], request, call.caller.source, self._networks, self._ledgers), call
        )

    async def decided(self, command: Request, call: CallContext) -> Done:
        """Execute a command that was made already.

        Raises:
            RefusedError: It was refused.
        """
        ticket = _ticket(1, call)
        await self._execute(ticket, [(0, command)], call)
        decided = ticket.outcomes[0]
        assert decided is not None
        if isinstance(decided, Refusal):
            raise RefusedError(decided)
        return decided

    async def batch(self, request: Any, response: Any, call: CallContext) -> Any:
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
            command = await self._converted(operation, call)
            if isinstance(command, Refusal):
                ticket.outcomes[index] = command
            else:
                accepted.append((index, command))
        await self._execute(ticket, accepted, call)
        fill, outcomes, request_id = self._dialect.fill_outcome, response.outcomes, call.request_id
        for decided in ticket.outcomes:
            assert decided is not None
            fill(decided, outcomes.add(), request_id)
        return response

    async def stream(self, operations: AsyncIterator[Any], call: CallContext) -> AsyncIterator[Any]:
        """Execute a stream of mutations, with the outcomes in their order."""
        dialect = self._dialect
        async for decided in execute_stream(
            operations,
            call,
            engine=self._engine,
            convert=self._converted,
            window_operations=self._window_operations,
            lasts_s=self._stream_lasts_s,
        ):
            yield dialect.fill_outcome(decided, dialect.new_outcome(), call.request_id)

    async def _converted(self, operation: Any, call: CallContext) -> Request | Refusal:
        """Convert one operation of a batch or a stream: its right, its shape, its network; a refusal is its outcome."""
        name = operation.WhichOneof("operation")
        if name is None:
            return invalid(Reason.MISSING_FIELD, "operation", "is required")
        mutation = self._dialect.calls[name]
        if mutation.role not in call.caller.roles:
            return not_allowed(mutation.role)
        try:
            request = getattr(operation, name)
            return await command_of(mutation, request, call.caller.source, self._networks, self._ledgers)
        except MalformedError as error:
            return error.refusal

    async def _execute(self, ticket: Ticket, accepted: list[tuple[int, Request]], call: CallContext) -> None:
        """Execute what was accepted, within the caller's deadline and ours."""
        timeout_s = self._request_timeout_s
        if call.remaining_s is not None:
            timeout_s = min(timeout_s, call.remaining_s - _ANSWER_MARGIN_S)
        async with asyncio.timeout(timeout_s):
            await self._engine.execute(ticket, accepted)


def _ticket(operations: int, call: CallContext) -> Ticket:
    return Ticket(
        [None] * operations, source=call.caller.source, request_id=call.request_id, traceparent=call.traceparent
    )
