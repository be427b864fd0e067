"""`wallet actions` and `wallet proposals`: what they print, and decisions as the person whose key is given."""

import csv
import io
import json
from collections.abc import Iterator

import pytest
from support.approvals import proposal
from support.backoffice import backoffice_of
from support.database import Installation
from support.server import WalletServer
from support.wallet import Wallet


@pytest.fixture(scope="module")
def server(module_installation: Installation) -> Iterator[WalletServer]:
    with WalletServer(module_installation) as running:
        yield running


@pytest.fixture(scope="module")
def served(server: WalletServer) -> Wallet:
    return server.wallet()


def as_json(installation: Installation, *arguments: str) -> object:
    return json.loads(installation.command(*arguments, "--json"))


def test_a_proposal_is_listed_shown_and_approved(
    module_installation: Installation, server: WalletServer, served: Wallet
) -> None:
    player = served.player("100")
    made = backoffice_of(served, "backoffice").call(proposal(player))
    listed = as_json(module_installation, "proposals", "list", "--state", "open", "--player", str(player.player_id))
    assert isinstance(listed, list)
    assert [(it["proposal_id"], it["proposed_by"]) for it in listed] == [(made.proposal_id, "backoffice")]
    shown = as_json(module_installation, "proposals", "show", made.proposal_id)
    assert isinstance(shown, dict)
    assert (shown["balance_before_minor"], shown["balance_after_minor"]) == ("100", "130")
    assert shown["metadata"] == {"ticket": "4711"}

    def decide(verb: str, caller: str, *more: str) -> tuple[int, str]:
        key = {"WALLET_OPERATOR_KEY": module_installation.keys[caller], "WALLET_GRPC_ADDRESS": server.target}
        done = module_installation.run("proposals", verb, made.proposal_id, *more, **key)
        assert module_installation.keys[caller] not in done.stdout + done.stderr
        return done.returncode, done.stdout + done.stderr

    status, told = decide("approve", "backoffice", "--reason", "mine")
    assert status == 1
    assert "SAME_PERSON" in told
    assert decide("approve", "operator")[0] == 2, "without a reason"
    status, told = decide("approve", "operator", "--reason", "seen it", "--json")
    assert status == 0
    assert json.loads(told)["state"] == "APPLIED"
    assert decide("approve", "operator", "--reason", "again")[1].startswith("applied before as")
    status, told = decide("refuse", "operator", "--reason", "no")
    assert status == 1
    assert "PROPOSAL_DECIDED" in told
    assert served.main(player) == "130"


def test_the_trail_is_listed(module_installation: Installation, served: Wallet) -> None:
    player = served.player("100")
    served.applied(player.adjust("5", actor="zoe@desk"))
    told = as_json(module_installation, "actions", "list", "--actor", "zoe@desk", "--kind", "adjustment")
    assert isinstance(told, list)
    (action,) = told
    assert (action["operator"], action["player_id"]) == ("backoffice", str(player.player_id))
    assert json.loads(action["facts_before"]) == {"balance_minor": "100"}
    printed = module_installation.command("actions", "list", "--limit", "3", "--csv")
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert len(rows) == 3
    assert rows[0]["kind"] == "ADJUSTMENT"
    assert "zoe@desk" in module_installation.command("actions", "list", "--limit", "1")
    assert as_json(module_installation, "actions", "list", "--to", "2020-01-01") == []
