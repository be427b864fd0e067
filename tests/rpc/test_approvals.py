"""An adjustment that one person proposes and another decides: who may, what comes of it, and that it comes once."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.approvals import approve, proposal, refuse
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Installation
from support.refusals import Refusal, check_refusal
from support.requests import USDT_ETHEREUM, Player, changed
from support.server import WalletServer
from support.wallet import Caller, Wallet, at_once

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2

TRIES = 3
NOBODYS = "0189abcd-0000-7000-8000-000000000001"


@pytest.fixture
def ann(wallet: Wallet) -> BackofficeCaller:
    """A person who proposes; known by the source of their key."""
    return backoffice_of(wallet, "backoffice")


@pytest.fixture
def bob(wallet: Wallet) -> BackofficeCaller:
    """Another person."""
    return backoffice_of(wallet, "operator")


def trail_of(installation: Installation, player: Player) -> list[tuple[str, str]]:
    return installation.rows(
        "SELECT kind, operator FROM operator_actions WHERE player_id = %s ORDER BY action_id", player.player_id
    )


def test_another_person_approves_it(
    wallet: Wallet, installation: Installation, player: Player, ann: BackofficeCaller, bob: BackofficeCaller
) -> None:
    asked = proposal(player)
    made = ann.call(asked)
    assert (made.state, made.proposed_by, made.actor) == (pb.PROPOSAL_STATE_OPEN, "backoffice", "ana@desk")
    assert (made.balance_before_minor, made.balance_after_minor, made.replayed) == ("100", "130", False)
    assert dict(made.metadata) == {"ticket": "4711"}
    assert wallet.main(player) == "100"

    done = bob.call(approve(made))
    assert (done.state, done.decided_by, done.decision_reason) == (
        pb.PROPOSAL_STATE_APPLIED,
        "operator",
        "seen the log",
    )
    assert (done.balance_before_minor, done.balance_after_minor, done.replayed) == ("100", "130", False)
    assert wallet.main(player) == "130"
    stored = wallet.backoffice.call(wallet_pb2.GetTransactionRequest(tx_id=done.tx_id))
    assert (stored.kind, stored.source) == (wallet_pb2.TRANSACTION_KIND_ADJUSTMENT, "backoffice")
    assert (stored.transaction_id, stored.reason, stored.actor) == (asked.transaction_id, asked.reason, asked.actor)

    again, proposed_again = bob.call(approve(made, "once more")), ann.call(asked)
    assert again.replayed
    assert (again.tx_id, again.decision_reason) == (done.tx_id, "seen the log")
    assert (proposed_again.replayed, proposed_again.state) == (True, pb.PROPOSAL_STATE_APPLIED)
    assert wallet.main(player) == "130"
    assert trail_of(installation, player) == [("PROPOSAL", "backoffice"), ("APPROVAL", "operator")]


def test_nobody_approves_their_own(wallet: Wallet, player: Player, ann: BackofficeCaller) -> None:
    made = ann.call(proposal(player))
    ann.refused(approve(made), "SAME_PERSON", operator="backoffice")
    assert wallet.main(player) == "100"
    assert ann.call(refuse(made)).state == pb.PROPOSAL_STATE_REFUSED, "who thinks better of it may say so"


def test_what_is_refused_stays_refused(
    wallet: Wallet, installation: Installation, player: Player, ann: BackofficeCaller, bob: BackofficeCaller
) -> None:
    made = ann.call(proposal(player))
    refused = bob.call(refuse(made))
    assert (refused.state, refused.decided_by, refused.tx_id) == (pb.PROPOSAL_STATE_REFUSED, "operator", "")
    assert bob.call(refuse(made, "again")).replayed
    bob.refused(approve(made), "PROPOSAL_DECIDED", verdict="REFUSED")
    assert wallet.main(player) == "100"
    assert trail_of(installation, player) == [("PROPOSAL", "backoffice"), ("REFUSAL", "operator")]


def test_what_is_approved_is_not_refused(player: Player, ann: BackofficeCaller, bob: BackofficeCaller) -> None:
    made = ann.call(proposal(player))
    bob.call(approve(made))
    for person in (ann, bob):
        person.refused(refuse(made), "PROPOSAL_DECIDED", verdict="APPROVED")


def test_what_cannot_be_applied_stays_open(
    wallet: Wallet, player: Player, ann: BackofficeCaller, bob: BackofficeCaller
) -> None:
    asked = proposal(player, "150", direction=wallet_pb2.DIRECTION_DEBIT)
    made = ann.call(asked)
    assert (made.balance_before_minor, made.balance_after_minor) == ("100", "-50")
    bob.refused(approve(made), "INSUFFICIENT_FUNDS", balance_minor="100")
    assert ann.call(asked).state == pb.PROPOSAL_STATE_OPEN
    wallet.fund(player, "60")
    assert bob.call(approve(made)).balance_after_minor == "10"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("player_id", 1),
        ("currency_network_id", USDT_ETHEREUM),
        ("amount_minor", "31"),
        ("direction", wallet_pb2.DIRECTION_DEBIT),
    ],
)
def test_an_id_is_one_proposal(player: Player, ann: BackofficeCaller, name: str, value: object) -> None:
    asked = proposal(player)
    ann.call(asked)
    ann.refused(changed(asked, **{name: value}), "IDEMPOTENCY_KEY_REUSED", field=name)
    assert ann.call(changed(asked, reason="told otherwise", actor="eve")).reason == asked.reason


def test_an_id_moves_money_once(wallet: Wallet, player: Player, ann: BackofficeCaller, bob: BackofficeCaller) -> None:
    """It is that of an adjustment as well: whichever was first keeps it."""
    alone = player.adjust("5")
    wallet.applied(alone)
    ann.refused(proposal(player, "5", transaction_id=alone.transaction_id), "IDEMPOTENCY_KEY_REUSED", field="call")

    made = ann.call(proposal(player))
    wallet.applied(changed(alone, transaction_id=made.transaction_id))
    bob.refused(approve(made), "IDEMPOTENCY_KEY_REUSED", field="transaction_id")
    assert wallet.main(player) == "110"
    assert bob.call(refuse(made)).state == pb.PROPOSAL_STATE_REFUSED

    made = ann.call(proposal(player))
    bob.call(approve(made))
    wallet.replayed(
        changed(alone, transaction_id=made.transaction_id, amount_minor="30"),
        wallet.send(changed(alone, transaction_id=made.transaction_id, amount_minor="30")),
    )
    assert wallet.main(player) == "140"


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"transaction_id": ""}, "MISSING_FIELD", "transaction_id"),
        ({"transaction_id": "wallet:x"}, "INVALID_FIELD", "transaction_id"),
        ({"player_id": 0}, "MISSING_FIELD", "player_id"),
        ({"currency_network_id": 99}, "UNKNOWN_CURRENCY_NETWORK", "currency_network_id"),
        ({"amount_minor": "0"}, "INVALID_AMOUNT", "amount_minor"),
        ({"direction": 0}, "MISSING_FIELD", "direction"),
        ({"reason": ""}, "MISSING_FIELD", "reason"),
        ({"actor": ""}, "MISSING_FIELD", "actor"),
    ],
)
def test_a_proposal_is_well_formed(
    player: Player, ann: BackofficeCaller, fields: dict[str, Any], reason: str, field: str
) -> None:
    ann.refused(proposal(player, **fields), reason, field=field)


@pytest.mark.parametrize(
    ("fields", "reason", "metadata"),
    [
        ({"proposal_id": ""}, "MISSING_FIELD", {"field": "proposal_id"}),
        ({"proposal_id": "nonsense"}, "PROPOSAL_NOT_FOUND", {}),
        ({"proposal_id": NOBODYS}, "PROPOSAL_NOT_FOUND", {}),
        ({"decision": 0}, "MISSING_FIELD", {"field": "decision"}),
        ({"decision": 9}, "INVALID_FIELD", {"field": "decision"}),
        ({"reason": ""}, "MISSING_FIELD", {"field": "reason"}),
        ({"reason": "a\nb"}, "INVALID_FIELD", {"field": "reason"}),
    ],
)
def test_a_decision_is_well_formed(
    bob: BackofficeCaller, fields: dict[str, Any], reason: str, metadata: dict[str, str]
) -> None:
    asked = {"proposal_id": NOBODYS, "decision": pb.DECISION_APPROVE, "reason": "why"}
    bob.refused(pb.DecideAdjustmentRequest(**asked | fields), reason, **metadata)


@pytest.mark.parametrize("name", ["games", "payments", "credit", "auditor"])
def test_it_is_for_operators(wallet: Wallet, player: Player, name: str) -> None:
    caller = backoffice_of(wallet, name)
    caller.refused(proposal(player), "CALL_NOT_ALLOWED", role="backoffice")
    caller.refused(approve(pb.Proposal(proposal_id=NOBODYS)), "CALL_NOT_ALLOWED", role="backoffice")


def test_ten_decisions_at_once(
    wallet: Wallet, installation: Installation, ann: BackofficeCaller, bob: BackofficeCaller
) -> None:
    """Approvals and refusals on two connections each: one decides, and everybody is told the same."""
    other = backoffice_of(wallet, "operator")
    for _ in range(TRIES):
        player = wallet.player("100")
        made = ann.call(proposal(player))
        sent = [(person, request) for person in (bob, other) for request in (approve(made), refuse(made)) * 3]
        answers = at_once(*(lambda person=person, request=request: person.attempt(request) for person, request in sent))
        told = [answer for answer in answers if isinstance(answer, pb.Proposal)]
        assert len({(answer.state, answer.tx_id) for answer in told}) == 1
        assert [answer.replayed for answer in told].count(False) == 1
        is_applied = told[0].state == pb.PROPOSAL_STATE_APPLIED
        for answer in answers:
            if isinstance(answer, Refusal):
                check_refusal(answer, "PROPOSAL_DECIDED", verdict="APPROVED" if is_applied else "REFUSED")
        assert wallet.main(player) == ("130" if is_applied else "100")
        assert len(trail_of(installation, player)) == 2


def test_ten_proposals_of_one_id_at_once(wallet: Wallet, installation: Installation, ann: BackofficeCaller) -> None:
    player = wallet.player("100")
    asked = proposal(player)
    made = at_once(*(lambda: ann.call(asked) for _ in range(10)))
    assert len({it.proposal_id for it in made}) == 1
    assert [it.replayed for it in made].count(False) == 1
    assert trail_of(installation, player) == [("PROPOSAL", "backoffice")]


@pytest.fixture(scope="module")
def bounded(module_installation: Installation) -> Iterator[Wallet]:
    """A server on which one person alone adjusts up to 50 in one currency network."""
    with WalletServer(module_installation, WALLET_ADJUSTMENT_ALONE_MAX="1=50") as server:
        yield server.wallet()


def test_above_a_bound_nobody_adjusts_alone(bounded: Wallet) -> None:
    player = bounded.player("100")
    above = player.adjust("51", wallet_pb2.DIRECTION_DEBIT)
    bounded.refused(above, "NEEDS_APPROVAL", alone_max_minor="50")
    (outcome,) = bounded.batch([above], by=bounded.backoffice)
    check_refusal(outcome, "NEEDS_APPROVAL", alone_max_minor="50")
    check_refusal(bounded.backoffice.stream([above])[0], "NEEDS_APPROVAL", alone_max_minor="50")
    assert bounded.applied(changed(above, amount_minor="50")).balance_after_minor == "50"
    bounded.applied(Player(currency_network_id=USDT_ETHEREUM).adjust("1000000"))

    made = backoffice_of(bounded, "backoffice").call(proposal(player, "51", transaction_id=above.transaction_id + "-2"))
    assert backoffice_of(bounded, "operator").call(approve(made)).balance_after_minor == "101"
    replay = player.adjust("51", transaction_id=made.transaction_id)
    assert bounded.send(replay).replayed, "what was applied is told, whatever may be done alone"


def test_a_person_is_one_by_whatever_key(bounded: Wallet, module_installation: Installation) -> None:
    _, first = module_installation.create_key("desk", ["backoffice"], "--operator", "Ann@House")
    _, second = module_installation.create_key("night-desk", ["backoffice"], "--operator", "ann@house")
    player = bounded.player("100")

    def person(key: str) -> BackofficeCaller:
        return BackofficeCaller(Caller(bounded.channel(), key), bounded.channel())

    made = person(first).call(proposal(player))
    assert made.proposed_by == "ann@house"
    person(second).refused(approve(made), "SAME_PERSON", operator="ann@house")
