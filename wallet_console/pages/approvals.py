"""Approvals: corrections that one person proposed and another decides, with the balance before and after."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallet.v1 import backoffice_pb2 as pb
from wallet_console import links, rows
from wallet_console.command_lines import command
from wallet_console.tables import Amount, Column, Table, Text, Value, moment, words
from wallet_console.visits import PageRequest, Visit

from .page import Page, number_of_enum, set_time

_STATES = ("open", "applied", "refused")


async def approvals(visit: Visit) -> Response:
    """List proposals; without a choice those that wait for somebody."""
    state = visit.asked("state") or "open"
    number = number_of_enum(pb.ProposalState, "PROPOSAL_STATE_", "" if state == "all" else state)

    async def load(page: PageRequest) -> Table[Any]:
        request = pb.ListProposalsRequest(
            state=number,
            player_id=visit.number("player"),
            page_size=page.size,
            page_token=page.token,
        )
        set_time(request, "from", visit.asked("begin"))
        set_time(request, "to", visit.asked("end"))
        answer = await visit.ask(request)
        return Table(
            title="Proposals",
            columns=_PROPOSALS,
            rows=answer.proposals,
            next_token=answer.next_page_token,
            empty="Nothing waits for a decision." if state == "open" else "No proposal fits. Take a filter away.",
            command=command(
                "proposals",
                "list",
                state="" if state == "all" else state,
                player=visit.number("player"),
                from_=visit.asked("begin"),
                to=visit.asked("end"),
            ),
        )

    return await visit.page(
        "approvals.html", table=await visit.table("proposals", load), state=state, states=[*_STATES, "all"]
    )


async def approval(visit: Visit) -> Response:
    """Show a proposal, and let a second person decide it."""
    found = await visit.ask(pb.GetProposalRequest(proposal_id=visit.asked("id")))
    assert visit.operator is not None
    return await visit.page(
        "approval.html",
        found=found,
        state=rows.tag(found, "state"),
        direction=words(found, "direction"),
        is_decidable=found.state == pb.PROPOSAL_STATE_OPEN,
        is_own=found.proposed_by == visit.operator.name,
        links=links,
    )


async def decide(visit: Visit) -> Response:
    """Approve or refuse."""
    form = await visit.form()
    answer = await visit.ask(
        pb.DecideAdjustmentRequest(
            proposal_id=form.get("proposal_id", ""),
            decision=number_of_enum(pb.Decision, "DECISION_", form.get("decision", "")),
            reason=form.get("reason", ""),
        )
    )
    return visit.go(links.proposal(answer.proposal_id))


def _amount(row: Any) -> Value:
    sign = "-" if words(row, "direction") == "debit" else ""
    return Amount(sign + row.amount_minor, row.currency_network_id, is_signed=True)


_PROPOSALS: tuple[Column[Any], ...] = (
    Column("Proposed", lambda row: moment(row.proposed_at, shows_age=True)),
    Column("By", lambda row: Text(row.proposed_by)),
    Column("Player", rows.player),
    Column("Correction", _amount, is_number=True),
    Column("Why", lambda row: Text(row.reason, links.proposal(row.proposal_id))),
    Column("State", lambda row: rows.tag(row, "state")),
    Column("Decided by", lambda row: Text(row.decided_by)),
    Column("Proposal", lambda row: Text(row.proposal_id, links.proposal(row.proposal_id), is_id=True)),
)

PAGES = (Page("/approvals", approvals), Page("/approval", approval), Page("/approval/decision", decide, "POST"))
