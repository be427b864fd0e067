"""Who did what, and adjustments that wait for a second person: `wallet actions`, `wallet proposals`.

Both are read as other look-ups are. A decision is a call to the wallet, by the key of the person who decides: the
database does not know who they are.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import grpc

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import backoffice_pb2_grpc
from wallet_cli import console
from wallet_client.errors import error_of_call
from wallet_grpc.domain.identifiers import PLAYER_ID_MAX, PlayerId
from wallet_grpc.domain.ledgers.state import parse_ledger_id
from wallet_grpc.domain.operators import ActKind
from wallet_grpc.domain.players.approvals import Verdict
from wallet_grpc.secret_files import file_of, read_secret
from wallet_grpc.store.backoffice.lookups import Lookups
from wallet_grpc.store.trail.actions import ActionFilter, FoundAction, TimeSpan
from wallet_grpc.store.trail.proposals import Proposal, ProposalFilter

from .lookups import ask, formats, limited, print_pages
from .options import json_option, period_of, reason_option
from .running_stack import path_of_stack, read_stack

_KEY = "WALLET_OPERATOR_KEY"
_TIMEOUT_S = 30.0
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_STATES = {"open": None, "applied": Verdict.APPROVED, "refused": Verdict.REFUSED}


def _span(begins_at: str | None, ends_at: str | None) -> TimeSpan:
    begins, ends = period_of(begins_at, ends_at)
    return TimeSpan(begins_at=begins, ends_at=ends)


# ------------------------------------------------------------------------------------------------------------- actions


@click.group("actions")
def actions() -> None:
    """The trail: what operators did, by call, console or command."""


@actions.command("list")
@click.option("--actor", help="Only of this operator, or of whom the request named as its actor.")
@click.option("--kind", type=click.Choice([kind.value.lower() for kind in ActKind]), help="Only of this kind.")
@click.option("--from", "begins_at", help="From this time on, ISO 8601; without an offset it is UTC.")
@click.option("--to", "ends_at", help="Up to this time, exclusive.")
@limited
@formats
def list_actions(
    *,
    actor: str | None,
    kind: str | None,
    begins_at: str | None,
    ends_at: str | None,
    limit: int,
    file_format: str | None,
) -> None:
    """List what operators did, newest first."""
    wanted = ActionFilter(
        actor=actor, kind=None if kind is None else ActKind(kind.upper()), span=_span(begins_at, ends_at)
    )
    print_pages(lambda lookups: partial(lookups.actions.page, wanted), None, limit, _action_line, file_format)


def _action_line(found: FoundAction) -> dict[str, Any]:
    line = asdict(found)
    for facts in ("facts_before", "facts_after"):
        line[facts] = None if line[facts] is None else json.dumps(line[facts], ensure_ascii=False)
    return line


# ----------------------------------------------------------------------------------------------------------- proposals


@click.group("proposals")
def proposals() -> None:
    """Adjustments that one operator proposed and another one decides."""


@proposals.command("list")
@click.option("--state", type=click.Choice(list(_STATES)), help="Only of this state.")
@click.option("--player", "player_id", type=click.IntRange(1, PLAYER_ID_MAX), help="Only of this player.")
@click.option("--from", "begins_at", help="Proposed from this time on, ISO 8601; without an offset it is UTC.")
@click.option("--to", "ends_at", help="Proposed up to this time, exclusive.")
@limited
@formats
def list_proposals(
    *,
    state: str | None,
    player_id: int | None,
    begins_at: str | None,
    ends_at: str | None,
    limit: int,
    file_format: str | None,
) -> None:
    """List proposals, newest first."""
    wanted = ProposalFilter(
        is_open=state == "open",
        verdict=None if state is None else _STATES[state],
        player_id=None if player_id is None else PlayerId(player_id),
        span=_span(begins_at, ends_at),
    )
    print_pages(lambda lookups: partial(lookups.proposals.page, wanted), None, limit, _proposal_line, file_format)


@proposals.command("show")
@click.argument("proposal_id")
@formats
def show_proposal(proposal_id: str, file_format: str | None) -> None:
    """Show a proposal, with what the balance is or was before and after it."""
    named = parse_ledger_id(proposal_id.lower())

    async def look(lookups: Lookups) -> tuple[Proposal | None, int | None]:
        found = None if named is None else await lookups.proposals.find(named)
        if found is None:
            return None, None
        return found, (await lookups.proposal_balances.of([found]))[found.proposal_id]

    found, before_minor = ask(look)
    if found is None:
        raise click.ClickException(f"there is no proposal {proposal_id}; `wallet proposals list` shows them")
    facts = _proposal_line(found) | {
        "metadata": dict(found.metadata),
        "balance_before_minor": before_minor,
        "balance_after_minor": None if before_minor is None else before_minor + found.gain_minor,
    }
    console.print_parts(facts, {}, file_format=file_format)


def _proposal_line(found: Proposal) -> dict[str, Any]:
    decision = found.decision
    state = next(name for name, verdict in _STATES.items() if verdict is (decision and decision.verdict))
    return {
        "proposal_id": found.proposal_id,
        "state": state,
        "proposed_at": found.proposed_at,
        "proposed_by": found.operator,
        "player_id": found.player_id,
        "currency_network_id": found.currency_network_id,
        "direction": found.direction.value,
        "amount_minor": found.amount_minor,
        "reason": found.reason,
        "actor": found.actor,
        "source": found.source,
        "transaction_id": found.transaction_id,
        "decided_at": None if decision is None else decision.decided_at,
        "decided_by": None if decision is None else decision.operator,
        "decision_reason": None if decision is None else decision.reason,
        "tx_id": None if decision is None else decision.tx_id,
    }


# ----------------------------------------------------------------------------------------------------------- decisions


def _deciding(command: Any) -> Any:
    """Give a command what a decision needs: the proposal, a reason, and where the wallet is."""
    for decorate in (
        json_option,
        click.option(
            "--ca-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="TLS: the CA, PEM."
        ),
        click.option("--address", help="The wallet's `host:port`. Default: WALLET_GRPC_ADDRESS, or `make run`'s."),
        reason_option,
        click.argument("proposal_id"),
    ):
        command = decorate(command)
    return command


@proposals.command("approve")
@_deciding
def approve_proposal(
    proposal_id: str, reason: str, address: str | None, ca_file: Path | None, *, as_json: bool
) -> None:
    """Approve a proposal, which applies it, as the person whose key is in WALLET_OPERATOR_KEY or its _FILE."""
    _decide(proposal_id, pb.DECISION_APPROVE, reason, address, ca_file, as_json=as_json)


@proposals.command("refuse")
@_deciding
def refuse_proposal(proposal_id: str, reason: str, address: str | None, ca_file: Path | None, *, as_json: bool) -> None:
    """Refuse a proposal, as the person whose key is in WALLET_OPERATOR_KEY or its _FILE."""
    _decide(proposal_id, pb.DECISION_REFUSE, reason, address, ca_file, as_json=as_json)


def _decide(
    proposal_id: str, decision: pb.Decision, reason: str, address: str | None, ca_file: Path | None, *, as_json: bool
) -> None:
    if not reason:
        raise click.UsageError("say why: --reason")
    stack = read_stack() or {}
    target = address or os.environ.get("WALLET_GRPC_ADDRESS") or stack.get("grpc_address")
    if not target:
        raise click.ClickException("where is the wallet? Give --address, or set WALLET_GRPC_ADDRESS")
    request = pb.DecideAdjustmentRequest(proposal_id=proposal_id, decision=decision, reason=reason)
    try:
        done = asyncio.run(_call(request, target, _key(stack), None if ca_file is None else ca_file.read_bytes()))
    except grpc.aio.AioRpcError as error:
        raise click.ClickException(str(error_of_call(error))) from error
    if as_json:
        told = {"proposal_id": done.proposal_id, "state": pb.ProposalState.Name(done.state).rpartition("_")[2]}
        console.print_json(told | {"decided_by": done.decided_by, "tx_id": done.tx_id, "replayed": done.replayed})
        return
    before = " before" if done.replayed else ""
    if done.state == pb.PROPOSAL_STATE_APPLIED:
        click.echo(f"applied{before} as {done.tx_id}: {done.balance_before_minor} -> {done.balance_after_minor}")
    else:
        click.echo(f"refused{before} by {done.decided_by}")


async def _call(request: pb.DecideAdjustmentRequest, target: str, key: str, ca: bytes | None) -> pb.Proposal:
    options = [("grpc.enable_http_proxy", 0)]
    if ca is None:
        channel = grpc.aio.insecure_channel(target, options=options)
    else:
        channel = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(ca), options=options)
    async with channel:
        stub: Any = backoffice_pb2_grpc.BackofficeServiceStub(channel)
        metadata = (("authorization", f"Bearer {key}"),)
        answer: pb.Proposal = await stub.DecideAdjustment(request, metadata=metadata, timeout=_TIMEOUT_S)
        return answer


def _key(stack: Any) -> str:
    """Find the key of the person who decides; of the stack that `make run` has running its own operator's."""
    file = file_of(_KEY)
    try:
        key = os.environ.get(_KEY) or (None if file is None else read_secret(file))
    except ValueError as error:
        raise click.ClickException(f"{_KEY}_FILE: {error}") from None
    key = key or (stack.get("keys") or {}).get("backoffice")
    if not key:
        raise click.ClickException(
            f"whose decision is it? Set {_KEY} or {_KEY}_FILE to the key of the person who decides "
            f"({path_of_stack()} is not there)"
        )
    return str(key)
