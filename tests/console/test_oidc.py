"""Logging in by OpenID Connect, at a provider that speaks the protocol: whom it names, and what is not believed."""

import os
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.console import Browser, ConsoleServer, PageAnswer, path_of
from support.oidc import CLIENT_ID, CLIENT_SECRET, Provider, running_provider

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")}
ANNA = {"email": "Anna@Example.com", "email_verified": True, "roles": ["staff", "wallet-backoffice"]}


@pytest.fixture(scope="module")
def at_provider() -> Iterator[tuple[ConsoleServer, Provider]]:
    with running_provider() as provider:
        settings = {
            "WALLET_ENVIRONMENT": "live",
            "WALLET_CONSOLE_LINK_SECRET": "",
            "WALLET_CONSOLE_KEY": "sk_live_of_nobody",
            "WALLET_CONSOLE_AUDITOR_KEY": "sk_live_of_nobody_either",
            "WALLET_CONSOLE_OIDC_ISSUER": provider.issuer,
            "WALLET_CONSOLE_OIDC_CLIENT_ID": CLIENT_ID,
            "WALLET_CONSOLE_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        }
        with ConsoleServer(ENVIRONMENT, **settings) as console:
            yield console, provider


@pytest.fixture
def console(at_provider: tuple[ConsoleServer, Provider]) -> ConsoleServer:
    return at_provider[0]


@pytest.fixture
def provider(at_provider: tuple[ConsoleServer, Provider]) -> Iterator[Provider]:
    provider = at_provider[1]
    provider.claims, provider.changes, key = dict(ANNA), {}, provider.signing_key
    yield provider
    provider.signing_key = key


def log_in(console: ConsoleServer, asked: str = "/") -> tuple[Browser, PageAnswer]:
    """Go to the provider and come back."""
    browser = console.browser()
    sent = browser.get(f"/login/provider?next={asked}")
    assert sent.status == 302, sent
    back = Browser(sent.location.removeprefix("http://").partition("/")[0]).get(path_of(sent.location))
    return browser, browser.get(path_of(back.location))


@pytest.mark.usefixtures("provider")
def test_who_is_named_comes_in_and_goes_on_to_what_they_asked_for(console: ConsoleServer) -> None:
    browser, answer = log_in(console, "/players/42")
    assert (answer.status, answer.location) == (303, "/players/42")
    page = browser.get("/nothing-is-here").text
    assert "anna@example.com" in page
    assert ">backoffice<" in page
    assert ">LIVE<" in page


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"roles": ["wallet-auditor"]}, "auditor"),
        ({"roles": ["wallet-auditor", "wallet-backoffice"]}, "backoffice"),
        ({"roles": "wallet-backoffice"}, "backoffice"),
    ],
)
def test_roles_come_from_the_claim(
    console: ConsoleServer, provider: Provider, claims: dict[str, object], role: str
) -> None:
    provider.claims |= claims
    browser, _ = log_in(console)
    assert f">{role}<" in browser.get("/nothing-is-here").text


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": []},
        {"roles": ["wallet-backoffice-not"]},
        {"roles": [["wallet-backoffice"], 7]},
        {"roles": {"wallet-backoffice": 1}},
        {"roles": None},
        {"email": None},
        {"email": "anna bert"},
        {"email": "x" * 129},
        {"email": ["anna"]},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email_verified": "true"},
    ],
)
def test_who_is_no_operator_does_not_come_in(
    console: ConsoleServer, provider: Provider, claims: dict[str, object]
) -> None:
    provider.claims |= claims
    browser, answer = log_in(console)
    assert answer.status == 403, answer
    assert answer.title in {
        "You are no operator of this wallet",
        "Your login has no name that the trail could keep",
        "Your provider does not say that your email is proven",
    }
    assert browser.get("/").location == "/login"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "somebody-else"},
        {"iss": "https://evil.example"},
        {"nonce": "another"},
        {"exp": int(time.time()) - 3_600},
    ],
    ids=["audience", "issuer", "nonce", "expired"],
)
def test_a_token_for_something_else_lets_nobody_in(
    console: ConsoleServer, provider: Provider, changes: dict[str, object]
) -> None:
    provider.changes = changes
    browser, answer = log_in(console)
    assert answer.status in {403, 502}, answer
    assert browser.get("/").location == "/login"


def test_a_token_that_another_key_signed_lets_nobody_in(console: ConsoleServer, provider: Provider) -> None:
    provider.signing_key = ec.generate_private_key(ec.SECP256R1())
    browser, answer = log_in(console)
    assert answer.status in {403, 502}, answer
    assert browser.get("/").location == "/login"


@pytest.mark.usefixtures("provider")
def test_an_address_that_begins_a_login_ends_no_session(console: ConsoleServer) -> None:
    """Any page can send a browser there."""
    browser, _ = log_in(console)
    assert browser.get("/login/provider").status == 302
    assert "anna@example.com" in browser.get("/nothing-is-here").text


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(console: ConsoleServer, provider: Provider) -> None:
    """Somebody else's code, sent to who did not begin a login: nothing is exchanged."""
    sent = console.browser().get("/login/provider")
    back = Browser(sent.location.removeprefix("http://").partition("/")[0]).get(path_of(sent.location))
    before = provider.exchanged
    other = console.browser()
    answer = other.get(path_of(back.location))
    assert (answer.status, answer.title) == (403, "The login did not come to its end")
    assert provider.exchanged == before
    assert other.get("/").location == "/login"


def test_without_a_link_secret_no_link_is_taken(console: ConsoleServer) -> None:
    assert console.browser().get(console.link()).status == 403


def test_a_provider_that_is_away_is_told_of() -> None:
    settings = {
        "WALLET_CONSOLE_LINK_SECRET": "",
        "WALLET_CONSOLE_OIDC_ISSUER": "http://127.0.0.1:1",
        "WALLET_CONSOLE_OIDC_CLIENT_ID": CLIENT_ID,
    }
    with ConsoleServer(ENVIRONMENT, **settings) as console:
        answer = console.browser().get("/login/provider")
        assert (answer.status, answer.title) == (502, "The login provider does not answer as it should")
