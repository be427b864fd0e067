"""The `wallet` command: finds the commands of its parts. `python -m wallet_cli` is the same."""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # before grpc is imported: a fork handler would stall workers

from importlib import import_module
from typing import Any

import click

_COMMANDS = {
    "serve": "processes.serve",
    "consume": "processes.consume_command",
    "relay": "processes.relay_command",
    "api": "processes.api_command",
    "token": "processes.token_command",
    "migrate": "setup.migrate_command",
    "currencies": "setup.currencies",
    "ledgers": "setup.ledgers",
    "keys": "callers.keys",
    "rails": "callers.rails",
    "inbox": "events.inbox",
    "outbox": "events.outbox",
    "verify": "proofs.verify_command",
    "reconcile": "proofs.reconcile_command",
    "balances": "proofs.balances",
}
"""Where each command is; its file is imported when it is asked for, so that it starts without what others use."""


class Commands(click.Group):
    """The commands of all parts."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, if there is one of this name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        part, name = _COMMANDS[cmd_name].split(".")
        command: Any = getattr(import_module(f"wallet_cli.{part}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wallet")
def main() -> None:
    """The wallet: the balance authority of a gaming platform.

    Settings come from the environment (WALLET_DATABASE_URL and others; see docs/settings.md).
    """


if __name__ == "__main__":
    main()
