"""A wallet with a story, the console on it, and a real Chromium: one of each a run, begun when a test asks for it."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright
from support.browsing import Stack, enter
from support.console import ConsoleServer
from support.copies import ROOT
from support.database import Installation, own_installation
from support.server import WalletServer
from support.story import tell

from devstack.servers.ports import free_port

AXE = Path("tools/axe/node_modules/axe-core/axe.min.js")


@pytest.fixture(scope="session")
def stack(template: Installation) -> Iterator[Stack]:
    with own_installation(template) as installation:
        metrics = f"127.0.0.1:{free_port()}"
        with WalletServer(installation, WALLET_METRICS_ADDRESS=metrics, WALLET_KEY_USES_INTERVAL_MS="1000") as server:
            wallet = server.wallet()
            story = tell(wallet, installation)
            installation.command("verify")
            _, key = installation.create_key("console", ["backoffice"], "--speaks-for-logins")
            console = ConsoleServer(
                installation.settings(),
                WALLET_CONSOLE_GRPC_ADDRESS=server.target,
                WALLET_CONSOLE_KEY=key,
                WALLET_CONSOLE_AUDITOR_KEY=installation.keys["auditor"],
                WALLET_CONSOLE_METRICS_URLS=f"http://{metrics}/metrics",
                WALLET_CONSOLE_METRICS_INTERVAL_MS="1000",
            )
            with console:
                yield Stack(installation=installation, wallet=wallet, console=console, story=story)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no browser: as root, apt-get install -y --no-install-recommends chromium")
    async with async_playwright() as playwright:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(
            executable_path=program, args=[*as_root, "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def page(chromium: Browser, stack: Stack) -> AsyncIterator[Page]:
    """Anna, who is logged in."""
    page = await enter(chromium, stack.console)
    yield page
    await page.context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    if not (ROOT / AXE).exists():
        if shutil.which("npm") is None:
            pytest.skip("axe-core comes from npm, which is not here: install nodejs and npm")
        subprocess.run(["make", "-s", str(AXE)], cwd=ROOT, check=True, timeout=120)
    return (ROOT / AXE).read_text()
