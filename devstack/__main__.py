"""`python -m devstack`: the bodies of `make run` and `make demo`."""

import sys
from typing import NoReturn

import click
from rich.console import Console

from devstack.demo import one_call, telling
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
        _fail(error)


@main.command()
def demo() -> None:
    """Tell a short story of the wallet's calls, against a wallet that `make run` started."""
    try:
        telling.tell(StackSettings.from_environment())
    except StackError as error:
        _fail(error)


@main.command()
@click.argument("name")
@click.argument("request_json", default="{}")
@click.option("--as", "caller", default="game", show_default=True, help="Whose key of dev.json.")
def call(name: str, request_json: str, caller: str) -> None:
    """Make a unary call of WalletService to the running wallet, such as GetBalance '{"player_id": 42}'."""
    try:
        click.echo(one_call.call(StackSettings.from_environment(), name=name, request_json=request_json, caller=caller))
    except StackError as error:
        _fail(error)


def _fail(error: StackError) -> NoReturn:
    Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
