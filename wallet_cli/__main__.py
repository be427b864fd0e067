"""The `wallet` command: puts the groups of its parts together. `python -m wallet_cli` is the same."""

from __future__ import annotations

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # before grpc is imported: a fork handler would stall workers

import click

from wallet_cli import callers, events, processes, proofs, setup


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wallet")
def main() -> None:
    """The wallet: the balance authority of a gaming platform.

    Settings come from the environment (WALLET_DATABASE_URL and others; see docs/settings.md).
    """


for command in (
    processes.serve,
    processes.consume_command,
    processes.relay_command,
    processes.api_command,
    processes.token_command,
    setup.migrate_command,
    setup.currencies,
    setup.ledgers,
    callers.keys,
    callers.rails,
    events.inbox,
    events.outbox,
    proofs.verify_command,
    proofs.reconcile_command,
    proofs.balances,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
