"""The API's description, OpenAPI 3.1: what `/api/wallet/openapi.json` answers.

What the answers hold is said in `views.py`, the rest is written by hand; tests/api holds the server to it with
schemathesis.
"""

from __future__ import annotations

from typing import Any, get_args, get_origin

import msgspec

from .cookies import COOKIE
from .cursors import LENGTH as CURSOR_LENGTH
from .history_query import LIMIT_DEFAULT, LIMIT_MAX, NAME_LENGTH_MAX
from .views import ANSWERS, SHOWN_KINDS, Described

Json = dict[str, Any]


def document() -> Json:
    """Write the description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wallet.API",
            "version": "1",
            "summary": "What a player sees of the wallet. It only reads.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"session": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "A JSON Web Token of the platform's login. It alone says whose wallet is read.",
                }
            },
            "schemas": _schemas(),
            "responses": _problems(),
        },
    }


def _paths() -> Json:
    return {
        "/api/wallet/balances": {
            "get": _operation("getBalances", "The balances in every currency network", "Balances")
        },
        "/api/wallet/transactions": {
            "get": _operation(
                "listTransactions",
                "What happened to the player's money, newest first",
                "Transactions",
                description="A page may hold fewer transactions than its limit, even none: go on while there is a "
                "`next_cursor`. What happens meanwhile never shifts a page: each transaction is seen once.",
                parameters=_parameters(),
            )
        },
        "/api/wallet/currencies": {"get": _operation("listCurrencies", "The currency networks", "Currencies")},
        "/api/wallet/openapi.json": {"get": _probe("getOpenapi", "This document", {"type": "object"})},
        "/healthz": {"get": _probe("getHealth", "Whether the process answers", _ref("schemas", "Status"))},
        "/readyz": {
            "get": _probe("getReadiness", "Whether the database answers", _ref("schemas", "Status"), unavailable=True)
        },
        "/metrics": {"get": _probe("getMetrics", "Prometheus metrics", {"type": "string"}, media_type="text/plain")},
    }


def _operation(
    operation_id: str, summary: str, schema: str, *, description: str = "", parameters: list[Json] | None = None
) -> Json:
    operation: Json = {"operationId": operation_id, "summary": summary}
    if description:
        operation["description"] = description
    responses = {"200": {"description": summary, "content": _content(_ref("schemas", schema))}}
    if parameters:
        operation["parameters"] = parameters
        responses["400"] = _ref("responses", "InvalidField")
    responses |= {
        "401": _ref("responses", "Unauthenticated"),
        "429": _ref("responses", "TooManyRequests"),
        "503": _ref("responses", "Unavailable"),
    }
    return operation | {"responses": responses}


def _probe(
    operation_id: str, summary: str, schema: Json, *, media_type: str = "application/json", unavailable: bool = False
) -> Json:
    responses: Json = {"200": {"description": summary, "content": _content(schema, media_type)}}
    if unavailable:
        responses["503"] = _ref("responses", "Unavailable")
    return {"operationId": operation_id, "summary": summary, "security": [], "responses": responses}


def _parameters() -> list[Json]:
    name = {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": NAME_LENGTH_MAX}
    time = {"type": "string", "format": "date-time"}
    cursor = {"type": "string", "minLength": CURSOR_LENGTH, "maxLength": CURSOR_LENGTH}
    limit = {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}
    return [
        _parameter("limit", "How many transactions a page holds at most.", limit),
        _parameter("cursor", "The `next_cursor` of the page before, as it is.", cursor),
        _parameter("currency", "Only of this currency.", name),
        _parameter("network", "Only of this network.", name),
        _parameter("kind", "Only of this kind.", {"type": "string", "enum": list(SHOWN_KINDS)}),
        _parameter("from", "Only from this time on.", time),
        _parameter("to", "Only before this time.", time),
    ]


def _parameter(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _schemas() -> Json:
    return {
        **{name: _answer(answer) for name, answer in ANSWERS.items()},
        "Status": _object({"status": {"type": "string"}}),
        "Problem": _object(
            {
                "type": {"type": "string", "format": "uri-reference"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "reason": {"type": "string", "description": "For programs."},
                "detail": {"type": "string", "description": "For people."},
                "field": {"type": "string", "description": "The parameter that is wrong."},
                "request_id": {"type": "string"},
            },
            optional={"field", "request_id"},
        ),
    }


def _answer(answer: type[msgspec.Struct]) -> Json:
    fields = msgspec.structs.fields(answer)
    return _object(
        {field.encode_name: _field(field.type) for field in fields},
        optional={field.encode_name for field in fields if not field.required},
    )


def _field(annotated: Any) -> Json:
    """Give what is said of a field, or what its items are."""
    if get_origin(annotated) is list:
        (item,) = get_args(annotated)
        return _list(next(name for name, answer in ANSWERS.items() if answer is item))
    _, described = get_args(annotated)
    assert isinstance(described, Described)
    return described.schema


def _problems() -> Json:
    retry = {"retry-after": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
    return {
        "InvalidField": _problem("A parameter cannot be used; `field` names it."),
        "Unauthenticated": _problem("The cookie is missing, or is not good."),
        "TooManyRequests": _problem("The player asks too fast.", retry),
        "Unavailable": _problem("The wallet cannot be read now.", retry),
    }


def _problem(description: str, headers: Json | None = None) -> Json:
    content = _content(_ref("schemas", "Problem"), "application/problem+json")
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


def _object(properties: Json, *, optional: set[str] | frozenset[str] = frozenset()) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _list(schema: str) -> Json:
    return {"type": "array", "items": _ref("schemas", schema)}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _content(schema: Json, media_type: str = "application/json") -> Json:
    return {media_type: {"schema": schema}}
