"""The part of BackofficeService that tells who did what, and what was proposed: reads, for operators and auditors."""

from __future__ import annotations

import json
from functools import partial

from google.protobuf.message import Message

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.fields import MalformedError
from wallet_grpc.domain.operators import ActKind, Channel
from wallet_grpc.domain.players.approvals import PROPOSAL_NOT_FOUND, Verdict
from wallet_grpc.domain.refusals import Reason, invalid
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.rpc.pages import page_size
from wallet_grpc.rpc.wire import fill_timestamp
from wallet_grpc.store.backoffice.lookups import Lookups
from wallet_grpc.store.trail.actions import ActionFilter, FoundAction, TimeSpan
from wallet_grpc.store.trail.proposals import Proposal, ProposalFilter

from .approvals import proposal_id_of
from .lookups import READERS
from .pages import fill_slices, read_token, uuid_part
from .proposal_answers import fill_proposal
from .requests import period_of

KINDS = {
    pb.OPERATOR_ACTION_KIND_ADJUSTMENT: ActKind.ADJUSTMENT,
    pb.OPERATOR_ACTION_KIND_PLAYER_STATE: ActKind.PLAYER_STATE,
    pb.OPERATOR_ACTION_KIND_PROPOSAL: ActKind.PROPOSAL,
    pb.OPERATOR_ACTION_KIND_APPROVAL: ActKind.APPROVAL,
    pb.OPERATOR_ACTION_KIND_REFUSAL: ActKind.REFUSAL,
    pb.OPERATOR_ACTION_KIND_KEY_CREATION: ActKind.KEY_CREATION,
    pb.OPERATOR_ACTION_KIND_KEY_LIMIT: ActKind.KEY_LIMIT,
    pb.OPERATOR_ACTION_KIND_KEY_REVOCATION: ActKind.KEY_REVOCATION,
    pb.OPERATOR_ACTION_KIND_RAIL: ActKind.RAIL,
    pb.OPERATOR_ACTION_KIND_CURRENCY_NETWORK: ActKind.CURRENCY_NETWORK,
    pb.OPERATOR_ACTION_KIND_LEDGER_CREATION: ActKind.LEDGER_CREATION,
    pb.OPERATOR_ACTION_KIND_EVENT_REPLAY: ActKind.EVENT_REPLAY,
    pb.OPERATOR_ACTION_KIND_EVENT_DISCARD: ActKind.EVENT_DISCARD,
    pb.OPERATOR_ACTION_KIND_BALANCES_REBUILD: ActKind.BALANCES_REBUILD,
    pb.OPERATOR_ACTION_KIND_MIGRATION: ActKind.MIGRATION,
    pb.OPERATOR_ACTION_KIND_FREEZE: ActKind.FREEZE,
}
assert set(KINDS.values()) == set(ActKind)
_KIND_NUMBERS = {kind.value: number for number, kind in KINDS.items()}
_CHANNEL_NUMBERS = {
    Channel.CALL.value: pb.OPERATOR_CHANNEL_CALL,
    Channel.COMMAND.value: pb.OPERATOR_CHANNEL_COMMAND,
    Channel.CONSOLE.value: pb.OPERATOR_CHANNEL_CONSOLE,
}
assert set(_CHANNEL_NUMBERS) == {channel.value for channel in Channel}
_VERDICTS = {
    pb.PROPOSAL_STATE_OPEN: None,
    pb.PROPOSAL_STATE_APPLIED: Verdict.APPROVED,
    pb.PROPOSAL_STATE_REFUSED: Verdict.REFUSED,
}
"""What was decided about proposals of a state."""
_NEVER = frozenset({pb.PROPOSAL_STATE_APPROVED, pb.PROPOSAL_STATE_FAILED})
"""States that no proposal is in: what is approved is applied with it."""


class TrailServicer:
    """Who did what, over gRPC. The protos tell what each call means."""

    def __init__(self, gate: CallGate, execution: Execution, lookups: Lookups) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._actions = lookups.actions
        self._proposals = lookups.proposals
        self._balances = lookups.proposal_balances

    @gated(*READERS)
    async def ListOperatorActions(
        self, request: pb.ListOperatorActionsRequest, _call: CallContext
    ) -> pb.ListOperatorActionsResponse:
        """Read a page of the trail."""
        wanted = ActionFilter(
            actor=fields.text(request.actor, "actor") or None,
            kind=fields.optional_choice(request.kind, KINDS, "kind"),
            span=_span(request),
        )
        response = pb.ListOperatorActionsResponse()
        response.next_page_token = await fill_slices(
            response.actions,
            size=page_size(request.page_size),
            after=read_token(request.page_token, uuid_part),
            read=partial(self._actions.page, wanted),
            fill=_action,
        )
        return response

    @gated(*READERS)
    async def GetProposal(self, request: pb.GetProposalRequest, _call: CallContext) -> pb.Proposal:
        """Read a proposal."""
        found = await self._proposals.find(proposal_id_of(request.proposal_id))
        if found is None:
            raise RefusedError(PROPOSAL_NOT_FOUND)
        told = await self._balances.of([found])
        return fill_proposal(found, pb.Proposal(), told[found.proposal_id])

    @gated(*READERS)
    async def ListProposals(self, request: pb.ListProposalsRequest, _call: CallContext) -> pb.ListProposalsResponse:
        """Read a page of proposals."""
        response = pb.ListProposalsResponse()
        size, after = page_size(request.page_size), read_token(request.page_token, uuid_part)
        player_id = fields.player_id(request.player_id) if request.player_id else None
        span = _span(request)
        if request.state in _NEVER:
            return response
        known = {**_VERDICTS, pb.PROPOSAL_STATE_UNSPECIFIED: None}
        if request.state not in known:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "state", f"{request.state} is no value of it"))
        wanted = ProposalFilter(
            is_open=request.state == pb.PROPOSAL_STATE_OPEN,
            verdict=known[request.state],
            player_id=player_id,
            span=span,
        )
        rows: list[Proposal] = []

        def fill(proposal: Proposal, message: pb.Proposal) -> pb.Proposal:
            rows.append(proposal)
            return fill_proposal(proposal, message, None)

        response.next_page_token = await fill_slices(
            response.proposals, size=size, after=after, read=partial(self._proposals.page, wanted), fill=fill
        )
        told = await self._balances.of(rows)
        for proposal, message in zip(rows, response.proposals, strict=False):
            fill_proposal(proposal, message, told[proposal.proposal_id])
        return response


def _span(request: Message) -> TimeSpan:
    begins_at, ends_at = period_of(request)
    return TimeSpan(begins_at=begins_at, ends_at=ends_at)


def _action(found: FoundAction, message: pb.OperatorAction) -> pb.OperatorAction:
    """Fill in an action."""
    message.action_id = found.action_id
    fill_timestamp(found.acted_at, message.created_at)
    message.kind = _KIND_NUMBERS.get(found.kind, pb.OPERATOR_ACTION_KIND_UNSPECIFIED)  # a newer wallet may know others
    message.channel = _CHANNEL_NUMBERS[found.channel]
    message.operator = found.operator
    message.actor = found.actor or ""
    message.reason = found.reason or ""
    message.subject = found.subject
    message.player_id = found.player_id or 0
    message.result_id = found.result_id or ""
    message.before_json = "" if found.facts_before is None else json.dumps(found.facts_before, ensure_ascii=False)
    message.after_json = "" if found.facts_after is None else json.dumps(found.facts_after, ensure_ascii=False)
    message.request_id = found.request_id or ""
    message.key_id = found.key_id or ""
    return message
