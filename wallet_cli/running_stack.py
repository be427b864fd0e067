"""The stack that `make run` has running: what an operator's command uses where no environment variable says otherwise.

Its addresses and secrets are in dev.json of WALLET_DATA_DIR (default `.wallet`), there while the stack runs. Only a
file that belongs to who asks, and that nobody else may read or write, is believed: it names a database to write to.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import click

from wallet_grpc.secret_files import file_of

_CONFIGURED_BY = ("WALLET_DATABASE_URL", "WALLET_ADMIN_DATABASE_URL")


def path_of_stack() -> Path:
    """Give where a running stack tells of itself."""
    return Path(os.environ.get("WALLET_DATA_DIR") or ".wallet") / "dev.json"


def is_asked_for() -> bool:
    """Whether no environment variable names a database."""
    return not any(os.environ.get(name) or file_of(name) for name in _CONFIGURED_BY)


def read_stack() -> Mapping[str, str] | None:
    """Read what a running stack tells of itself, or give None where none runs.

    Raises:
        click.ClickException: There is a file that cannot be read, or not be trusted.
    """
    path = path_of_stack()
    try:
        with path.open(encoding="utf-8") as file:
            _check_ownership(path, os.fstat(file.fileno()))
            content = json.load(file)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise click.ClickException(
            f"{path} may not be read: run the command as the user who runs `make run`, or set WALLET_DATABASE_URL"
        ) from None
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{path} cannot be read: {error}; start `make run` again") from None
    if not isinstance(content, dict):
        raise click.ClickException(f"{path} holds no addresses; start `make run` again")
    return content


def settings_of_stack() -> dict[str, str]:
    """Give the settings of a running stack, saying so on standard error; none where no stack runs.

    Raises:
        click.ClickException: The file cannot be used, or the environment is said to be another one.
    """
    stack = read_stack()
    if stack is None:
        return {}
    try:
        settings = {
            "database_url": stack["service_database_url"],
            "admin_database_url": stack["database_url"],
            "environment": stack["environment"],
        }
    except KeyError as error:
        raise click.ClickException(f"{path_of_stack()} lacks {error}; start `make run` again") from None
    asked, environment = os.environ.get("WALLET_ENVIRONMENT"), settings["environment"]
    if asked and asked.lower() != environment.lower():
        raise click.ClickException(
            f"WALLET_ENVIRONMENT is {asked}, but the wallet that {path_of_stack()} tells of is {environment}"
        )
    click.echo(f"using the {environment} wallet that {path_of_stack()} tells of", err=True)
    return settings


def _check_ownership(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise click.ClickException(
            f"{path} belongs to another user: run the command as that one, or set WALLET_DATABASE_URL"
        )
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise click.ClickException(f"others may read or write {path}, so it is not believed: chmod 600 {path}")
