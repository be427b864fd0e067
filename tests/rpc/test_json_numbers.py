"""`--json` of every command: no reader rounds what it says, since ids of 64 bits and amounts are digits in strings."""

import json
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
from rpc.test_trail import CHANGES_NOTHING, every_command
from support.requests import Player, fresh_player_id
from support.sessions import sessions_of
from support.wallet import Wallet

from wallet_cli import console
from wallet_cli.__main__ import main

_DOUBLE_MAX = 2**53
"""Beyond it a double, which JavaScript reads every number as, leaves whole numbers out."""
_WIDE = re.compile(r"(player|owner|inbox|outbox)_id|.*_minor")
_HAS_NO_ROWS = {
    "inbox show": "nothing consumes here",
    "outbox show": "it takes what `outbox list` prints, and prints that",
    "proposals show": "nobody proposes here",
    "verify": "it prints counts and texts",
}


def numbers_of(value: Any, name: str = "") -> Iterator[tuple[str, int | float]]:
    match value:
        case dict():
            for key, it in value.items():
                yield from numbers_of(it, key)
        case list():
            for it in value:
                yield from numbers_of(it, name)
        case bool():
            pass
        case int() | float():
            yield name, value


@pytest.mark.parametrize("shared", ["group-commit"], indirect=True)
def test_every_command_tells_wide_numbers_as_digits(shared: Any, wallet: Wallet) -> None:
    player = wallet.fund(Player(player_id=_DOUBLE_MAX + 1 + fresh_player_id()), str(10**30))
    bet, held = player.bet(str(10**29 + 1)), player.reserve(str(10**28 + 1))
    tx_id = wallet.applied(bet).tx_id
    wallet.applied(held)
    session = sessions_of(wallet).open(player, str(10**27 + 1))
    told = str(player.player_id)
    arguments = {
        "find": (bet.transaction_id,),
        "players show": (told,),
        "transactions show": (tx_id,),
        "withdrawals show": (held.withdrawal_id,),
        "sessions show": (session.token,),
        "report statement": (told, "--accounts"),
        "reconcile": ("--source", "games", "--from", "2020-01-01", "--to", "2999-01-01"),
        "transactions list": ("--player", told),
        "withdrawals list": ("--player", told),
        "sessions list": ("--player", told),
        "players list": ("--after", str(player.player_id - 1)),
        "outbox list": ("--limit", "10000"),
    }
    printed = {}
    for name in sorted(CHANGES_NOTHING & set(commands_with_json()) - set(_HAS_NO_ROWS) - {"certify"}):
        wants = ("--format", "json") if name == "reconcile" else ("--json",)
        done = shared.installation.run(*name.split(), *arguments.get(name, ()), *wants)
        assert done.returncode == 0, (name, done.stderr)
        printed[name] = done.stdout
        for key, number in numbers_of(json.loads(done.stdout)):
            assert not _WIDE.fullmatch(key), (name, key, number)
            assert abs(number) < _DOUBLE_MAX, (name, key, number)
    for name in ("players show", "players list", "transactions list", "withdrawals list", "sessions list"):
        assert f'"player_id": "{told}"' in printed[name], name


def test_what_was_done_is_told_as_it_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    wide = _DOUBLE_MAX + 1
    console.print_json({"player_id": wide, "rows": [{"outbox_id": wide, "fee_minor": -wide, "inbox_id": None}], "n": 5})
    assert json.loads(capsys.readouterr().out) == {
        "player_id": str(wide),
        "rows": [{"outbox_id": str(wide), "fee_minor": str(-wide), "inbox_id": None}],
        "n": 5,
    }


def commands_with_json() -> Iterator[str]:
    """Give the commands that print JSON if they are asked to."""
    for name in every_command(main):
        command: Any = main
        for part in name.split():
            command = command.get_command(click.Context(command), part)
        if any("--json" in option.opts or "json" in getattr(option.type, "choices", ()) for option in command.params):
            yield name
