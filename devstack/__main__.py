"""`python -m devstack`: the bodies of `make run` and `make demo`."""

import sys

import click

from devstack import demo as story
from devstack.run import Stack
from devstack.stack_settings import StackError, StackSettings


@click.group()
def main() -> None:
    """Private servers for one machine."""


@main.command()
def run() -> None:
    """Start PostgreSQL, RabbitMQ and the wallet, with demo currencies and keys, and wait for Ctrl-C."""
    try:
        Stack(settings=StackSettings.from_environment()).run()
    except StackError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)


@main.command()
def demo() -> None:
    """Tell a short story of the wallet's calls, against a wallet that `make run` started."""
    try:
        story.tell(StackSettings.from_environment())
    except StackError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
