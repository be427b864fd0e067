"""The `wallet` command: where its commands are, and that what they print is what there is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wallet_cli import console
from wallet_cli.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
MARKED_UP = "[red]round[/red]"


@dataclass(frozen=True)
class Row:
    """What a command lists."""

    round_id: str


def test_every_command_is_where_the_list_says() -> None:
    context = click.Context(main)
    names = main.list_commands(context)
    assert {"serve", "migrate", "keys", "inbox", "verify"} <= set(names)
    for name in names:
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
    assert main.get_command(context, "no-such-command") is None


def test_a_command_starts_without_what_only_others_use() -> None:
    started = "import sys; from wallet_cli.__main__ import main; main(['keys', '--help'], standalone_mode=False);"
    asked = f"{started} print(sorted(sys.modules.keys() & {{'rich', 'structlog', 'grpc', 'wallet_cli.proofs'}}))"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        *(
            (f"{name} --from 2026-02-01 --to 2026-01-31T23:59:59Z", "--to: is before --from")
            for name in (
                "report revenue",
                "report statement 1",
                "transactions list",
                "actions list",
                "proposals list",
                "reconcile --source games",
            )
        ),
        ("report trial-balance --at 0001-01-01T00:00+14:00", "--at: '0001-01-01T00:00+14:00' is no time"),
        ("transactions list --to 9999-12-31T23:59-14:00", "--to: '9999-12-31T23:59-14:00' is no time"),
        ("transactions list --currency-network 2147483648", "'--currency-network': 2147483648 is not in the range"),
        ("rails set --source games --currency-network 2147483648", "2147483648 is not in the range"),
        ("sessions list --older-than 36501d", "'36501d' is more than 36,500 days"),
        ("withdrawals list --older-than 9999999d", "'9999999d' is more than 36,500 days"),
        ("find \udcff", "an argument is not UTF-8"),
        ("transactions list --game \udcff", "an argument is not UTF-8"),
        ("reconcile --source a\tb --from 2026-01-01 --to 2026-02-01", "--source: must be"),
    ],
)
def test_what_cannot_be_asked_of_the_database_is_told_before(asked: str, told: str) -> None:
    """No database is here: what is wrong is seen before one is looked for."""
    refused = CliRunner().invoke(main, asked.split(" "), env={"WALLET_DATABASE_URL": "host=/nowhere"})
    assert refused.exit_code == 2, refused.output
    assert told in " ".join(refused.output.split())


@pytest.mark.parametrize(
    ("file_format", "printed"), [("csv", f"round_id\n{MARKED_UP}\n"), ("table", f"round_id\n{MARKED_UP}\n")]
)
def test_brackets_are_text_in_what_is_streamed(
    capsys: pytest.CaptureFixture[str], file_format: str, printed: str
) -> None:
    assert console.print_stream(iter([("round_id",), (MARKED_UP,)]), file_format=file_format) == 1
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    "show",
    [
        lambda: console.print_rows([Row(round_id=MARKED_UP)], as_json=False, empty=""),
        lambda: console.print_rows([], as_json=False, empty=MARKED_UP),
        lambda: console.print_record(Row(round_id=MARKED_UP), as_json=False),
    ],
    ids=["rows", "nothing", "a record"],
)
def test_brackets_are_text_in_a_table(capsys: pytest.CaptureFixture[str], show: Callable[[], None]) -> None:
    show()
    assert MARKED_UP in capsys.readouterr().out
