"""What operators decide, in a real browser: a correction by two persons, a state, an event; and who may not."""

import re
import uuid

from playwright.async_api import Browser, Page, expect
from support.browsing import Stack, enter
from support.console import ConsoleServer
from support.proxy import Proxy
from support.requests import fresh_player_id
from support.story import park_event
from support.waiting import wait_until

from wallet_console import links


async def proposed(page: Page, player_id: int, amount: str = "12.5", reason: str = "a lost bet") -> str:
    """Propose a correction on a player's page, and give the proposal's address."""
    await page.goto(links.player(player_id))
    form = page.locator("form", has=page.get_by_role("heading", name="Propose a correction"))
    await form.get_by_label("Amount").fill(amount)
    await form.get_by_label("Why").fill(reason)
    await form.get_by_role("button", name="Propose").click()
    await expect(page.locator("h1")).to_contain_text("Proposed correction")
    return page.url


async def decide(page: Page, address: str, button: str, reason: str) -> None:
    await page.goto(address)
    await page.get_by_label("Why").fill(reason)
    await page.get_by_role("button", name=button).click()


async def test_one_proposes_and_another_approves(chromium: Browser, stack: Stack) -> None:
    player_id = stack.wallet.player("1000000").player_id
    anna, bert = await enter(chromium, stack.console, "anna"), await enter(chromium, stack.console, "bert")
    address = await proposed(anna, player_id)
    await expect(anna.locator("main")).to_contain_text("You proposed this: a second person has to decide it")
    assert await anna.get_by_role("button", name="Approve").count() == 0
    await bert.goto("/approvals")
    await bert.get_by_role("link", name="a lost bet").first.click()
    facts = bert.locator("main .facts")
    await expect(facts).to_contain_text(re.compile(r"MAIN before\s*1\.00"))
    await expect(facts).to_contain_text(re.compile(r"MAIN after\s*13\.50"))
    await decide(bert, address, "Approve", "seen in the game's log")
    await expect(bert.locator("h1")).to_contain_text("applied")
    await expect(facts).to_contain_text("by bert")
    await bert.locator("main .facts").get_by_role("link").last.click()
    await expect(bert.locator("h1")).to_contain_text("Adjustment")
    assert stack.installation.rows("SELECT count(*) FROM adjustment_decisions WHERE operator = 'bert'") == [(1,)]
    await bert.goto("/trail?actor=bert")
    await expect(bert.locator("main tbody tr").first).to_contain_text("approval")
    await expect(bert.locator("main tbody tr").first).to_contain_text("console")
    for page in (anna, bert):
        await page.context.close()


async def test_a_second_click_and_a_second_mind_change_nothing(chromium: Browser, stack: Stack) -> None:
    """Two windows hold the form; what is decided stands, and the later one is told so."""
    player = stack.wallet.player("1000000")
    anna, bert, carla = [await enter(chromium, stack.console, name) for name in ("anna", "bert", "carla")]
    address = await proposed(anna, player.player_id)
    await bert.goto(address)
    await carla.goto(address)
    await bert.get_by_label("Why").fill("yes")
    await bert.get_by_role("button", name="Approve").dblclick()
    await expect(bert.locator("h1")).to_contain_text("applied")
    await carla.get_by_label("Why").fill("no")
    await carla.get_by_role("button", name="Refuse").click()
    await expect(carla.locator("h1")).to_contain_text("approved before")
    await expect(carla.locator("main")).to_contain_text("PROPOSAL_DECIDED")
    assert stack.wallet.main(player) == "13500000"
    for page in (anna, bert, carla):
        await page.context.close()


async def test_a_proposal_is_refused(chromium: Browser, stack: Stack) -> None:
    player = stack.wallet.player("1000000")
    anna, bert = await enter(chromium, stack.console, "anna"), await enter(chromium, stack.console, "bert")
    address = await proposed(anna, player.player_id, amount="0.5")
    await decide(bert, address, "Refuse", "not in the log")
    await expect(bert.locator("h1")).to_contain_text("refused")
    await expect(bert.locator("main")).to_contain_text("not in the log")
    assert stack.wallet.main(player) == "1000000"
    for page in (anna, bert):
        await page.context.close()


async def test_an_amount_that_is_none_is_told_by_its_field(page: Page) -> None:
    await page.goto(links.player(fresh_player_id()))
    form = page.locator("form", has=page.get_by_role("heading", name="Propose a correction"))
    await form.get_by_label("Amount").fill("1,5")
    await form.get_by_label("Why").fill("a comma")
    await form.get_by_role("button", name="Propose").click()
    await expect(page.locator("h1")).to_have_text("This is no amount")
    await expect(page.locator("main")).to_contain_text("with at most 6 decimals")


async def test_a_player_is_blocked_and_opened_again(page: Page, stack: Stack) -> None:
    player = stack.wallet.player("1000000")
    for state in ("blocked", "active"):
        await page.goto(links.player(player.player_id))
        form = page.locator("form", has=page.get_by_role("heading", name="Change what the player may do"))
        await form.get_by_label("State").select_option(state)
        await form.get_by_label("Why").fill(f"asked to be {state}")
        await form.get_by_role("button", name="Change").click()
        await expect(page.locator("h1")).to_contain_text(state)
        await expect(page.locator("main")).to_contain_text(f"asked to be {state}")


async def test_every_state_that_is_offered_is_explained(page: Page) -> None:
    await page.goto(links.player(fresh_player_id()))
    form = page.locator("form", has=page.get_by_role("heading", name="Change what the player may do"))
    explained = await form.locator(".note").inner_text()
    offered = await form.get_by_label("State").locator("option").all_inner_texts()
    assert "excluded" in offered
    for state in set(offered) - {"active"}:
        assert f"{state.capitalize()}:" in explained
    assert "deposits go on" in explained


async def test_an_event_is_given_up_with_a_reason(page: Page, stack: Stack) -> None:
    event_id = park_event(stack.installation)
    await page.goto("/events")
    await page.fill("#q", event_id)
    await page.press("#q", "Enter")
    await expect(page.locator("main")).to_contain_text("A replay would")
    await page.get_by_label("Why").fill("a duplicate")
    await page.get_by_role("button", name="Discard").click()
    await expect(page.locator("h1")).to_have_text("Parked events")
    rows = stack.installation.rows("SELECT state FROM inbox_events WHERE event_id = %s", event_id)
    assert rows == [("DISCARDED",)]


def test_what_was_not_answered_is_sent_again_and_done_once(stack: Stack) -> None:
    player_id = fresh_player_id()
    _, key = stack.installation.create_key("console", ["backoffice"], "--speaks-for-logins")
    with Proxy(f"postgresql://{stack.wallet.target}") as way:
        settings = {"WALLET_CONSOLE_GRPC_ADDRESS": f"127.0.0.1:{way.port}", "WALLET_CONSOLE_KEY": key}
        with ConsoleServer(stack.installation.settings(), **settings) as console:
            anna = console.operator()
            action = f"/players/{player_id}/proposals"
            form = anna.get(links.player(player_id)).form(action)
            chosen = {"currency_network_id": "1", "direction": "credit", "amount": "1", "reason": "a lost bet"}
            way.refuse()
            unsure = anna.post(action, form | chosen)
            assert (unsure.status, unsure.title) == (504, "This may have been done")
            way.serve()
            again = unsure.form(action)
            wait_until(lambda: anna.post(action, again).status == 303, what="the wallet is reached again")
            first, second = anna.last, anna.post(action, again)
    assert first is not None
    assert (first.location, second.status) == (second.location, 303)
    proposed = "SELECT count(*) FROM adjustment_proposals WHERE player_id = %s"
    assert stack.installation.rows(proposed, player_id) == [(1,)]


def test_an_auditor_changes_nothing(stack: Stack) -> None:
    """Nor by a form that they made up."""
    otto = stack.console.operator("otto", "auditor")
    player = stack.wallet.player("1000000")
    csrf = otto.csrf()
    forms = {
        f"/players/{player.player_id}/proposals": {
            "form_id": str(uuid.uuid4()),
            "currency_network_id": "1",
            "direction": "credit",
            "amount": "1",
            "reason": "x",
        },
        f"/players/{player.player_id}/state": {"form_id": str(uuid.uuid4()), "state": "blocked", "reason": "x"},
        "/approval/decision": {"proposal_id": str(uuid.uuid4()), "decision": "approve", "reason": "x"},
        "/event/decision": {"event_ref": "inbox:1", "action": "discard", "reason": "x"},
    }
    for path, fields in forms.items():
        answer = otto.post(path, fields | {"csrf": csrf})
        assert (answer.status, answer.title) == (403, "Your role may not do this"), path
    assert stack.wallet.main(player) == "1000000"
