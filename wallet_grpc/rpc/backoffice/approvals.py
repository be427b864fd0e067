"""The part of BackofficeService that has adjustments proposed by one person and decided by another.

An approval takes the road of an adjustment, through a lane, which stores the decision with it; a refusal is stored by
itself. Who proposed an adjustment may refuse it, as one who thinks better of it, and not approve it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.identifiers import Source, caller_key, is_uuid
from wallet_grpc.domain.operators import Operator
from wallet_grpc.domain.players.approvals import (
    PROPOSAL_NOT_FOUND,
    Approval,
    Verdict,
    decided_otherwise,
    same_person,
)
from wallet_grpc.domain.players.commands import Adjust
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.rpc.gate import CallContext, CallGate, RefusedError, gated
from wallet_grpc.rpc.operations import Execution, Operations
from wallet_grpc.rpc.players.requests import DIRECTIONS
from wallet_grpc.store.connection.pool import DatabaseUnavailableError
from wallet_grpc.store.reads.keys import Role
from wallet_grpc.store.reads.players import PlayerReader
from wallet_grpc.store.trail.proposals import AskedAdjustment, Proposal, ProposalBalances, ProposalStore

from .proposal_answers import fill_proposal

VERDICTS = {pb.DECISION_APPROVE: Verdict.APPROVED, pb.DECISION_REFUSE: Verdict.REFUSED}
assert set(VERDICTS.values()) == set(Verdict)


class ApprovalServicer:
    """Proposals and decisions over gRPC. The protos tell what each call means."""

    def __init__(
        self,
        gate: CallGate,
        execution: Execution,
        proposals: ProposalStore,
        players: ByCell[PlayerReader],
        balances: ProposalBalances,
    ) -> None:
        self.gate = gate
        self.operations = Operations({}, execution)
        self._networks = execution.directories.networks
        self._proposals = proposals
        self._players = players
        self._balances = balances

    @gated(Role.BACKOFFICE)
    async def ProposeAdjustment(self, request: pb.ProposeAdjustmentRequest, call: CallContext) -> pb.Proposal:
        """Propose an adjustment."""
        asked = _asked(request, call.caller.source)
        await self._networks.require(asked.currency_network_id)
        known = await self._proposals.of_key(asked.key)
        is_new = False
        if known is None:
            await self._refuse_used_id(asked)
            known, is_new = await self._proposals.propose(asked, _operator(call), call.request_id)
        if not is_new:
            _refuse_other_proposal(asked, known)
        return await self._told(known, replayed=not is_new)

    @gated(Role.BACKOFFICE)
    async def DecideAdjustment(self, request: pb.DecideAdjustmentRequest, call: CallContext) -> pb.Proposal:
        """Decide a proposal: apply it, or refuse it."""
        proposal_id = proposal_id_of(request.proposal_id)
        verdict = fields.choice(request.decision, VERDICTS, "decision")
        reason = fields.required_text(request.reason, "reason")
        proposal = await self._proposals.find(proposal_id)
        if proposal is None:
            raise RefusedError(PROPOSAL_NOT_FOUND)
        operator = _operator(call)
        if verdict is Verdict.APPROVED:
            if operator.name == proposal.operator:
                raise RefusedError(same_person(operator.name))
            is_new = await self._apply(proposal, reason, call)
            with _done():
                found = await self._proposals.find(proposal_id)
            assert found is not None, "proposals are never removed"
        else:
            found, is_new = await self._proposals.refuse(proposal, operator, reason, call.request_id)
            if found.decision is None or found.decision.verdict is not Verdict.REFUSED:
                raise RefusedError(decided_otherwise(Verdict.APPROVED))
        return await self._told(found, replayed=not is_new)

    async def _apply(self, proposal: Proposal, reason: str, call: CallContext) -> bool:
        """Apply an approved proposal; gives whether that is new.

        Raises:
            RefusedError: It cannot be applied as things are, and is as undecided as it was.
        """
        await self._networks.require(proposal.currency_network_id)
        command = Adjust(
            source=proposal.source,
            transaction_id=proposal.transaction_id,
            player_id=proposal.player_id,
            currency_network_id=proposal.currency_network_id,
            amount_minor=proposal.amount_minor,
            direction=proposal.direction,
            reason=proposal.reason,
            actor=proposal.actor,
            metadata=proposal.metadata,
            approval=Approval(proposal_id=proposal.proposal_id, proposed_by=proposal.operator, reason=reason),
        )
        applied = await self.operations.decided(command, Accepted, call)
        return not applied.replayed

    async def _refuse_used_id(self, asked: AskedAdjustment) -> None:
        """Refuse a proposal under an id that something else was done under.

        What comes under the id later is seen when the proposal is approved.
        """
        used = await self._players.of(asked.player_id).transaction_by_keys([asked.key], lambda _: True)
        if used is not None:
            raise RefusedError(_used_before(asked.transaction_id, "call"))

    async def _told(self, proposal: Proposal, *, replayed: bool) -> pb.Proposal:
        """Tell of a proposal that was made or decided, with the balance before and after it."""
        with _done():
            told = await self._balances.of([proposal])
        return fill_proposal(proposal, pb.Proposal(), told[proposal.proposal_id], replayed=replayed)


@contextmanager
def _done() -> Iterator[None]:
    """Read what is told of what is done: without an answer nobody knows it, and the same request again tells."""
    try:
        yield
    except DatabaseUnavailableError as error:
        raise TimeoutError(str(error)) from error


def proposal_id_of(value: str) -> str:
    """Check the id of a proposal."""
    named = fields.identifier(value, "proposal_id").lower()
    if not is_uuid(named):
        raise RefusedError(PROPOSAL_NOT_FOUND)
    return named


def _operator(call: CallContext) -> Operator:
    assert call.operator is not None, "who has role `backoffice` is a person"
    return call.operator


def _asked(request: pb.ProposeAdjustmentRequest, source: Source) -> AskedAdjustment:
    """Read a proposal, field by field as an adjustment."""
    transaction_id = fields.transaction_id(request.transaction_id)
    return AskedAdjustment(
        source=source,
        transaction_id=transaction_id,
        key=caller_key(source, transaction_id),
        player_id=fields.player_id(request.player_id),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
        amount_minor=fields.positive_amount(request.amount_minor, "amount_minor"),
        direction=fields.choice(request.direction, DIRECTIONS, "direction"),
        reason=fields.required_text(request.reason, "reason"),
        actor=fields.required_text(request.actor, "actor"),
        metadata=fields.metadata(request.metadata),
    )


def _refuse_other_proposal(asked: AskedAdjustment, known: Proposal) -> None:
    """Refuse a proposal under the id of another one, naming the first field that differs (rule 1)."""
    compared: Sequence[tuple[str, object, object]] = (
        ("player_id", asked.player_id, known.player_id),
        ("currency_network_id", asked.currency_network_id, known.currency_network_id),
        ("amount_minor", asked.amount_minor, known.amount_minor),
        ("direction", asked.direction, known.direction),
    )
    for name, wanted, stored in compared:
        if wanted != stored:
            raise RefusedError(_used_before(asked.transaction_id, name))


def _used_before(transaction_id: str, name: str) -> Refusal:
    return Refusal(
        reason=Reason.IDEMPOTENCY_KEY_REUSED,
        message=f"the id {transaction_id} was used before with another {name}",
        metadata={"field": name},
    )
