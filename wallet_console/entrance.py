"""How operators come in: by OpenID Connect, or in development by a signed link; and how they leave.

Of what the provider says two claims are used: who it is, and what they are. Who is neither `backoffice` nor `auditor`
there does not come in. The link is for `make run`: LIVE refuses its secret.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from authlib.integrations.starlette_client import OAuth, OAuthError
from starlette.responses import Response

from .login_links import operator_of_link
from .operators import Operator, OperatorRole, is_name, log_in, log_out, named
from .problems import PageError
from .settings import ConsoleSettings
from .visits import Visit

_PROVIDER_TIMEOUT_S = 10
_TRY_PREFIX = "_state_"
"""Under such names the session holds what authlib keeps of a login that was begun."""

_log = structlog.get_logger(__name__)


class Entrance:
    """The pages of logging in and out."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self._provider: Any = None
        if settings.console_oidc_issuer is not None:
            secret = settings.console_oidc_client_secret
            self._provider = OAuth().register(
                "provider",
                client_id=settings.console_oidc_client_id,
                client_secret=None if secret is None else secret.get_secret_value(),
                server_metadata_url=settings.console_oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
                client_kwargs={
                    "scope": "openid email profile",
                    "code_challenge_method": "S256",
                    "timeout": _PROVIDER_TIMEOUT_S,
                    **({} if secret is not None else {"token_endpoint_auth_method": "none"}),
                },
            )

    async def login(self, visit: Visit) -> Response:
        """Say how one logs in."""
        return await visit.page("login.html", next=_local(visit.asked("next")), has_provider=self._provider is not None)

    async def to_provider(self, visit: Visit) -> Response:
        """Send the browser to the provider.

        Raises:
            PageError: There is none, or it does not answer.
        """
        if self._provider is None:
            raise PageError(HTTPStatus.NOT_FOUND, "There is no provider to log in at", "Use the link of `make run`.")
        request = visit.request
        for name in [name for name in request.session if name.startswith(_TRY_PREFIX)]:
            del request.session[name]  # an earlier try leaves nothing; a session stays, since any page can lead here
        request.session["next"] = _local(visit.asked("next"))
        try:
            response: Response = await self._provider.authorize_redirect(request, f"{self._settings.url}/login/back")
        except Exception as error:
            raise _provider_away(error) from error
        return response

    async def from_provider(self, visit: Visit) -> Response:
        """Let in whom the provider names, if they are an operator.

        Raises:
            PageError: They are not, or the answer is not one to what was asked.
        """
        if self._provider is None:
            raise PageError(HTTPStatus.NOT_FOUND, "There is no provider to log in at", "Use the link of `make run`.")
        request = visit.request
        after = _local(str(request.session.get("next", "")))
        try:
            token = await self._provider.authorize_access_token(request)
        except OAuthError as error:
            _log.warning("login_refused", reason=str(error.error)[:100])
            raise PageError(
                HTTPStatus.FORBIDDEN, "The login did not come to its end", "Begin it again from the login page."
            ) from error
        except Exception as error:
            raise _provider_away(error) from error
        operator = operator_of_claims(token.get("userinfo") or {}, self._settings)
        log_in(request, operator)
        _log.info("logged_in", operator=operator.name, role=operator.role.value)
        return visit.go(after)

    async def by_link(self, visit: Visit) -> Response:
        """Let in who has a link of `make run`.

        Raises:
            PageError: The link is none of ours, or is too old.
        """
        secret = self._settings.console_link_secret
        operator = None if secret is None else operator_of_link(visit.asked("token"), secret.get_secret_value())
        if operator is None or (not operator.may_change and self._settings.console_auditor_key is None):
            raise PageError(
                HTTPStatus.FORBIDDEN,
                "This link lets nobody in",
                "It is too old, or of another installation. `wallet token --operator NAME` prints a new one.",
            )
        log_in(visit.request, operator)
        _log.info("logged_in", operator=operator.name, role=operator.role.value, by="link")
        return visit.go(_local(visit.asked("next")))

    async def logout(self, visit: Visit) -> Response:
        """End the session."""
        await visit.form(is_for_all=True)
        log_out(visit.request)
        return visit.go("/login")


def operator_of_claims(claims: Any, settings: ConsoleSettings) -> Operator:
    """Read who somebody is of what the provider says.

    Raises:
        PageError: They are no operator, or have no name that the trail could keep.
    """
    name: Any = claims.get(settings.console_oidc_operator_claim)
    if not is_name(name):
        raise PageError(
            HTTPStatus.FORBIDDEN,
            "Your login has no name that the trail could keep",
            f"Its claim {settings.console_oidc_operator_claim} must be 1 to 128 characters without spaces.",
        )
    if settings.console_oidc_operator_claim == "email" and claims.get("email_verified") is not True:
        raise PageError(
            HTTPStatus.FORBIDDEN,
            "Your provider does not say that your email is proven",
            "Its claim email_verified must be true. Where it proves none, whoever runs the console names operators by "
            "another claim: WALLET_CONSOLE_OIDC_OPERATOR_CLAIM.",
        )
    found: Any = claims
    for part in settings.console_oidc_role_claim.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    held = {item for item in listed if isinstance(item, str)}
    if settings.console_oidc_backoffice_value in held:
        return named(name, OperatorRole.BACKOFFICE)
    if settings.console_oidc_auditor_value in held and settings.console_auditor_key is not None:
        return named(name, OperatorRole.AUDITOR)
    raise PageError(
        HTTPStatus.FORBIDDEN,
        "You are no operator of this wallet",
        f"Ask for {settings.console_oidc_backoffice_value} or {settings.console_oidc_auditor_value} at the provider.",
    )


def _local(path: str) -> str:
    """Keep to this console: an address that a stranger gave leads nowhere else."""
    is_local = path.startswith("/") and not path.startswith(("//", "/\\", "/login")) and path.isprintable()
    return path if is_local else "/"


def _provider_away(error: Exception) -> PageError:
    _log.warning("login_provider_unavailable", problem=type(error).__name__, detail=str(error)[:200])
    return PageError(
        HTTPStatus.BAD_GATEWAY,
        "The login provider does not answer as it should",
        "Try again in a moment; if it stays so, tell who runs the console.",
    )
