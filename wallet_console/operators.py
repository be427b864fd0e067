"""Who is logged in: an operator with a role, kept in a signed cookie, and the token that their forms carry.

The cookie is Starlette's signed session: whoever changes a letter of it is nobody. It lasts for as long as
WALLET_CONSOLE_SESSION_S says since the login, whatever is done meanwhile; logging out deletes it.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from dataclasses import dataclass
from enum import StrEnum

from starlette.requests import Request

COOKIE = "wallet_console"
_NAME = re.compile(r"[\x21-\x7e]{1,128}")


class OperatorRole(StrEnum):
    """What an operator may do; named as the roles of keys."""

    BACKOFFICE = "backoffice"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person who is logged in."""

    name: str
    """What the trail calls them: 1 to 128 characters of ASCII without spaces, in small letters."""
    role: OperatorRole

    @property
    def may_change(self) -> bool:
        """Whether forms are of any use to them."""
        return self.role is OperatorRole.BACKOFFICE


def named(name: str, role: OperatorRole) -> Operator:
    """Give the operator of a name, in the spelling by which persons are told apart."""
    return Operator(name=name.lower(), role=role)


def is_name(name: object) -> bool:
    """Whether an operator may be called so."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def log_in(request: Request, operator: Operator) -> None:
    """Begin a session; what an earlier one held is gone, but for its token where it was of the same operator.

    A form that was open when their session ended can so be sent again, under the id of its call: opened anew, it might
    be done a second time.
    """
    before = request.session
    is_theirs = (before.get("operator"), before.get("role")) == (operator.name, operator.role.value)
    csrf = csrf_token(request) if is_theirs else ""
    request.session.clear()
    request.session.update(
        {
            "operator": operator.name,
            "role": operator.role.value,
            "at": int(time.time()),
            "csrf": csrf or secrets.token_urlsafe(24),
        }
    )


def log_out(request: Request) -> None:
    """End the session."""
    request.session.clear()


def operator_of(request: Request, *, session_s: int) -> Operator | None:
    """Give who is logged in, or None.

    Each answer signs the cookie anew, so its signature's age tells of the last visit: the login's own time counts.

    Args:
        request: What holds the session.
        session_s: How long a session lasts since its login, in s.
    """
    name, role, at = (request.session.get(part) for part in ("operator", "role", "at"))
    if not is_name(name) or role not in set(OperatorRole):
        return None
    if not isinstance(at, int) or time.time() >= at + session_s:
        return None
    return named(str(name), OperatorRole(role))


def csrf_token(request: Request) -> str:
    """Give what the session's forms carry."""
    return str(request.session.get("csrf", ""))


def is_own_form(request: Request, token: str) -> bool:
    """Whether a form was made by this session: its token is the session's."""
    known = csrf_token(request)
    return bool(known) and hmac.compare_digest(known.encode(), token.encode())
