"""The trail and the proposals as operators and auditors list them: filters, pages, and who may."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from support.approvals import approve, proposal, refuse
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Installation
from support.requests import Player
from support.server import WalletServer
from support.wallet import Wallet

from wallet.v1 import backoffice_pb2 as pb

ADJUSTMENT, PROPOSAL = pb.OPERATOR_ACTION_KIND_ADJUSTMENT, pb.OPERATOR_ACTION_KIND_PROPOSAL


@pytest.fixture(scope="module")
def served(module_installation: Installation) -> Iterator[Wallet]:
    with WalletServer(module_installation) as server:
        yield server.wallet()


@pytest.fixture(scope="module")
def acted(served: Wallet) -> list[Player]:
    """Five players, each with an adjustment, and a proposal that is approved, refused or open."""
    ann, bob = backoffice_of(served, "backoffice"), backoffice_of(served, "operator")
    players = [served.player("100") for _ in range(5)]
    for number, player in enumerate(players):
        served.applied(player.adjust("5", actor=f"actor-{number}"))
        made = ann.call(proposal(player, "30"))
        if number < 2:
            bob.call(approve(made))
        elif number == 2:
            bob.call(refuse(made))
    return players


@pytest.fixture
def auditor(served: Wallet) -> BackofficeCaller:
    return backoffice_of(served, "auditor")


def test_who_did_what(acted: list[Player], auditor: BackofficeCaller) -> None:
    (adjusted,) = auditor.listed(pb.ListOperatorActionsRequest(actor="actor-0"))
    assert (adjusted.kind, adjusted.channel) == (ADJUSTMENT, pb.OPERATOR_CHANNEL_CALL)
    assert (adjusted.operator, adjusted.actor, adjusted.reason) == ("backoffice", "actor-0", "a goodwill credit")
    assert (adjusted.subject, adjusted.player_id) == (f"player {acted[0].player_id}", acted[0].player_id)
    assert json.loads(adjusted.before_json) == {"balance_minor": "100"}
    assert json.loads(adjusted.after_json)["balance_minor"] == "105"
    assert adjusted.result_id == adjusted.action_id
    assert adjusted.request_id
    assert adjusted.key_id.startswith("key_")
    assert adjusted.HasField("created_at")


def test_all_pages_are_all_rows_newest_first(
    acted: list[Player], auditor: BackofficeCaller, module_installation: Installation
) -> None:
    del acted
    whole = auditor.listed(pb.ListOperatorActionsRequest(page_size=1000))
    by_threes = auditor.listed(pb.ListOperatorActionsRequest(page_size=3))
    stored = module_installation.rows("SELECT action_id::TEXT FROM operator_actions ORDER BY action_id DESC")
    assert [row.action_id for row in whole] == [row.action_id for row in by_threes] == [name for (name,) in stored]


def test_actions_are_filtered(acted: list[Player], auditor: BackofficeCaller) -> None:
    del acted
    approvals = auditor.listed(
        pb.ListOperatorActionsRequest(kind=pb.OPERATOR_ACTION_KIND_APPROVAL, actor="OPERATOR", page_size=1)
    )
    assert [row.operator for row in approvals] == ["operator"] * 2
    assert len(auditor.listed(pb.ListOperatorActionsRequest(kind=PROPOSAL))) == 5
    assert auditor.listed(pb.ListOperatorActionsRequest(kind=ADJUSTMENT, actor="operator")) == []
    assert auditor.listed(pb.ListOperatorActionsRequest(actor="nobody")) == []


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(
    acted: list[Player], auditor: BackofficeCaller
) -> None:
    del acted
    rows = auditor.listed(pb.ListOperatorActionsRequest(kind=ADJUSTMENT))
    moment = rows[2].created_at
    since = auditor.listed(pb.ListOperatorActionsRequest(kind=ADJUSTMENT, **{"from": moment}))
    before = auditor.listed(pb.ListOperatorActionsRequest(kind=ADJUSTMENT, to=moment))
    assert [row.action_id for row in (*since, *before)] == [row.action_id for row in rows]
    assert rows[2] in since


def test_proposals_are_filtered(acted: list[Player], auditor: BackofficeCaller) -> None:
    def states(**fields: object) -> list[int]:
        return [row.state for row in auditor.listed(pb.ListProposalsRequest(page_size=2, **fields))]  # type: ignore[arg-type]

    is_open, applied, refused = pb.PROPOSAL_STATE_OPEN, pb.PROPOSAL_STATE_APPLIED, pb.PROPOSAL_STATE_REFUSED
    assert states() == [is_open, is_open, refused, applied, applied]
    assert states(state=is_open) == [is_open] * 2
    assert states(state=applied) == [applied] * 2
    assert states(state=refused) == [refused]
    assert states(state=pb.PROPOSAL_STATE_FAILED) == []
    assert states(player_id=acted[2].player_id) == [refused]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert states(**{"from": tomorrow}) == []
    assert len(states(to=tomorrow)) == 5


def test_a_proposal_tells_before_and_after(acted: list[Player], auditor: BackofficeCaller) -> None:
    (applied,) = auditor.listed(pb.ListProposalsRequest(player_id=acted[0].player_id))
    (open_one,) = auditor.listed(pb.ListProposalsRequest(player_id=acted[4].player_id))
    assert (applied.balance_before_minor, applied.balance_after_minor) == ("105", "135")
    assert (open_one.balance_before_minor, open_one.balance_after_minor) == ("105", "135")
    assert auditor.call(pb.GetProposalRequest(proposal_id=applied.proposal_id)) == applied
    assert auditor.call(pb.GetProposalRequest(proposal_id=open_one.proposal_id.upper())) == open_one
    auditor.refused(pb.GetProposalRequest(proposal_id=applied.tx_id), "PROPOSAL_NOT_FOUND")


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (pb.ListOperatorActionsRequest(page_token="nonsense"), "INVALID_FIELD", "page_token"),
        (pb.ListOperatorActionsRequest(page_size=1001), "INVALID_FIELD", "page_size"),
        (pb.ListOperatorActionsRequest(kind=99), "INVALID_FIELD", "kind"),  # type: ignore[arg-type]
        (pb.ListProposalsRequest(state=99), "INVALID_FIELD", "state"),  # type: ignore[arg-type]
        (pb.ListProposalsRequest(page_token="nonsense"), "INVALID_FIELD", "page_token"),
        (pb.GetProposalRequest(), "MISSING_FIELD", "proposal_id"),
    ],
)
def test_a_request_is_well_formed(auditor: BackofficeCaller, request_: object, reason: str, field: str) -> None:
    auditor.refused(request_, reason, field=field)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["games", "payments", "credit"])
def test_they_are_for_operators_and_auditors(served: Wallet, name: str) -> None:
    caller = backoffice_of(served, name)
    for request in (pb.ListOperatorActionsRequest(), pb.ListProposalsRequest(), pb.GetProposalRequest(proposal_id="x")):
        caller.refused(request, "CALL_NOT_ALLOWED", role="backoffice,auditor")
