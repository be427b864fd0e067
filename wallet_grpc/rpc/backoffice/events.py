"""The part of BackofficeService that settles events which were set aside: tries them again, or gives them up."""

from __future__ import annotations

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.store.backoffice.events import EventLookup, EventRef
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.trail.event_acts import Settling
from wallet_grpc.store.trail.events import SetAsideEvents

from . import answers
from .overview import EVENT_NOT_FOUND, ref_of


class EventServicer:
    """What operators do with events, over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, events: SetAsideEvents, lookup: EventLookup) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._events = events
        self._lookup = lookup

    @gated(Role.BACKOFFICE)
    async def ReplayEvent(self, request: pb.ReplayEventRequest, call: CallContext) -> pb.ReplayEventResponse:
        """Have an event tried again now."""
        ref = await self._settled(request, Settling.REPLAY, call)
        response = pb.ReplayEventResponse()
        response.event.event_ref = str(ref)
        try:
            found = await self._lookup.one(ref)
        except DatabaseUnavailableError:
            found = None  # it is replayed; how it stands is told by the next look
        if found is not None:
            answers.parked_event(found, response.event)
        return response

    @gated(Role.BACKOFFICE)
    async def DiscardEvent(self, request: pb.DiscardEventRequest, call: CallContext) -> pb.DiscardEventResponse:
        """Give an event up for good."""
        await self._settled(request, Settling.DISCARD, call)
        return pb.DiscardEventResponse()

    async def _settled(
        self, request: pb.ReplayEventRequest | pb.DiscardEventRequest, settling: Settling, call: CallContext
    ) -> EventRef:
        ref = ref_of(fields.identifier(request.event_ref, "event_ref"), "event_ref")
        reason = fields.required_text(request.reason, "reason")
        assert call.operator is not None, "who has role `backoffice` is a person"
        settled = await self._events.settle(ref, settling, call.operator, reason=reason, request_id=call.request_id)
        if settled is None:
            raise RefusedError(EVENT_NOT_FOUND)
        return settled
