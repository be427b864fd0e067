"""The trail: whatever an operator does, by call or by command, leaves one row that tells who, what, why and when."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import click
import psycopg
import pytest
from support.approvals import approve, proposal, refuse
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Installation
from support.outbox import parked_inbox, parked_outbox
from support.refusals import check_refusal
from support.requests import Player
from support.server import WalletServer
from support.wallet import Caller, Wallet

from wallet.v1 import wallet_pb2 as pb
from wallet_cli.__main__ import main
from wallet_grpc.domain.cells import ONLY_CELL
from wallet_grpc.store.operator import inbox, outbox

CHANGES_NOTHING = {
    "serve", "consume", "relay", "api", "console", "gateway", "certify", "token", "verify", "reconcile",
    "currencies list",
    "ledgers list", "keys list", "rails list", "inbox list", "inbox show", "outbox list", "outbox show", "cells list",
    "actions list", "proposals list", "proposals show", "find", "players list", "players show", "transactions list",
    "transactions show", "withdrawals list", "withdrawals show", "sessions list", "sessions show",
    "report trial-balance", "report liabilities", "report revenue", "report statement",
}  # fmt: skip
"""Commands that serve, or only read."""


@pytest.fixture(scope="module")
def served(module_installation: Installation) -> Iterator[Wallet]:
    with WalletServer(module_installation) as server:
        yield server.wallet()


def new_rows(installation: Installation, act: Callable[[], object]) -> list[tuple[Any, ...]]:
    """Do something, and give the rows that the trail has more."""
    ((before,),) = installation.rows("SELECT count(*) FROM operator_actions")
    act()
    return installation.rows(
        "SELECT kind, channel, operator, subject, actor, reason, facts_before, facts_after, request_id, key_id"
        " FROM operator_actions ORDER BY action_id OFFSET %s",
        before,
    )


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield " ".join((*path, name))


def key_of(installation: Installation) -> str:
    return installation.create_key("somebody", ["game"])[0]


COMMANDS: dict[str, tuple[Callable[[Installation], list[str]], str]] = {
    "keys create": (lambda _: ["--source", "desk", "--role", "backoffice", "--operator", "Eve"], "KEY_CREATION"),
    "keys limit": (lambda it: [key_of(it), "--rate-per-s", "5"], "KEY_LIMIT"),
    "keys revoke": (lambda it: [key_of(it)], "KEY_REVOCATION"),
    "rails set": (lambda _: ["--source", "games", "--currency-network", "1", "--rail", "ledger"], "RAIL"),
    "currencies add": (lambda _: ["DAI", "BASE", "--decimals", "18"], "CURRENCY_NETWORK"),
    "ledgers create": (lambda _: ["Points", "--source", "credit", "--currency-network", "1"], "LEDGER_CREATION"),
    "inbox replay": (lambda it: [str(parked_inbox(it))], "EVENT_REPLAY"),
    "inbox discard": (lambda it: [str(parked_inbox(it))], "EVENT_DISCARD"),
    "outbox replay": (lambda it: [str(parked_outbox(it))], "EVENT_REPLAY"),
    "outbox discard": (lambda it: [str(parked_outbox(it))], "EVENT_DISCARD"),
}
"""What changes something, with what it is given, and what the trail calls it."""
IN_OTHER_TESTS = {"migrate", "balances rebuild", "freeze", "copy"}
BY_CALL = {"proposals approve", "proposals refuse"}


def test_every_command_is_known_to_change_something_or_not() -> None:
    commands = set(every_command(main))
    assert commands - CHANGES_NOTHING - COMMANDS.keys() - IN_OTHER_TESTS - BY_CALL == set()
    assert (COMMANDS.keys() | IN_OTHER_TESTS) - commands == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_leaves_one_row(module_installation: Installation, served: Wallet, command: str) -> None:
    served.player("10")  # an event for the outbox
    arguments, kind = COMMANDS[command]
    given = arguments(module_installation)
    (row,) = new_rows(
        module_installation, lambda: module_installation.command(*command.split(), *given, "--reason", "told to")
    )
    ((login,),) = module_installation.rows("SELECT session_user")
    assert row[:3] == (kind, "COMMAND", login)
    assert "@" in row[4], "the machine's user"
    assert row[5] == "told to"
    assert row[6] or row[7], "what it was, or what it is"
    assert row[8].startswith("command-")
    assert not any("sk_test_" in str(value) for value in row), "a secret"


@pytest.mark.parametrize("command", ["keys limit", "keys revoke", "inbox replay", "outbox discard", "rails set"])
def test_what_is_not_there_leaves_none(module_installation: Installation, command: str) -> None:
    given = {
        "keys limit": ["key_none"],
        "keys revoke": ["key_none"],
        "rails set": ["--source", "games", "--currency-network", "99", "--rail", "ledger"],
    }.get(command, ["987654321"])
    assert new_rows(module_installation, lambda: module_installation.run(*command.split(), *given)) == []


def test_all_that_are_parked_leave_a_row_each(module_installation: Installation, served: Wallet) -> None:
    del served
    replay_outgoing = partial(outbox.replay_parked_events, cell=ONLY_CELL)
    for park, replay in ((parked_inbox, inbox.replay_parked_events), (parked_outbox, replay_outgoing)):
        for _ in range(3):
            park(module_installation)
        with module_installation.connect() as connection:
            rows = new_rows(module_installation, lambda c=connection, r=replay: (r(c), c.commit()))
        assert [row[0] for row in rows] == ["EVENT_REPLAY"] * 3


def test_a_rebuild_leaves_a_row_for_what_it_mends(module_installation: Installation, served: Wallet) -> None:
    player = served.player("10")
    with module_installation.connect() as connection:
        connection.execute(
            "UPDATE account_balances SET balance_minor = 11 WHERE owner_id = %s AND balance_minor = 10",
            [player.player_id],
        )
    (row,) = new_rows(module_installation, lambda: module_installation.command("balances", "rebuild"))
    assert row[0] == "BALANCES_REBUILD"
    assert (list(row[6].values()), list(row[7].values())) == (["11"], ["10"])
    assert new_rows(module_installation, lambda: module_installation.command("balances", "rebuild")) == []


def test_a_migration_leaves_a_row(module_installation: Installation) -> None:
    rows = module_installation.rows(
        "SELECT subject, facts_after ->> 'version' FROM operator_actions ORDER BY action_id"
    )
    assert rows[0] == ("schema public", "0002_operators")
    assert ("schema cell_0", "0001_ledger") in rows


# ------------------------------------------------------------------------------------------------------------ by call

CALLS: dict[str, tuple[Callable[[Player], Any], str, dict[str, str], dict[str, str]]] = {
    "adjust": (lambda player: player.adjust("5"), "ADJUSTMENT", {"balance_minor": "100"}, {"balance_minor": "105"}),
    "set_player_state": (
        lambda player: player.state(pb.PLAYER_STATE_BLOCKED),
        "PLAYER_STATE",
        {"state": "ACTIVE"},
        {"state": "BLOCKED"},
    ),
}


@pytest.mark.parametrize("way", ["alone", "in a batch", "in a stream"])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_leaves_one_row(wallet: Wallet, installation: Installation, call: str, way: str) -> None:
    request_of, kind, before, after = CALLS[call]
    player = wallet.player("100")
    request = request_of(player)
    send: dict[str, Callable[[], object]] = {
        "alone": lambda: wallet.send(request),
        "in a batch": lambda: wallet.backoffice.batch([request]),
        "in a stream": lambda: wallet.backoffice.stream([request]),
    }

    def rows() -> list[tuple[Any, ...]]:
        return installation.rows(
            "SELECT kind, channel, operator, subject, actor, reason, facts_before, facts_after, request_id, key_id,"
            " acted_at, action_id, result_id FROM operator_actions WHERE player_id = %s",
            player.player_id,
        )

    send[way]()
    (row,) = rows()
    assert row[:6] == (kind, "CALL", "backoffice", f"player {player.player_id}", "ana@desk", request.reason)
    assert row[6] == before
    assert row[7].items() >= after.items()
    assert row[8]
    assert row[9].startswith("key_")
    ((created_at, tx_id),) = installation.rows(
        "SELECT created_at, tx_id FROM ledger_transactions WHERE owner_id = %s AND reference = %s",
        player.player_id,
        request.transaction_id,
    )
    assert row[10:] == (created_at, tx_id, tx_id)
    send[way]()
    assert rows() == [row], "a replay does nothing"


def test_what_is_refused_leaves_none(wallet: Wallet, installation: Installation) -> None:
    player = wallet.player("100")
    wallet.refused(player.adjust("101", pb.DIRECTION_DEBIT), "INSUFFICIENT_FUNDS")
    wallet.refused(player.state(pb.PLAYER_STATE_CLOSED), "BALANCE_NOT_ZERO")
    assert installation.rows("SELECT 1 FROM operator_actions WHERE player_id = %s", player.player_id) == []


def test_no_row_is_ever_changed(installation: Installation, wallet: Wallet) -> None:
    wallet.applied(wallet.player("100").adjust("5"))
    for statement in (
        "UPDATE operator_actions SET operator = 'nobody'",
        "DELETE FROM operator_actions",
        "TRUNCATE operator_actions",
        "DELETE FROM adjustment_proposals",
        "UPDATE adjustment_decisions SET reason = ''",
    ):
        with installation.connect() as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(statement)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- who is logged in


@pytest.fixture
def desk(served: Wallet, module_installation: Installation) -> Callable[..., BackofficeCaller]:
    """Give callers of a key that speaks for who is logged in."""
    _, key = module_installation.create_key("console", ["backoffice"], "--speaks-for-logins")

    def caller(*logins: str) -> BackofficeCaller:
        channel = served.channel()
        made = Caller(channel, key)
        made.credentials += tuple(("wallet-operator", login) for login in logins)
        return BackofficeCaller(made, channel)

    return caller


def test_a_login_is_the_operator(
    served: Wallet, module_installation: Installation, desk: Callable[..., BackofficeCaller]
) -> None:
    player = served.player("100")
    made = desk("Ann@House").call(proposal(player))
    assert made.proposed_by == "ann@house"
    desk("ann@house").refused(approve(made), "SAME_PERSON", operator="ann@house")
    assert desk("bob@house").call(approve(made)).decided_by == "bob@house"
    rows = module_installation.rows(
        "SELECT kind, channel, operator, actor FROM operator_actions WHERE player_id = %s ORDER BY action_id",
        player.player_id,
    )
    assert rows == [("PROPOSAL", "CONSOLE", "ann@house", "ana@desk"), ("APPROVAL", "CONSOLE", "bob@house", None)]


@pytest.mark.parametrize("login", [(), ("",), ("two words",), ("x" * 129,)])
def test_a_key_that_speaks_for_logins_names_one(
    served: Wallet, desk: Callable[..., BackofficeCaller], login: tuple[str, ...]
) -> None:
    desk(*login).refused(proposal(served.player("100")), "CALL_NOT_ALLOWED")


def test_no_other_key_names_a_login(served: Wallet) -> None:
    """An operator is never what a caller writes freely."""
    ann = backoffice_of(served, "backoffice")
    ann.credentials += (("wallet-operator", "bob@house"),)
    check_refusal(ann.attempt(proposal(served.player("100"))), "CALL_NOT_ALLOWED")


@pytest.mark.parametrize(
    "flags",
    [
        ["--role", "game", "--operator", "ann"],
        ["--role", "game", "--speaks-for-logins"],
        ["--role", "backoffice", "--operator", "ann", "--speaks-for-logins"],
        ["--role", "backoffice", "--operator", "two words"],
    ],
)
def test_a_key_is_one_persons_or_speaks_for_logins(module_installation: Installation, flags: list[str]) -> None:
    assert module_installation.run("keys", "create", "--source", "s", *flags).returncode == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--role", "backoffice"], "add --operator NAME"),
        (["--role", "backoffice", "--role", "game", "--operator", "ann"], "make two keys"),
        (["--role", "payments", "--role", "backoffice", "--speaks-for-logins"], "make two keys"),
    ],
)
def test_a_live_key_of_operators_is_somebodys_and_has_no_other_duty(
    module_installation: Installation, flags: list[str], told: str
) -> None:
    refused = module_installation.run("keys", "create", "--source", "s", *flags, WALLET_ENVIRONMENT="live")
    assert (refused.returncode, told in " ".join(refused.stderr.split())) == (2, True)


def test_a_name_kept_as_it_was_typed_is_the_same_person(
    served: Wallet, module_installation: Installation, desk: Callable[..., BackofficeCaller]
) -> None:
    key_id, key = module_installation.create_key("typed", ["backoffice"], "--operator", "eve@house")
    with module_installation.connect(autocommit=True) as connection:
        connection.execute("UPDATE api_keys SET operator = 'Eve@House' WHERE key_id = %s", [key_id])
    channel = served.channel()
    made = BackofficeCaller(Caller(channel, key), channel).call(proposal(served.player("100")))
    assert made.proposed_by == "eve@house"
    desk("eve@house").refused(approve(made), "SAME_PERSON", operator="eve@house")


def test_keys_tell_whose_they_are(module_installation: Installation) -> None:
    module_installation.create_key("told", ["backoffice"], "--operator", "Zoe@House")
    listed = json.loads(module_installation.command("keys", "list", "--json"))
    operators = {key["source"]: key["operator"] for key in listed}
    assert (operators["told"], operators["backoffice"], operators["games"]) == ("zoe@house", "backoffice", None)


def test_a_refusal_has_its_row(served: Wallet, module_installation: Installation) -> None:
    player = served.player("100")
    made = backoffice_of(served, "backoffice").call(proposal(player))
    (row,) = new_rows(module_installation, lambda: backoffice_of(served, "operator").call(refuse(made)))
    assert row[:3] == ("REFUSAL", "CALL", "operator")
    assert row[5:8] == ("no such game", {"state": "OPEN"}, {"state": "REFUSED", "proposed_by": "backoffice"})
