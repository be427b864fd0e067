"""The pictures of docs/console.md, taken of a story without scripts; WALLET_TEST_PICTURES=write keeps them there."""

import os
import time
from pathlib import Path

from playwright.async_api import Browser, Page
from support.browsing import Stack, enter
from support.copies import ROOT
from support.story import tell

from wallet_console import links

FOLDER = ROOT / "docs" / "pictures"
BYTES_MAX = 150_000
SAMPLES = 5
"""What the charts of the picture have at least: the console looks at the wallet each second here."""
SIZE = {"width": 1120, "height": 760}


async def until_charts_have_lines(page: Page, stack: Stack) -> None:
    """Play while the console looks."""
    deadline = time.monotonic() + 60
    points: list[str] = []
    while len(points) < SAMPLES:
        assert time.monotonic() < deadline, points
        stack.wallet.applied(stack.wallet.player("100").bet("10"))
        await page.goto("/")
        drawn = [await line.get_attribute("points") or "" for line in await page.locator(".charts polyline").all()]
        points = drawn[0].split() if drawn else []


async def test_each_picture_of_the_page_can_be_taken(chromium: Browser, stack: Stack, tmp_path: Path) -> None:
    story = tell(stack.wallet, stack.installation, text="", tag="")
    page = await enter(chromium, stack.console)
    await page.set_viewport_size(SIZE)  # type: ignore[arg-type] # a TypedDict
    await until_charts_have_lines(page, stack)
    taken = {
        "console-now": ("/", "light"),
        "console-player": (links.player(story.player), "light"),
        "console-transaction": (links.transaction(story.tx_id), "dark"),
    }
    folder = FOLDER if os.environ.get("WALLET_TEST_PICTURES") == "write" else tmp_path
    folder.mkdir(exist_ok=True)
    for name, (address, theme) in taken.items():
        await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type] # one of the two
        answer = await page.goto(address)
        assert answer is not None
        assert answer.ok, address
        await page.screenshot(path=folder / f"{name}.png")
        assert 10_000 < (folder / f"{name}.png").stat().st_size < BYTES_MAX, name
    shown = set((ROOT / "docs" / "console.md").read_text().split("pictures/")[1:])
    assert {part.partition(".png")[0] for part in shown} == set(taken)
    assert {file.stem for file in FOLDER.glob("console-*.png")} == set(taken)
    await page.context.close()
