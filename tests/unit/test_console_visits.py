"""What the console reads of a request: addresses, forms, and the settings that keep TEST and LIVE apart."""

from collections.abc import AsyncIterator
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from starlette.requests import Request

from wallet_console import links
from wallet_console.operators import Operator, OperatorRole
from wallet_console.problems import PageError
from wallet_console.settings import ConsoleSettings
from wallet_console.visits import Visit

CSRF = "c" * 32
PART = b"csrf=" + CSRF.encode() + b"&reason="


def a_visit(
    query: str = "", *, role: OperatorRole = OperatorRole.BACKOFFICE, body: AsyncIterator[bytes] | None = None
) -> Visit:
    async def receive() -> dict[str, Any]:
        assert body is not None
        part = await anext(body, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "server": ("console", 80),
        "path": "/finance",
        "query_string": query.encode(),
        "headers": [(b"content-length", b"5")],
        "session": {"csrf": CSRF},
    }
    nothing = cast("Any", None)
    settings = cast("Any", SimpleNamespace(console_receive_timeout_ms=60_000))
    operator = Operator(name="anna", role=role)
    return Visit(
        request=Request(scope, receive),
        settings=settings,
        backoffice=nothing,
        templates=nothing,
        samples=nothing,
        operator=operator,
    )


async def parts(*sent: bytes) -> AsyncIterator[bytes]:
    for part in sent:
        yield part


# -------------------------------------------------------------------------------------------------------- addresses


def test_the_next_page_keeps_every_filter() -> None:
    visit = a_visit("by=day&by=source&kinds=bet&kinds=win&game_code=&rows-after=old")
    assert visit.here(**{"rows-after": "new"}) == "/finance?by=day&by=source&kinds=bet&kinds=win&rows-after=new"
    assert visit.here(**{"rows-after": "", "csv": "rows"}) == "/finance?by=day&by=source&kinds=bet&kinds=win&csv=rows"
    assert visit.here(by="", kinds="", **{"rows-after": ""}) == "/finance"


@pytest.mark.parametrize(
    ("now", "period"),
    [
        (date(2026, 2, 28), "begin=2026-02-01&end=2026-03-01"),
        (date(2026, 12, 31), "begin=2026-12-01&end=2027-01-01"),
    ],
)
def test_a_statement_is_of_the_month(now: date, period: str) -> None:
    assert links.statement_of_month(42, now) == f"/players/42/statement?{period}"


# ------------------------------------------------------------------------------------------------------------ forms


async def test_a_form_is_read_whatever_length_it_tells() -> None:
    assert await a_visit(body=parts(PART, b"because")).form() == {"reason": "because"}


async def test_a_form_without_end_is_refused_at_its_bound() -> None:
    read = 0

    async def without_end() -> AsyncIterator[bytes]:
        nonlocal read
        yield PART
        while read < 10_000_000:
            read += 1_000
            yield b"x" * 1_000

    with pytest.raises(PageError, match="too large"):
        await a_visit(body=without_end()).form()
    assert read < 70_000


async def test_an_auditor_sends_no_form_but_to_log_out() -> None:
    with pytest.raises(PageError, match="Your role may not do this"):
        await a_visit(role=OperatorRole.AUDITOR).form()
    assert await a_visit(role=OperatorRole.AUDITOR, body=parts(PART)).form(is_for_all=True) == {"reason": ""}


# --------------------------------------------------------------------------------------------------------- settings


def settings(environment: str, **given: str) -> ConsoleSettings:
    known = {
        "environment": environment,
        "console_key": f"sk_{environment}_x",
        "console_session_secret": "s" * 32,
        "console_oidc_issuer": "https://login.example",
        "console_oidc_client_id": "x",
    }
    return ConsoleSettings.model_validate(known | given)


FAR = {"console_url": "https://wallet.example", "console_grpc_address": "wallet:50051", "console_grpc_ca_file": "ca"}


@pytest.mark.parametrize("given", [{}, FAR, {"console_auditor_key": "sk_live_y", "console_grpc_address": "[::1]:1"}])
def test_live_is_served_on_this_machine_or_by_tls(given: dict[str, str]) -> None:
    assert settings("live", **given).environment.value == "LIVE"


@pytest.mark.parametrize(
    ("environment", "given", "said"),
    [
        ("test", {"console_key": "sk_live_x"}, "WALLET_CONSOLE_KEY is no key of TEST"),
        ("live", {"console_key": "sk_test_x"}, "WALLET_CONSOLE_KEY is no key of LIVE"),
        ("test", {"console_auditor_key": "sk_live_x"}, "WALLET_CONSOLE_AUDITOR_KEY is no key of TEST"),
        ("live", {"console_auditor_key": "sk_test_x"}, "WALLET_CONSOLE_AUDITOR_KEY is no key of LIVE"),
        ("live", FAR | {"console_url": "http://wallet.example"}, "WALLET_CONSOLE_URL must be https:// on LIVE"),
        ("live", {"console_address": "0.0.0.0:8081"}, "WALLET_CONSOLE_URL must be https:// on LIVE"),
        ("live", {"console_grpc_address": "wallet:50051"}, "WALLET_CONSOLE_GRPC_CA_FILE is required on LIVE"),
    ],
)
def test_what_mixes_environments_or_can_be_overheard_does_not_start(
    environment: str, given: dict[str, str], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(environment, **given)
    assert said in str(refused.value)
    assert "sk_live_x" not in str(refused.value)


def test_a_session_is_of_one_environment() -> None:
    assert settings("test").session_key != settings("live").session_key
