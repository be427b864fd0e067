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
    "console": "processes.console_command",
    "gateway": "processes.gateway_command",
    "certify": "certification.certify_command",
    "token": "processes.token_command",
    "migrate": "setup.migrate_command",
    "cells": "cells.cells",
    "freeze": "cells.freeze_command",
    "copy": "cells.copy_command",
    "currencies": "setup.currencies",
    "ledgers": "setup.ledgers",
    "keys": "callers.keys",
    "rails": "callers.rails",
    "inbox": "events.inbox",
    "outbox": "events.outbox",
    "find": "lookups.find_command",
    "players": "lookups.players",
    "transactions": "lookups.transactions",
    "withdrawals": "lookups.withdrawals",
    "sessions": "lookups.sessions",
    "actions": "trail.actions",
    "proposals": "trail.proposals",
    "report": "reports.report",
    "verify": "proofs.verify_command",
    "reconcile": "proofs.reconcile_command",
    "balances": "proofs.balances",
}
"""Where each command is; its file is imported when it is asked for, so that it starts without what others use."""


class Commands(click.Group):
    """The commands of all parts."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what is no text: no name in the database can be, and nothing is found by it."""
        try:
            "".join(args).encode()
        except UnicodeEncodeError:
            raise click.UsageError("an argument is not UTF-8") from None
        return super().parse_args(ctx, args)

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


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's way
    """Print which release this is, if that is asked."""
    if value:
        from wallet_grpc.build import this_build

        click.echo(f"wallet {this_build()}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Tell the release.",
)
def main() -> None:
    """The wallet: the balance authority of a gaming platform.

    Settings come from the environment (WALLET_DATABASE_URL and others; see docs/settings.md).
    """


if __name__ == "__main__":
    main()
