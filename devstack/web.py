"""What of `make run` serves HTTP: where the HTTP API, the console and the gateway do, and who is let in."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass

from devstack.credentials import Credentials
from devstack.servers.ports import free_port, is_free
from devstack.stack_settings import StackError, StackSettings
from devstack.wallet_command import HttpApi
from wallet_console.login_links import link_token
from wallet_grpc import addresses

OPERATORS = ("anna", "bert")
"""Two persons, since what one proposes another decides."""
_LINK_TTL_S = 86_400
_HTTP_PORT = 8080
_CONSOLE_PORT = 8081
_GATEWAY_PORT = 8082


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConsole:
    """Where the console serves, and what its sessions and links are signed with."""

    address: str
    session_secret: str
    link_secret: str | None
    """None on LIVE, where operators log in by OpenID Connect."""
    metrics_address: str
    """Where the server shows its metrics, for the page Now."""

    @property
    def url(self) -> str:
        """What browsers call it."""
        return f"http://{self.address}"

    def link(self, operator: str) -> str:
        """Give a link that logs somebody in."""
        assert self.link_secret is not None
        token = link_token(secret=self.link_secret, operator=operator, role="backoffice", ttl_s=_LINK_TTL_S)
        return f"{self.url}/login/link?token={token}"

    def environment(self, credentials: Credentials, *, grpc_address: str) -> dict[str, str]:
        """Give the settings of `wallet console`."""
        link_secret = {} if self.link_secret is None else {"WALLET_CONSOLE_LINK_SECRET": self.link_secret}
        return link_secret | {
            "WALLET_CONSOLE_ADDRESS": self.address,
            "WALLET_CONSOLE_GRPC_ADDRESS": grpc_address,
            "WALLET_CONSOLE_KEY": credentials.keys["console"].key,
            "WALLET_CONSOLE_AUDITOR_KEY": credentials.keys["auditor"].key,
            "WALLET_CONSOLE_SESSION_SECRET": self.session_secret,
            "WALLET_CONSOLE_METRICS_URLS": f"http://{self.metrics_address}/metrics",
        }


def http_api_of(settings: StackSettings, credentials: Credentials, say: Callable[[str], None]) -> HttpApi:
    """Choose where the HTTP API serves.

    Raises:
        StackError: The port that was asked for is taken.
    """
    address = _address(
        settings.http_port, default=_HTTP_PORT, variable="WALLET_HTTP_PORT", what="the HTTP API", say=say
    )
    return HttpApi(address=address, cookie_secret=credentials.cookie_secret)


def console_of(settings: StackSettings, credentials: Credentials, say: Callable[[str], None]) -> WebConsole | None:
    """Choose where the console serves; none where nobody could log in, as on LIVE without OpenID Connect.

    Raises:
        StackError: The port that was asked for is taken.
    """
    is_test = settings.environment == "test"
    if not is_test and not os.environ.get("WALLET_CONSOLE_OIDC_ISSUER"):
        say("No console: on LIVE operators log in by OpenID Connect, and WALLET_CONSOLE_OIDC_ISSUER is not set.")
        return None
    return WebConsole(
        address=_address(
            settings.console_port, default=_CONSOLE_PORT, variable="WALLET_CONSOLE_PORT", what="the console", say=say
        ),
        session_secret=credentials.console_session_secret,
        link_secret=credentials.console_link_secret if is_test else None,
        metrics_address=os.environ.get("WALLET_METRICS_ADDRESS") or f"127.0.0.1:{free_port()}",
    )


def gateway_address_of(settings: StackSettings, say: Callable[[str], None]) -> str:
    """Choose where the gateway serves.

    Raises:
        StackError: The port that was asked for is taken.
    """
    return _address(
        settings.gateway_port, default=_GATEWAY_PORT, variable="WALLET_GATEWAY_PORT", what="the gateway", say=say
    )


def _address(asked: int | None, *, default: int, variable: str, what: str, say: Callable[[str], None]) -> str:
    """Choose where something serves; a port that nobody asked for gives way to whoever holds it."""
    if asked is not None:
        refuse_taken_port(asked, variable)
        return f"127.0.0.1:{asked}"
    if is_free(default):
        return f"127.0.0.1:{default}"
    port = free_port()
    say(f"Port {default} is taken: {what} takes {port}. {variable} chooses another one.")
    return f"127.0.0.1:{port}"


def refuse_taken_port(port: int, variable: str) -> None:
    """See that a port of this machine can be had.

    Raises:
        StackError: It cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError as error:
            raise StackError(
                f"Port {port} cannot be used: {addresses.why(error, port=port)}. Set {variable} to another one."
            ) from error
