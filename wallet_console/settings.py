"""The console's settings: typed, with their units, read once from the environment (`WALLET_` + the name).

`docs/settings.md` is written from this file; tests/unit/test_settings_doc.py does so, and holds the two together.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from wallet_grpc.addresses import host_and_port
from wallet_grpc.secret_files import EnvironmentSettings
from wallet_grpc.settings import Address, Environment, LogFormat, LogLevel, Milliseconds, parted

SECRET_BYTES_MIN = 32
"""The shortest secret that signs sessions and links."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_KEY_PREFIXES = {Environment.TEST: "sk_test_", Environment.LIVE: "sk_live_"}


class ConsoleSettings(EnvironmentSettings):
    """The console's settings."""

    environment: Environment = Field(
        default=Environment.TEST, description="`test` or `live`; must be the wallet's own. Every page says it."
    )
    console_address: Address = Field(default="127.0.0.1:8081", description="Where pages are served, `host:port`.")
    console_url: str | None = Field(
        default=None,
        description="What operators' browsers call the console: `https://wallet.example`. Default: its address, by "
        "plain HTTP. With https, cookies are sent by TLS alone.",
    )
    console_grpc_address: Address = Field(
        default="127.0.0.1:50051", description="Where the wallet serves BackofficeService, `host:port`."
    )
    console_grpc_ca_file: Path | None = Field(
        default=None, description="CA of the wallet's certificate, PEM. Without: plain text."
    )
    console_grpc_cert_file: Path | None = Field(
        default=None, description="Certificate chain that the wallet is shown, PEM, if it asks for one."
    )
    console_grpc_key_file: Path | None = Field(default=None, description="That certificate's private key, PEM.")
    console_key: SecretStr = Field(
        description="The console's key for operators who change something: role `backoffice`, made with "
        "`--speaks-for-logins`, so that the trail names who is logged in. Required."
    )
    console_auditor_key: SecretStr | None = Field(
        default=None,
        description="The console's key for auditors, of role `auditor` alone: the wallet itself then refuses them what "
        "changes something. Without: auditors do not come in.",
    )
    console_call_timeout_ms: Milliseconds = Field(
        default=5_000, le=60_000, description="The longest that a page waits for the wallet, in ms."
    )

    console_metrics_urls: str = Field(
        default="",
        description="Where the wallet's processes show their metrics, parted by commas: `http://wallet:9464/metrics`. "
        "The page Now draws the last hour by them; without, it shows what waits in the ledger only.",
    )
    console_metrics_interval_ms: int = Field(
        default=10_000, ge=1_000, le=60_000, description="How often those are looked at, in ms."
    )

    console_session_secret: SecretStr = Field(
        description=f"What sessions are signed with, for one environment, at least {SECRET_BYTES_MIN} bytes; another "
        "one ends all of them. Required."
    )
    console_session_s: int = Field(
        default=28_800, ge=60, le=86_400, description="How long an operator stays logged in, in s."
    )
    console_oidc_issuer: str | None = Field(
        default=None, description="The OpenID Connect provider's issuer, `https://login.example/realms/staff`."
    )
    console_oidc_client_id: str | None = Field(default=None, description="The console's client id there.")
    console_oidc_client_secret: SecretStr | None = Field(
        default=None, description="The console's client secret there; none for a public client. PKCE is always used."
    )
    console_oidc_operator_claim: str = Field(
        default="email",
        description="The claim that names the operator: what the trail says. `email` counts only where the provider "
        "says `email_verified: true`; `sub` where it is plain.",
    )
    console_oidc_role_claim: str = Field(
        default="roles", description="The claim that lists what the operator is; `a.b` is b inside a."
    )
    console_oidc_backoffice_value: str = Field(
        default="wallet-backoffice", description="What in that list makes somebody read, propose and approve."
    )
    console_oidc_auditor_value: str = Field(
        default="wallet-auditor", description="What in that list makes somebody read and change nothing."
    )
    console_link_secret: SecretStr | None = Field(
        default=None,
        description="For development: who has a link that is signed with it is logged in (`wallet token --operator`). "
        f"At least {SECRET_BYTES_MIN} bytes; refused on LIVE.",
    )

    console_requests_max: int = Field(
        default=100, ge=1, le=10_000, description="Pages that are made at once, probes apart; more get 503."
    )
    console_receive_timeout_ms: Milliseconds = Field(
        default=10_000,
        ge=500,
        le=60_000,
        description="How long a request's head, and then its form, may take to arrive, in ms.",
    )
    console_csv_rows_max: int = Field(
        default=10_000,
        ge=100,
        le=1_000_000,
        description="The most rows of a CSV file; a longer one says at its end where to go on.",
    )
    console_csv_timeout_ms: Milliseconds = Field(
        default=60_000,
        le=600_000,
        description="After how long a CSV file reads no further page, in ms; it says at its end where to go on.",
    )
    console_stop_timeout_ms: Milliseconds = Field(
        default=10_000, description="How long a stopping console may take to finish its answers, in ms."
    )

    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="`json` for programs, `console` for people.")

    @field_validator("environment", mode="before")
    @classmethod
    def _in_any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("console_session_secret", "console_link_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"is shorter than {SECRET_BYTES_MIN} bytes")
        return value

    @field_validator("console_url")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("is no address such as https://wallet.example, without a path")
        return value.rstrip("/")

    @field_validator("console_metrics_urls")
    @classmethod
    def _addresses(cls, value: str) -> str:
        for url in parted(value):
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError(f"{url} is no address such as http://wallet:9464/metrics")
        return value

    @field_validator("console_oidc_issuer")
    @classmethod
    def _reached_by_tls(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("must be https://, or http:// on this machine")
        return value

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if self.console_link_secret is not None and self.environment is Environment.LIVE:
            raise ValueError(
                "WALLET_CONSOLE_LINK_SECRET is for development: on LIVE, operators log in by OpenID Connect"
            )
        if self.console_link_secret is None and self.console_oidc_issuer is None:
            raise ValueError("nobody could log in: WALLET_CONSOLE_OIDC_ISSUER is required")
        if (self.console_oidc_issuer is None) != (self.console_oidc_client_id is None):
            raise ValueError("WALLET_CONSOLE_OIDC_ISSUER and WALLET_CONSOLE_OIDC_CLIENT_ID go together")
        if (self.console_grpc_cert_file is None) != (self.console_grpc_key_file is None):
            raise ValueError("WALLET_CONSOLE_GRPC_CERT_FILE and WALLET_CONSOLE_GRPC_KEY_FILE go together")
        return self

    @model_validator(mode="after")
    def _of_one_environment(self) -> Self:
        prefix = _KEY_PREFIXES[self.environment]
        for name in ("console_key", "console_auditor_key"):
            key: SecretStr | None = getattr(self, name)
            if key is not None and not key.get_secret_value().startswith(prefix):
                raise ValueError(
                    f"WALLET_{name.upper()} is no key of {self.environment.value}, where keys begin with {prefix}"
                )
        return self

    @model_validator(mode="after")
    def _keeps_live_from_being_overheard(self) -> Self:
        if self.environment is not Environment.LIVE:
            return self
        if not self.is_by_tls and urlsplit(self.url).hostname not in _LOOPBACK:
            raise ValueError(
                f"WALLET_CONSOLE_URL must be https:// on LIVE, or http:// on this machine, and is {self.url}"
            )
        wallet_host = self.console_grpc_address.rpartition(":")[0].strip("[]")
        if self.console_grpc_ca_file is None and wallet_host not in _LOOPBACK:
            raise ValueError(
                f"WALLET_CONSOLE_GRPC_CA_FILE is required on LIVE: {self.console_grpc_address} is not on this machine, "
                "and would be sent keys in plain text"
            )
        return self

    @property
    def session_key(self) -> str:
        """What sessions are signed with: of the secret and the environment, so that none of TEST is one of LIVE."""
        purpose = f"wallet console sessions {self.environment.value}"
        return hmac.digest(self.console_session_secret.get_secret_value().encode(), purpose.encode(), "sha256").hex()

    @property
    def metrics_urls(self) -> tuple[str, ...]:
        """The addresses of `console_metrics_urls`."""
        return tuple(parted(self.console_metrics_urls))

    @property
    def url(self) -> str:
        """What browsers call the console."""
        return self.console_url or f"http://{self.console_address}"

    @property
    def is_by_tls(self) -> bool:
        """Whether browsers reach it by TLS."""
        return self.url.startswith("https://")

    @property
    def hosts(self) -> list[str]:
        """The names under which it answers: of its address, and of this machine where it listens on loopback alone."""
        named = {urlsplit(self.url).hostname or ""}
        listens_on = self.host_and_port[0]
        return sorted(named | _LOOPBACK if listens_on in _LOOPBACK else named)

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Where pages are served."""
        return host_and_port(self.console_address)
