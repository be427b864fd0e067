"""The body of `make demo`: a short story of the calls, told against a running `make run`, then `wallet verify`."""

import asyncio
import subprocess
import sys

from devstack.demo import crash
from devstack.demo.events import EventsStory
from devstack.demo.page import Page
from devstack.demo.running_wallet import DemoWallet, RunningStack
from devstack.demo.story import DECIMALS, USDT_TRON, Story, SurpriseError
from devstack.stack_settings import StackError, StackSettings

_DEPOSIT_MINOR = 25 * 10**DECIMALS


def tell(settings: StackSettings) -> None:
    """Tell the story, and verify the ledger after it.

    Raises:
        StackError: No wallet runs, or something came out otherwise than the story says.
    """
    stack = RunningStack.find(settings)
    with DemoWallet(stack) as wallet:
        network = wallet.currency_network(USDT_TRON)
        if (network.currency, network.decimals) != ("USDT", DECIMALS):
            raise StackError(f"Currency network {USDT_TRON} is {network.currency}, not the demo's USDT.")
        page = Page(currency=network.currency, decimals=network.decimals)
        page.text(f"[bold]A short story of the wallet's calls[/], told at {stack.grpc_address}")
        try:
            story = Story(wallet=wallet, page=page)
            story.tell()
        except SurpriseError as error:
            raise StackError(f"This is not how the story goes: {error}") from error
        if stack.amqp_url is None:
            page.text("There is no RabbitMQ, so the chapters about events are left out: they wait in the outbox.")
        else:
            events = EventsStory(wallet=wallet, page=page, stack=stack, player_id=story.player_id, network_id=USDT_TRON)
            events.tell(deposit_minor=_DEPOSIT_MINOR)
    page.chapter(
        "A crash game",
        "A game's backend plays a round through the Python client (`wallet_client`): each player locks a stake in a "
        "session, bets, and those who leave before the crash share the pot.",
    )
    page.console.print()
    asyncio.run(crash.play(stack, page.console))
    page.chapter("The proof", "`wallet verify` reads the whole ledger, everything before this demo included.")
    page.console.print()
    _verify(stack)
    page.console.print()
    page.text("[bold green]Everything came out as told.[/]")


def _verify(stack: RunningStack) -> None:
    sys.stdout.flush()
    done = subprocess.run([sys.executable, "-m", "wallet_cli", "verify"], env=stack.command.environment(), check=False)
    if done.returncode != 0:
        raise StackError(f"`wallet verify` ended with status {done.returncode}.")
