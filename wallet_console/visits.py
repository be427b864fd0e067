"""A visit: one request of one operator, and what its page is made of. Handlers know this and the wallet's messages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from .backoffice import Backoffice
from .csv_files import CsvBounds, csv_response
from .operators import Operator, csrf_token, is_own_form
from .problems import NotLoggedInError, PageError, page_error_of
from .samples import Samples
from .settings import ConsoleSettings
from .tables import Table

_FORM_BYTES_MAX = 65_536
_FORM_FIELDS_MAX = 50
_WHOLE_NUMBER_MAX = 2**63 - 1
_NETWORK_NUMBER_MAX = 2**31 - 1
_HOURS_MAX = 876_000
"""100 years: older is nothing."""
PAGE_SIZE = 50
_CSV_PAGE_SIZE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of a list is read, and how long it may be."""

    token: str
    size: int


class AnsweredError(Exception):
    """Ends a handler with an answer other than its page: a table's CSV file."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


@dataclass(slots=True, kw_only=True)
class Visit:
    """One request."""

    request: Request
    settings: ConsoleSettings
    backoffice: Backoffice
    templates: jinja2.Environment
    operator: Operator | None
    samples: Samples
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    sent: dict[str, str] = field(default_factory=dict)
    """The form that was sent, once it was read, without what proves whose it is."""

    # ---- what was sent

    def asked(self, name: str) -> str:
        """Give a parameter of the address, without blanks around it; empty if there is none."""
        return self.request.query_params.get(name, "").strip()

    def number(self, name: str) -> int:
        """Give a parameter that is a whole number; 0 if there is none.

        Raises:
            PageError: It is no number.
        """
        return whole_number(self.asked(name), name)

    def network(self) -> int:
        """Give the currency network that is asked for; 0 if none is.

        Raises:
            PageError: It is no number, or one that no currency network can have.
        """
        return whole_number(self.asked("currency_network"), "currency_network", highest=_NETWORK_NUMBER_MAX)

    def hours(self, name: str) -> int:
        """Give a parameter that is an age in hours; 0 if there is none.

        Raises:
            PageError: It is no number, or more than 100 years.
        """
        return whole_number(self.asked(name), name, highest=_HOURS_MAX)

    async def form(self, *, is_for_all: bool = False) -> dict[str, str]:
        """Read a form that this session was given.

        Args:
            is_for_all: Whether who may change nothing may send it as well: logging out.

        Raises:
            PageError: It is not this operator's to send, is too large, or was not made by this session.
        """
        if not is_for_all and (self.operator is None or not self.operator.may_change):
            raise page_error_of("CALL_NOT_ALLOWED")
        body = await self._body()
        try:
            fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FORM_FIELDS_MAX))
        except ValueError:
            raise PageError(HTTPStatus.BAD_REQUEST, "This is no form", "Open the page again and fill it in.") from None
        is_from_here = self.request.headers.get("sec-fetch-site", "same-origin") in {"same-origin", "none"}
        if not is_from_here or not is_own_form(self.request, fields.pop("csrf", "")):
            raise PageError(
                HTTPStatus.FORBIDDEN,
                "This form is not of your session",
                "Nothing was changed. You may have logged in again since it was opened: open it again and send it.",
            )
        self.sent = {name: value.strip() for name, value in fields.items()}
        return self.sent

    async def _body(self) -> bytes:
        """Read what was sent up to the most that a form may hold, whatever length its head tells, or none.

        It has to arrive in time: a form that never does would keep a place that others need.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(self.settings.console_receive_timeout_ms / 1_000):
                async for part in self.request.stream():
                    body += part
                    if len(body) > _FORM_BYTES_MAX:
                        raise PageError(
                            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This form is too large", "Shorten what you wrote."
                        )
        except TimeoutError:
            raise PageError(
                HTTPStatus.REQUEST_TIMEOUT, "This form did not arrive in time", "Nothing was changed. Send it again."
            ) from None
        return bytes(body)

    # ---- what the wallet says

    async def ask(self, message: Any) -> Any:
        """Make the call that a message is for.

        Raises:
            WalletError: The wallet refused, or was not reached in time.
            NotLoggedInError: Nobody is logged in.
        """
        if self.operator is None:
            raise NotLoggedInError
        return await self.backoffice.ask(message, self.operator, request_id=self.request_id)

    # ---- what is answered

    async def table(self, name: str, load: Callable[[PageRequest], Awaitable[Table[Any]]]) -> Table[Any]:
        """Read the page of a list that was asked for, with the addresses of its other pages and of its CSV file.

        Args:
            name: The table's name in the address.
            load: Reads a page.

        Raises:
            AnsweredError: Its CSV file was asked for, and is the answer.
        """
        after = f"{name}-after"
        if self.asked("csv") == name:
            rows_max = self.settings.console_csv_rows_max

            async def page(token: str, rows_left: int) -> Table[Any]:
                return await load(PageRequest(token=token, size=min(_CSV_PAGE_SIZE, rows_left)))

            bounds = CsvBounds(
                rows=rows_max, pages=2 + rows_max // PAGE_SIZE, time_s=self.settings.console_csv_timeout_ms / 1_000
            )
            first = await page(self.asked(after), rows_max)
            raise AnsweredError(csv_response(name, first, page, bounds=bounds, go_on=self._further_file(name)))
        token = self.asked(after)
        found = await load(PageRequest(token=token, size=PAGE_SIZE))
        return replace(
            found,
            name=name,
            more=self.here(**{after: found.next_token}) if found.next_token else "",
            first=self.here(**{after: ""}) if token else "",
            csv=self.here(**{after: "", "csv": name}),
        )

    async def short_table(self, name: str, table: Table[Any]) -> Table[Any]:
        """Give a table that is there already, and whole, with the address of its CSV file.

        Raises:
            AnsweredError: That file was asked for, and is the answer.
        """

        async def load(_page: PageRequest) -> Table[Any]:
            return table

        return await self.table(name, load)

    def _further_file(self, name: str) -> Callable[[str], str]:
        """Give the address of the CSV file that goes on at a token."""
        return lambda token: self.settings.url + self.here(**{f"{name}-after": token, "csv": name})

    def here(self, **changes: str) -> str:
        """Give this page's address with some parameters changed, or left out where they are empty.

        A name that stands in it several times, `?by=day&by=source`, keeps all its values unless it is changed.
        """
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name not in changes]
        kept = [(name, value) for name, value in [*kept, *changes.items()] if value]
        return self.request.url.path + ("?" + urlencode(kept) if kept else "")

    async def page(self, template: str, **context: Any) -> HTMLResponse:
        """Make a page of a template."""
        networks = {} if self.operator is None else await self.backoffice.networks(self.operator)
        return self._made(template, HTTPStatus.OK, networks=networks, **context)

    def problem(self, error: PageError) -> HTMLResponse:
        """Make the page of what went wrong; it needs nothing of the wallet."""
        return self._made("problem.html", error.status, networks={}, error=error, sent=self.sent)

    def _made(self, template: str, answered: HTTPStatus, /, *, networks: Any, **context: Any) -> HTMLResponse:
        content = self.templates.get_template(template).render(
            operator=self.operator,
            csrf=csrf_token(self.request),
            environment=self.settings.environment.value,
            path=self.request.url.path,
            query=self.asked("q"),
            networks=networks,
            request_id=self.request_id,
            **context,
        )
        return HTMLResponse(content, status_code=answered)

    def go(self, href: str) -> RedirectResponse:
        """Send the browser to another page after a form, so that loading that again sends nothing again."""
        return RedirectResponse(href, status_code=HTTPStatus.SEE_OTHER)


def whole_number(text: str, name: str, *, highest: int = _WHOLE_NUMBER_MAX) -> int:
    """Read a whole number; 0 if the text is empty.

    Raises:
        PageError: It is no number, or above the highest one.
    """
    if not text:
        return 0
    if not text.isascii() or not text.isdigit():
        raise PageError(HTTPStatus.BAD_REQUEST, f"{name.replace('_', ' ')} is no whole number", "Write digits only.")
    if len(text) > len(str(highest)) or int(text) > highest:
        raise PageError(HTTPStatus.BAD_REQUEST, f"{name.replace('_', ' ')} is too large", f"Write at most {highest}.")
    return int(text)
