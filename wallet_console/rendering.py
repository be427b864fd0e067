"""How pages are made: Jinja2 with every value escaped, and the filters that write values as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

import jinja2
from markupsafe import Markup

from .amounts import major
from .tables import Amount, Moment, Network, Tag, Text, Value, moment, words

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


def environment() -> jinja2.Environment:
    """Make the templates' environment: a name that a page does not give is an error, and everything is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("wallet_console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        when=when,
        age=age,
        shown=shown,
        amount=amount,
        currency=currency,
        words=words,
        plain_amount=plain_amount,
        indented=indented,
    )
    return made


def when(stamp: Any, *, shows_age: bool = False) -> Markup:
    """Write a Timestamp, a datetime or None as a time element: UTC, which the script turns into local where asked."""
    found = stamp.at if isinstance(stamp, Moment) else stamp if isinstance(stamp, datetime) else None
    if stamp is not None and found is None and not isinstance(stamp, Moment):
        found = moment(stamp).at
    if found is None:
        return Markup('<span class="none">none</span>')
    utc = found.astimezone(UTC)
    text = utc.strftime("%Y-%m-%d %H:%M:%S")
    shown_age = Markup(' <span class="age">{}</span>').format(age(found)) if shows_age else ""
    return Markup('<time datetime="{}" title="{} UTC">{}</time>{}').format(
        utc.isoformat(timespec="milliseconds").replace("+00:00", "Z"), utc.isoformat(sep=" ")[:26], text, shown_age
    )


def age(at: datetime) -> str:
    """Say how long ago a time was: `4 min`, `3 h`, `12 d`."""
    passed_s = max(0, int((datetime.now(UTC) - at).total_seconds()))
    if passed_s < _MINUTE_S:
        return f"{passed_s} s"
    if passed_s < _HOUR_S:
        return f"{passed_s // _MINUTE_S} min"
    return f"{passed_s // _HOUR_S} h" if passed_s < 2 * _DAY_S else f"{passed_s // _DAY_S} d"


@jinja2.pass_context
def amount(context: jinja2.runtime.Context, minor: str, number: int, *, is_signed: bool = False) -> Markup:
    """Write minor units of a currency network in major ones, the minor ones on hover."""
    networks: Mapping[int, Any] = context["networks"]
    known = networks.get(number)
    if known is None:
        return Markup('<data class="amount" value="{}" title="{} minor units">{}</data>').format(minor, minor, minor)
    return Markup(
        '<data class="amount{}" value="{}" title="{} minor units">{}<span class="unit">{}</span></data>'
    ).format(
        " negative" if minor.startswith("-") else "",
        minor,
        minor,
        major(minor, known.decimals, is_signed=is_signed),
        known.currency,
    )


@jinja2.pass_context
def currency(context: jinja2.runtime.Context, number: int) -> str:
    """Name a currency network: `USDT on TRON`."""
    known = context["networks"].get(number)
    return f"currency network {number}" if known is None else f"{known.currency} on {known.network}"


@jinja2.pass_context
def shown(context: jinja2.runtime.Context, value: Value) -> Markup:
    """Write a table's field."""
    inside: Markup | str
    match value:
        case Amount():
            inside = amount(context, value.minor, value.currency_network_id, is_signed=value.is_signed)
        case Moment():
            return when(value, shows_age=value.shows_age)
        case Tag():
            return Markup('<span class="tag {}">{}</span>').format(value.tone, value.text)
        case Network():
            inside = currency(context, value.number)
        case Text():
            inside = Markup("<code>{}</code>").format(value.text) if value.is_id and value.text else value.text
        case _:
            assert_never(value)
    href = getattr(value, "href", "")
    return Markup('<a href="{}">{}</a>').format(href, inside) if href else Markup("{}").format(inside)


@jinja2.pass_context
def plain_amount(context: jinja2.runtime.Context, minor: str, number: int) -> str:
    """Write minor units in major ones as plain text, for drawings."""
    known = context["networks"].get(number)
    return minor if known is None or not minor else f"{major(minor, known.decimals)} {known.currency}"


def indented(text: str) -> str:
    """Lay JSON out over lines; other text stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
