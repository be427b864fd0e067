"""The composition root: the pages, and what each request passes on its way to one.

From outside in: how many are made at once; the host that the browser names; the session; who is logged in. Whatever a
handler raises becomes a page here; a fault of ours is logged under an id and answered without a word about it. Probes
pass none of it: they name a pod by its address, and a console that is full is alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from wallet_client import WalletError

from .backoffice import Backoffice
from .entrance import Entrance
from .operators import COOKIE, operator_of
from .pages import PAGES
from .problems import NotLoggedInError, PageError, page_error
from .rendering import environment
from .samples import Samples
from .settings import ConsoleSettings
from .visits import AnsweredError, Visit

Handler = Callable[[Visit], Awaitable[Response]]

_log = structlog.get_logger(__name__)


def create_app(settings: ConsoleSettings, backoffice: Backoffice, samples: Samples) -> ASGIApp:
    """Put the console together; the wallet is hung up on with it."""
    templates = environment()
    entrance = Entrance(settings)

    def visit_of(request: Request) -> Visit:
        return Visit(
            request=request,
            settings=settings,
            backoffice=backoffice,
            templates=templates,
            samples=samples,
            operator=operator_of(request, session_s=settings.console_session_s),
        )

    def open_to_all(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await _answered(handler, visit_of(request))

        return answer

    def for_operators(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def checked(visit: Visit) -> Response:
            if visit.operator is None:
                raise NotLoggedInError
            return await handler(visit)

        return open_to_all(checked)

    routes = [
        Route("/login", open_to_all(entrance.login), methods=["GET"]),
        Route("/login/provider", open_to_all(entrance.to_provider), methods=["GET"]),
        Route("/login/back", open_to_all(entrance.from_provider), methods=["GET"]),
        Route("/login/link", open_to_all(entrance.by_link), methods=["GET"]),
        Route("/logout", for_operators(entrance.logout), methods=["POST"]),
        *(Route(page.path, for_operators(page.handler), methods=[page.method]) for page in PAGES),
        Mount("/static", StaticFiles(packages=[("wallet_console", "static")])),
    ]

    async def not_found(request: Request, error: Exception) -> Response:
        status = HTTPStatus(getattr(error, "status_code", HTTPStatus.NOT_FOUND))
        visit = visit_of(request)
        advice = "Look for it with the search box above." if visit.operator else "Begin at the login."
        return visit.problem(PageError(status, "There is nothing under this address", advice))

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        sampling = asyncio.create_task(samples.keep_taking(), name="samples")
        yield
        sampling.cancel()
        with suppress(asyncio.CancelledError):
            await sampling
        await backoffice.close()

    pages = Bounded(
        Starlette(
            routes=routes,
            exception_handlers={HTTPStatus.NOT_FOUND: not_found, HTTPStatus.METHOD_NOT_ALLOWED: not_found},
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=settings.hosts, www_redirect=False),
                Middleware(
                    SessionMiddleware,
                    secret_key=settings.session_key,
                    session_cookie=f"__Host-{COOKIE}" if settings.is_by_tls else COOKIE,
                    max_age=settings.console_session_s,
                    same_site="lax",
                    https_only=settings.is_by_tls,
                ),
            ],
        ),
        requests_max=settings.console_requests_max,
    )
    probes = [Route(path, _healthz, methods=["GET"]) for path in ("/healthz", "/readyz")]
    return Router(probes, redirect_slashes=False, default=pages, lifespan=lifespan)


class Bounded:
    """Makes so many pages at once and no more."""

    def __init__(self, app: ASGIApp, *, requests_max: int) -> None:
        self._app = app
        self._requests_max = requests_max
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._in_flight >= self._requests_max:
            busy = PlainTextResponse(
                "The console is busy. Load the page again in a moment.\n", HTTPStatus.SERVICE_UNAVAILABLE
            )
            await busy(scope, receive, send)
            return
        self._in_flight += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1


async def _answered(handler: Handler, visit: Visit) -> Response:
    is_change = visit.request.method == "POST"
    try:
        return await handler(visit)
    except AnsweredError as answered:
        return answered.response
    except NotLoggedInError:
        request = visit.request
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return visit.go(
            "/login?" + urlencode({"next": asked}) if request.method == "GET" and asked != "/" else "/login"
        )
    except PageError as error:
        return visit.problem(error)
    except WalletError as error:
        return visit.problem(page_error(error, is_change=is_change))
    except Exception:  # noqa: BLE001 - it becomes a page
        _log.exception("page_failed", request_id=visit.request_id, path=visit.request.url.path)
        return visit.problem(
            PageError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "A fault of the console",
                "Tell who runs it, with the number below; its log knows more.",
                may_be_done=is_change,
            )
        )


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")
