"""The `wallet` command as a separate process, pointed at one database: migrations, currencies, keys, the server."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit, urlunsplit

from devstack.stack_settings import StackError, StackSettings

SERVICE_ROLE = "wallet_service"
API_ROLE = "wallet_api"
BACKOFFICE_ROLE = "wallet_backoffice"
"""The roles of the running service, of the HTTP API and of operators' look-ups; the migrations make them, without a
login."""

_TIMEOUT_S = 120.0
_SAID_CHARACTERS_MAX = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """The ways into the wallet's database."""

    admin_url: str
    service_url: str
    api_url: str | None = None
    backoffice_url: str | None = None

    @classmethod
    def of(
        cls,
        *,
        admin_url: str,
        service_password: str,
        api_password: str | None = None,
        backoffice_password: str | None = None,
    ) -> "Databases":
        """Derive the other roles' URLs from the administrator's."""
        return cls(
            admin_url=admin_url,
            service_url=_url_of_role(admin_url, SERVICE_ROLE, service_password),
            api_url=None if api_password is None else _url_of_role(admin_url, API_ROLE, api_password),
            backoffice_url=(
                None if backoffice_password is None else _url_of_role(admin_url, BACKOFFICE_ROLE, backoffice_password)
            ),
        )


def _url_of_role(admin_url: str, role: str, password: str) -> str:
    parts = urlsplit(admin_url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{place}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApi:
    """Where the HTTP API serves, and what its cookies are signed with."""

    address: str
    cookie_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCommand:
    """The `wallet` command of this very Python, pointed at this stack's database."""

    settings: StackSettings
    databases: Databases
    amqp_url: str | None = None
    http_api: HttpApi | None = None
    console: Mapping[str, str] = field(default_factory=dict)
    """The settings of `wallet console`."""
    gateway_address: str | None = None
    """Where `wallet gateway` serves."""
    metrics_address: str | None = None
    """Where the server shows its metrics, where the environment does not say."""

    def run(self, *arguments: str) -> str:
        """Run a command to its end and return what it printed.

        Raises:
            StackError: It failed.
        """
        command = self.command_line(*arguments)
        try:
            done = subprocess.run(
                command,
                env=self.environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise StackError(f"`wallet {' '.join(arguments)}` took more than {_TIMEOUT_S:.0f} s") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-_SAID_CHARACTERS_MAX:]
            raise StackError(f"`wallet {' '.join(arguments)}` failed with status {done.returncode}:\n{said}")
        return done.stdout

    def start(self, *arguments: str, log: int) -> subprocess.Popen[bytes]:
        """Start a command that goes on, its output in a log. Only the server shows metrics: the address is one."""
        environment = dict(self.environment())
        if arguments[0] != "serve":
            environment.pop("WALLET_METRICS_ADDRESS", None)
        return subprocess.Popen(
            self.command_line(*arguments),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C in the terminal comes to us alone, and we stop it
        )

    def command_line(self, *arguments: str) -> list[str]:
        """Return the program and its arguments."""
        return [sys.executable, "-m", "wallet_cli", *arguments]

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that every command gets."""
        broker = {} if self.amqp_url is None else {"WALLET_AMQP_URL": self.amqp_url}
        lookups = self.databases.backoffice_url
        backoffice = {} if lookups is None else {"WALLET_BACKOFFICE_DATABASE_URL": lookups}
        return {
            "WALLET_LAME_DUCK_MS": "0",  # nobody balances over this one
            "WALLET_GATEWAY_LAME_DUCK_MS": "0",
            **({} if self.metrics_address is None else {"WALLET_METRICS_ADDRESS": self.metrics_address}),
            **os.environ,
            **broker,
            **backoffice,
            **self._http_environment(),
            **self.console,
            **({} if self.gateway_address is None else {"WALLET_GATEWAY_ADDRESS": self.gateway_address}),
            "WALLET_GATEWAY_WALLET_ADDRESS": self.settings.grpc_address,
            "WALLET_DATABASE_URL": self.databases.service_url,
            "WALLET_ADMIN_DATABASE_URL": self.databases.admin_url,
            "WALLET_ENVIRONMENT": self.settings.environment,
            "WALLET_GRPC_ADDRESS": self.settings.grpc_address,
            "PYTHONUNBUFFERED": "1",
        }

    def _http_environment(self) -> dict[str, str]:
        if self.http_api is None or self.databases.api_url is None:
            return {}
        return {
            "WALLET_API_DATABASE_URL": self.databases.api_url,
            "WALLET_HTTP_ADDRESS": self.http_api.address,
            "WALLET_COOKIE_SECRET": self.http_api.cookie_secret,
        }
