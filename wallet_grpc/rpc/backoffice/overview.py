"""The part of BackofficeService that tells how things stand: what waits, the last proof, keys, rails, parked events."""

from __future__ import annotations

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.rpc.pages import page_size
from wallet_grpc.store.backoffice.events import EventRef, EventState, event_ref
from wallet_grpc.store.backoffice.lookups import Lookups

from . import answers, requests
from .lookups import READERS
from .pages import read_token, text_part, write_token

EVENT_NOT_FOUND = Refusal(
    reason=Reason.EVENT_NOT_FOUND,
    message="no such event waits or is parked: it was done or discarded, or never was; see ListParkedEvents",
)


class OverviewServicer:
    """How things stand, over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, lookups: Lookups) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._overview = lookups.overview
        self._events = lookups.events

    @gated(*READERS)
    async def GetOverview(self, _request: pb.GetOverviewRequest, _call: CallContext) -> pb.GetOverviewResponse:
        """Tell what stands and waits."""
        return answers.overview(await self._overview.overview())

    @gated(*READERS)
    async def GetLastVerification(
        self, _request: pb.GetLastVerificationRequest, _call: CallContext
    ) -> pb.GetLastVerificationResponse:
        """Tell what `wallet verify` found when it last ran to its end."""
        found = await self._overview.last_verification()
        return pb.GetLastVerificationResponse(verification=None if found is None else answers.verification(found))

    @gated(*READERS)
    async def ListKeys(self, request: pb.ListKeysRequest, _call: CallContext) -> pb.ListKeysResponse:
        """Read a page of keys."""
        source = requests.optional_source(request.source)
        size = page_size(request.page_size)
        after = (read_token(request.page_token, text_part) or ("",))[0]
        found = await self._overview.keys(source, revoked=request.revoked, after=after, rows_max=size + 1)
        response = pb.ListKeysResponse()
        for key in found[:size]:
            answers.key(key, response.keys.add())
        if len(found) > size:
            response.next_page_token = write_token((found[size - 1].key_id,))
        return response

    @gated(*READERS)
    async def ListRails(self, _request: pb.ListRailsRequest, _call: CallContext) -> pb.ListRailsResponse:
        """Read the rails."""
        return pb.ListRailsResponse(rails=map(answers.rail, await self._overview.rails()))

    @gated(*READERS)
    async def ListParkedEvents(
        self, request: pb.ListParkedEventsRequest, _call: CallContext
    ) -> pb.ListParkedEventsResponse:
        """Read a page of events that are not done."""
        direction = fields.optional_choice(request.direction, answers.EVENT_DIRECTIONS, "direction")
        state = fields.optional_choice(request.state, answers.EVENT_STATES, "state") or EventState.PARKED
        size = page_size(request.page_size)
        after = None if not request.page_token else ref_of(request.page_token, "page_token")
        found, last = await self._events.page(direction, state, after, size)
        response = pb.ListParkedEventsResponse(next_page_token="" if last is None else str(last))
        for event in found:
            answers.parked_event(event, response.events.add())
        return response

    @gated(*READERS)
    async def GetParkedEvent(self, request: pb.GetParkedEventRequest, _call: CallContext) -> pb.ParkedEvent:
        """Read everything about an event that is not done."""
        found = await self._events.one(ref_of(fields.identifier(request.event_ref, "event_ref"), "event_ref"))
        if found is None:
            raise RefusedError(EVENT_NOT_FOUND)
        return answers.shown_event(found, pb.ParkedEvent())


def ref_of(text: str, name: str) -> EventRef:
    """Read what names an event."""
    ref = event_ref(text)
    if ref is None:
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, "must be one that ListParkedEvents or Search gave"))
    return ref
