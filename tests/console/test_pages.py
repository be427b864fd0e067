"""Every page in a real browser: no barrier, no script of a caller, no error; with the keyboard, without JavaScript."""

import re
import shlex
import time

import click
import pytest
from playwright.async_api import Browser, Page, expect
from support.browsing import Stack, enter
from support.story import Story

from wallet_cli.__main__ import main
from wallet_console import links
from wallet_console.charts import HEIGHT, WIDTH

Addresses = dict[str, str]


def addresses(story: Story) -> Addresses:
    """Give every page of the console, with something on it."""
    return {
        "now": "/",
        "search": "/search",
        "nothing found": "/search?q=nothing-is-called-so",
        "players": "/players",
        "player": links.player(story.player),
        "blocked player": links.player(story.blocked),
        "player with sessions": links.player(story.in_session),
        "unknown player": links.player(987_654_321),
        "statement": f"/players/{story.player}/statement",
        "transactions": "/transactions",
        "filtered transactions": links.transactions(player=story.player, kinds="bet win", currency_network=1),
        "transaction": links.transaction(story.tx_id),
        "withdrawals": "/withdrawals?state=all",
        "sessions": "/sessions",
        "open session": links.session(story.open_session),
        "settled session": links.session(story.settled_session),
        "approvals": "/approvals?state=all",
        "events": "/events",
        "waiting events": "/events?state=waiting",
        "revenue": "/finance?by=day&by=source&by=game",
        "trial balance": "/finance/trial-balance",
        "liabilities": "/finance/liabilities",
        "proof": "/proof",
        "callers": "/callers?revoked=1",
        "ledgers": "/ledgers",
        "ledger": links.ledger(story.ledger_id),
        "wallet": links.wallet(story.wallet_key),
        "trail": "/trail",
        "wrong filter": "/transactions?begin=yesterday",
        "nowhere": "/nothing-is-here",
    }


PLAYED = (
    "Calls",
    "Calls refused",
    "Mutations",
    "Mutations refused",
    "Half of calls within",
    "99 of 100 calls within",
)
"""Charts on which bets are seen, whether they are refused or not."""

REFUSED = {"wrong filter": 400, "nowhere": 404}
"""What is answered otherwise than by 200; such a page is examined as well."""


def check_command(told: str) -> None:
    """See that a command that a page tells is one, and takes its options."""
    program, *words = shlex.split(told)
    assert program == "wallet"
    found: click.Command | None = main
    while isinstance(found, click.Group):
        found = found.get_command(click.Context(found), words.pop(0))
    assert found is not None, told
    found.make_context("wallet", words).close()


async def found_by(page: Page, text: str) -> str:
    """Give the address that a search leads to."""
    await page.goto(f"/search?q={text}")
    return page.url


IN_THE_DARK = ("now", "player", "blocked player", "transaction", "open session", "approvals", "event", "nowhere")
"""Pages that have every part there is: the colours are the same on all."""


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_has_a_barrier_or_runs_what_a_caller_stored(
    page: Page, stack: Stack, axe: str, theme: str
) -> None:
    await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type] # one of the two
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("console", lambda said: faults.append(f"{page.url}: {said.text}") if said.type == "error" else None)
    listed = addresses(stack.story)
    listed["round"] = await found_by(page, stack.story.round_id)
    listed["event"] = await found_by(page, stack.story.event_id)
    listed["adjustment"] = await found_by(page, stack.story.adjustment)
    listed["paid withdrawal"] = await found_by(page, stack.story.paid_withdrawal)
    listed["failed withdrawal"] = await found_by(page, stack.story.failed_withdrawal)
    wrong: dict[str, object] = {}
    for name in listed if theme == "light" else IN_THE_DARK:
        address = listed[name]
        answer = await page.goto(address)
        assert answer is not None
        if answer.status != REFUSED.get(name, 200):
            wrong[name] = (answer.status, await page.locator("h1").inner_text())
            continue
        await page.evaluate(axe)
        result = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        if result["violations"]:
            wrong[name] = [
                (item["id"], item["help"], [node["html"][:200] for node in item["nodes"]][:3])
                for item in result["violations"]
            ]
        assert await page.evaluate("window.wasHurt") is None, name
        for told in await page.locator(".command code").all_inner_texts():
            check_command(told)
        assert await page.locator("main b, main img").count() == 0, name
    assert wrong == {}
    assert [fault for fault in faults if not re.search(r"status of (400|404)", fault)] == []


async def test_the_last_hour_is_drawn_and_what_was_refused_is_told(page: Page, stack: Stack) -> None:
    """Waits until the console has looked twice at what the wallet counts: it does each second here."""
    player = stack.wallet.player("100")
    deadline = time.monotonic() + 60
    drawn: dict[str, str] = {}
    while not all(re.search(r"at most \d*\.?\d*[1-9]", drawn.get(title, "")) for title in PLAYED):
        assert time.monotonic() < deadline, drawn
        stack.wallet.applied(player.bet("1"))
        stack.wallet.refused(player.bet("1000"), "INSUFFICIENT_FUNDS")
        await page.goto("/")
        labels = [await svg.get_attribute("aria-label") or "" for svg in await page.locator(".charts svg").all()]
        drawn = {label.partition(":")[0]: label for label in labels}
    assert list(drawn) == [*PLAYED, "In the queue", "Outbox, oldest", "Posting lag"]
    for line in await page.locator(".charts svg polyline").all():
        points = [tuple(map(float, point.split(","))) for point in (await line.get_attribute("points") or "").split()]
        assert points
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points), points
    await page.goto("/callers")
    refused = page.locator("section", has=page.locator("#refusals-title")).locator("tbody tr")
    told = [row.split("\t")[1:] for row in await refused.all_inner_texts()]
    assert {("calls", "INSUFFICIENT_FUNDS"), ("mutations", "INSUFFICIENT_FUNDS")} <= {tuple(row[:2]) for row in told}


async def test_callers_tell_when_a_key_was_last_seen(page: Page, stack: Stack) -> None:
    """The story was told with some keys, a second ago at least; one that nobody has used was never seen."""
    unused, _ = stack.installation.create_key("nobody-calls", ["game"])
    shown: dict[str, list[str]] = {}
    deadline = time.monotonic() + 60
    while not any("<time" in seen for seen in shown.get("games", ())):
        assert time.monotonic() < deadline, shown
        await page.goto("/callers")
        table = page.locator("section", has=page.locator("#keys-title"))
        names = await table.locator("thead th").all_inner_texts()
        cells = table.locator("tbody tr")
        shown = {}
        for row in await cells.all():
            seen = row.locator("td").nth(names.index("Last seen"))
            shown.setdefault(await row.locator("td").first.inner_text(), []).append(await seen.inner_html())
    assert ["none" in seen for seen in shown["nobody-calls"]] == [True], unused


async def test_amounts_tell_their_minor_units_and_times_are_utc(page: Page, stack: Stack) -> None:
    await page.goto(links.player(stack.story.player))
    amount = page.locator("main data.amount").first
    assert re.fullmatch(r"\d+ minor units", await amount.get_attribute("title") or "")
    shown = page.locator("main time").first
    utc = await shown.inner_text()
    assert (await shown.get_attribute("datetime") or "").startswith(utc.replace(" ", "T"))


async def test_times_are_local_where_that_is_asked_for(chromium: Browser, stack: Stack) -> None:
    context = await chromium.new_context(base_url=f"http://{stack.console.address}", timezone_id="Asia/Tokyo")
    page = await context.new_page()
    await page.goto(stack.console.link())
    await page.goto(links.player(stack.story.player))
    shown = page.locator("main time").first
    utc = await shown.inner_text()
    await page.get_by_role("button", name="UTC").click()
    await expect(page.get_by_role("button", name="Asia/Tokyo")).to_be_visible()
    local = await shown.inner_text()
    assert (int(local[11:13]) - int(utc[11:13])) % 24 == 9
    await page.reload()
    assert await shown.inner_text() == local
    await context.close()


async def test_the_keyboard_goes_everywhere(page: Page, stack: Stack) -> None:
    await page.goto("/trail")
    await page.keyboard.press("/")
    await page.keyboard.type(str(stack.story.player))
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text(f"Player {stack.story.player}")
    await page.wait_for_load_state()
    await page.keyboard.press("g")
    await page.keyboard.press("w")
    await expect(page.locator("h1")).to_have_text("Withdrawals")
    await page.goto("/")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "To the page"


async def test_the_theme_is_kept(page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await page.goto("/players")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(ground)
    await page.get_by_role("button", name="Theme").click()
    dark = await page.evaluate(ground)
    assert dark != light
    await page.reload()
    assert await page.evaluate(ground) == dark


async def test_pages_are_whole_without_javascript(chromium: Browser, stack: Stack) -> None:
    context = await chromium.new_context(base_url=f"http://{stack.console.address}", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(stack.console.link())
    await page.fill("#q", stack.story.bet)
    await page.press("#q", "Enter")
    await expect(page.locator("h1")).to_contain_text("Bet")
    await page.locator(".chain a", has_text="win").click()
    await expect(page.locator("h1")).to_contain_text("Win")
    await context.close()


async def test_a_list_goes_on_and_comes_back_and_is_a_file(page: Page, stack: Stack) -> None:
    await page.goto("/callers")
    async with page.expect_download() as coming:
        await page.locator("section", has=page.locator("#keys-title")).get_by_role("link", name="CSV").click()
    file = await coming.value
    content = (await file.path()).read_text()
    assert file.suggested_filename == "keys.csv"
    assert content.splitlines()[0].startswith("Caller,Key,Roles")
    assert stack.installation.keys["auditor"] not in content


def test_each_table_that_has_rows_is_a_file_as_well(stack: Stack) -> None:
    """Those of a player and of their statement, which are short: no page of them is asked for."""
    anna, story = stack.console.operator(), stack.story
    for address, titles in (
        (links.player(story.in_session), {"open-sessions": "Opened", "today": "Currency network"}),
        (links.player(story.player), {"withdrawals-under-way": "Reserved", "timeline": "Kind"}),
        (f"/players/{story.player}/statement", {"accounts": "Currency network", "lines": "Moved"}),
    ):
        page = anna.get(address).text
        assert page.count("<table>") == page.count('class="csv"')
        for name in titles:
            file = anna.get(f"{address}?csv={name}")
            assert (file.status, file.headers["content-type"].partition(";")[0]) == (200, "text/csv"), name
            head, *rows = file.text.splitlines()
            assert titles[name] in head, (name, head)
            assert rows, name


async def test_an_auditor_is_offered_no_form(chromium: Browser, stack: Stack) -> None:
    page = await enter(chromium, stack.console, "otto", "auditor")
    await page.goto(links.player(stack.story.player))
    await expect(page.locator("h1")).to_contain_text("Player")
    assert await page.locator("main form[method=post]").count() == 0
    await page.context.close()
