"""Operators in a real browser, at the console of a wallet with a story."""

from dataclasses import dataclass

from playwright.async_api import Browser, Page, expect

from support.console import ConsoleServer
from support.database import Installation
from support.story import Story
from support.wallet import Wallet

_TIMEOUT_MS = 60_000
expect.set_options(timeout=_TIMEOUT_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A wallet, what happened in it, and its console."""

    installation: Installation
    wallet: Wallet
    console: ConsoleServer
    story: Story


async def enter(browser: Browser, console: ConsoleServer, name: str = "anna", role: str = "backoffice") -> Page:
    """Open a browser's window of its own, with somebody logged in."""
    context = await browser.new_context(base_url=f"http://{console.address}", viewport={"width": 1280, "height": 900})
    context.set_default_timeout(_TIMEOUT_MS)
    page = await context.new_page()
    await page.goto(console.link(name, role))
    return page
