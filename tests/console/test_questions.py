"""Questions that support is asked, each answered in a real browser in at most three clicks from the search box."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Page, expect
from support.browsing import Stack
from support.sessions import sessions_of
from support.story import Story

CLICKS_MAX = 3


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, what one has of it, which links one takes, and what the page then says."""

    asked: str
    given: Callable[[Story], str]
    answered: tuple[str, ...]
    clicks: tuple[str, ...] = field(default=())


QUESTIONS = (
    Question("Where are my 50 USDT?", lambda it: it.deposit_hash, ("Deposit", "50.00", "USDT on TRON")),
    Question("Did my deposit arrive?", lambda it: it.deposit_id, ("Deposit", "applied", "50.00")),
    Question(
        "Where is my withdrawal?",
        lambda it: it.waiting_withdrawal,
        ("Withdrawals under way", "reserved", "3.00"),
        ("player",),
    ),
    Question(
        "Was my withdrawal paid?",
        lambda it: it.paid_withdrawal,
        ("Withdrawal settlement", "Fee", "0.50"),
        ("chain:withdrawal settlement",),
    ),
    Question("Why did it fail?", lambda it: it.failed_withdrawal, ("the bank said no",), ("chain:withdrawal failure",)),
    Question("I won; was I paid?", lambda it: it.bet, ("win", "25.00"), ("chain:win",)),
    Question("Was my bet given back?", lambda it: it.undone_bet, ("rolled back", "rollback", "3.00")),
    Question("What happened in this round?", lambda it: it.round_id, ("Round", "Net for the player", "+15.00")),
    Question("Who closed the round?", lambda it: it.round_id, ("closed the round",)),
    Question("What did that spin pay?", lambda it: it.spin, ("Paid out", "1.00")),
    Question("Why is my balance so low?", lambda it: str(it.in_session), ("locked in game sessions", "30.00")),
    Question("My game hangs: what is in it?", lambda it: it.open_session, ("open", "25.00", "Takes bets until")),
    Question("What did the game pay out?", lambda it: it.settled_session, ("settled", "Payout", "65.00", "+25.00")),
    Question("Why can I not play?", lambda it: str(it.blocked), ("blocked", "asked by phone")),
    Question(
        "Who corrected my balance?",
        lambda it: it.adjustment,
        ("Actor, as the caller tells", "ana", "a goodwill credit"),
    ),
    Question("What did I have before?", lambda it: str(it.player), ("Opening", "Closing", "Lines"), ("Statement",)),
    Question("Which game sent this?", lambda it: it.tx_id, ("Caller's id", "games")),
    Question("Were subscribers told?", lambda it: it.bet, ("Events", "wallet.bet")),
    Question("Why was it not credited?", lambda it: it.event_id, ("INVALID_FIELD", "A replay would")),
    Question("What holds the wallet's money?", lambda it: it.wallet_key, ("Held", "40.00", "Holds")),
    Question("Whose wallets are these?", lambda it: it.ledger_id, ("Credit wallets", "purse"), ("hit:ledger",)),
    Question("What did they play today?", lambda it: str(it.player), ("Today", "bet and win")),
)


@pytest.mark.parametrize("question", QUESTIONS, ids=[question.asked for question in QUESTIONS])
async def test_it_is_answered_within_three_clicks(page: Page, stack: Stack, question: Question) -> None:
    await page.goto("/")
    await page.fill("#q", question.given(stack.story))
    await page.press("#q", "Enter")
    assert len(question.clicks) <= CLICKS_MAX
    for click in question.clicks:
        await follow(page, click)
    for text in question.answered:
        await expect(page.locator("main")).to_contain_text(text)


async def follow(page: Page, click: str) -> None:
    """Click on a link: by its words, the player of a fact, a hit of a kind, or a box of the chain's drawing."""
    if click.startswith("hit:"):
        row = page.locator("main tbody tr", has=page.locator("td:first-child", has_text=click.removeprefix("hit:")))
        await row.first.get_by_role("link").first.click()
    elif click.startswith("chain:"):
        await page.locator(".chain a", has_text=click.removeprefix("chain:")).first.click()
    elif click == "player":
        await page.locator("main .facts a[href^='/players/']").first.click()
    elif click:
        await page.locator("main").get_by_role("link", name=click).first.click()


LATER = """
    INSERT INTO sessions (
        session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s, opened_at,
        expires_at, state
    )
    SELECT
        ('ffffffff-ffff-7fff-8fff-' || lpad(to_hex(place), 12, '0'))::UUID, owner_id, source, currency_network_id,
        game_code, lock_amount_minor, rail, ttl_asked_s, opened_at, expires_at, state
    FROM sessions, generate_series(1, 10001) AS places (place)
    WHERE owner_id = %(player_id)s
"""


def test_a_session_is_shown_however_many_came_after_it(stack: Stack) -> None:
    player = stack.wallet.player("1000")
    token = sessions_of(stack.wallet).open(player).token
    with stack.installation.connect(autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        try:
            connection.execute(LATER, {"player_id": player.player_id})
            answer = stack.console.operator().get(f"/session?token={token}")
        finally:
            connection.execute("DELETE FROM sessions WHERE session_id >= 'ffffffff-ffff-7fff-8fff-000000000000'")
    assert (answer.status, "Takes bets until" in answer.text, ">opening<" in answer.text) == (200, True, True)
