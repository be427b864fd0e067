"""Operators' commands find the stack that `make run` has running, and believe only a file of their own user."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wallet_cli.__main__ import main
from wallet_cli.options import failed, read_settings

DEAD = "postgresql://nobody:secret@127.0.0.1:9/wallet"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a space in its name, and no setting in the environment."""
    for name in [name for name in os.environ if name.startswith("WALLET_")]:
        monkeypatch.delenv(name)
    found = tmp_path / "data folder"
    found.mkdir()
    monkeypatch.setenv("WALLET_DATA_DIR", str(found))
    return found


def tell_of_a_stack(folder: Path, *, mode: int = 0o600) -> None:
    content = {
        "database_url": DEAD,
        "service_database_url": DEAD,
        "environment": "test",
        "cookie_secret": "x" * 48,
    }
    (folder / "dev.json").write_text(json.dumps(content))
    (folder / "dev.json").chmod(mode)


def keys_list() -> Result:
    return CliRunner().invoke(main, ["keys", "list"])


def test_the_database_of_dev_json_is_used_and_said(folder: Path) -> None:
    tell_of_a_stack(folder)
    done = keys_list()
    assert done.exit_code == 1
    assert f"using the test wallet that {folder}/dev.json tells of" in done.stderr
    assert "is `make run` still running?" in done.stderr, "one that was killed left its dev.json behind"
    assert "secret" not in done.output


@pytest.mark.parametrize(
    "command",
    [
        ["migrate", "--dry-run"],
        ["verify"],
        ["balances", "rebuild"],
        ["reconcile", "--source", "game", "--from", "2026-01-01", "--to", "2026-01-02"],
    ],
)
def test_commands_that_work_on_the_whole_database_find_it_too(folder: Path, command: list[str]) -> None:
    tell_of_a_stack(folder)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert f"using the test wallet that {folder}/dev.json tells of" in done.stderr
    assert "is `make run` still running?" in done.stderr


def test_without_settings_and_without_a_stack_both_ways_are_told(folder: Path) -> None:
    done = keys_list()
    assert done.exit_code == 1
    assert "WALLET_DATABASE_URL" in done.stderr
    assert f"no `make run` is running: there is no {folder}/dev.json" in done.stderr


@pytest.mark.parametrize("variable", ["WALLET_DATABASE_URL", "WALLET_ADMIN_DATABASE_URL"])
def test_a_setting_of_the_environment_keeps_the_stack_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    tell_of_a_stack(folder)
    monkeypatch.setenv(variable, DEAD)
    assert "dev.json" not in keys_list().output


@pytest.mark.parametrize("mode", [0o640, 0o602, 0o666])
def test_a_file_that_others_may_read_or_write_is_not_believed(folder: Path, mode: int) -> None:
    tell_of_a_stack(folder, mode=mode)
    done = keys_list()
    assert done.exit_code == 1
    assert "not believed" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_not_believed(folder: Path) -> None:
    tell_of_a_stack(folder)
    os.chown(folder / "dev.json", 12_345, 12_345)
    done = keys_list()
    assert done.exit_code == 1
    assert "belongs to another user" in done.stderr


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_a_damaged_file_is_told_in_a_line(folder: Path, content: str) -> None:
    tell_of_a_stack(folder)
    (folder / "dev.json").write_text(content)
    done = keys_list()
    assert done.exit_code == 1
    assert "start `make run` again" in done.stderr
    assert "Traceback" not in done.output


def test_another_environment_than_the_one_asked_for_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell_of_a_stack(folder)
    monkeypatch.setenv("WALLET_ENVIRONMENT", "live")
    assert "WALLET_ENVIRONMENT is live" in keys_list().stderr


def test_servers_do_not_serve_a_development_database_unasked(folder: Path) -> None:
    tell_of_a_stack(folder)
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 1
    assert "WALLET_DATABASE_URL" in done.stderr
    assert "dev.json" not in done.stderr


def test_token_reads_the_same_file(folder: Path) -> None:
    tell_of_a_stack(folder)
    assert CliRunner().invoke(main, ["token", "--player", "42"]).stdout.startswith("wallet_session=")


def test_a_database_that_does_not_answer_in_time_is_told(folder: Path) -> None:
    tell_of_a_stack(folder)
    told = failed(TimeoutError(), read_settings(), "could not reconcile").message
    assert told.startswith("could not reconcile: the database did not answer in time\n")
    assert "is `make run` still running?" in told
