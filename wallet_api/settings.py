"""The HTTP API's settings: typed, with their units, read once from the environment (`WALLET_` + the name).

`docs/settings.md` is written from this file; tests/unit/test_settings_doc.py does so, and holds the two together.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from wallet_grpc.addresses import host_and_port
from wallet_grpc.secret_files import EnvironmentSettings
from wallet_grpc.settings import Address, Dsn, LogFormat, LogLevel, Milliseconds, parted

SECRET_BYTES_MIN = 32
"""The shortest secret of HS256 (RFC 7518, section 3.2)."""

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:]+")


class ApiSettings(EnvironmentSettings):
    """The API's settings."""

    api_database_url: Dsn | None = Field(
        default=None,
        description="PostgreSQL DSN of the API, a login with the rights of role `wallet_api` and no others. "
        "Required, unless there is a replica.",
    )
    read_database_url: Dsn | None = Field(
        default=None,
        description="DSN of a read replica, of such a login. Set: everything is read there, and every answer tells "
        "its `as_of`.",
    )
    http_address: Address = Field(default="127.0.0.1:8080", description="Where HTTP is served, `host:port`.")

    cookie_secret: SecretStr | None = Field(
        default=None,
        description=f"A secret that cookies are signed with by HS256, at least {SECRET_BYTES_MIN} bytes. "
        "To rotate keys, use `WALLET_COOKIE_KEYS_FILE`.",
    )
    cookie_keys_file: Path | None = Field(
        default=None,
        description="The keys that cookies may be signed with, a JWK Set: `oct` for HS256, `OKP` `Ed25519` for EdDSA. "
        "Read again when it changes. This or the secret is required.",
    )
    cookie_keys_refresh_ms: Milliseconds = Field(
        default=2_000, le=60_000, description="How often the file is looked at, in ms."
    )

    rate_per_s: float = Field(default=20, gt=0, le=1e6, description="Requests per second that a player may go on with.")
    rate_burst: int = Field(default=60, ge=1, le=1_000_000, description="Requests that a player may make at once.")
    rate_players_max: int = Field(
        default=100_000, ge=100, le=10_000_000, description="Players whose rate is remembered; about 200 bytes each."
    )
    cors_origins: str = Field(
        default="",
        description="Origins that browsers may read from, with their cookies: `https://play.example`, parted by "
        "commas. Without: none, and OPTIONS gets 405.",
    )
    http_request_bytes_max: int = Field(
        default=16_384, ge=1_024, le=1_048_576, description="The longest request line and headers, in bytes."
    )
    http_requests_max: int = Field(
        default=500, ge=1, le=100_000, description="Requests that are answered at once, probes apart; more get 503."
    )
    http_stop_timeout_ms: Milliseconds = Field(
        default=10_000, description="How long a stopping API may take to finish its answers, in ms."
    )

    api_connections_max: int = Field(default=8, ge=1, le=200, description="Database connections of the API.")
    api_connection_wait_ms: Milliseconds = Field(
        default=1_000, description="How long a request waits for one of them, in ms; then it gets 503."
    )
    api_query_timeout_ms: Milliseconds = Field(
        default=2_000, le=60_000, description="The longest query, in ms; then the request gets 503."
    )
    history_scan_rows_max: int = Field(
        default=5_000,
        ge=200,
        le=1_000_000,
        description="Transactions that are looked at for one page of the history; a rare kind's page may hold fewer "
        "than its limit.",
    )

    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="`json` for programs, `console` for people.")

    @field_validator("cookie_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"is shorter than {SECRET_BYTES_MIN} bytes")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        for origin in parted(value):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin} is no origin such as https://play.example, in lower case, without a path")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.api_database_url is None and self.read_database_url is None:
            raise ValueError("WALLET_API_DATABASE_URL or WALLET_READ_DATABASE_URL is required")
        if self.cookie_secret is None and self.cookie_keys_file is None:
            raise ValueError("WALLET_COOKIE_SECRET or WALLET_COOKIE_KEYS_FILE is required")
        return self

    @property
    def is_on_replica(self) -> bool:
        """Whether reads go to a replica, which may be behind."""
        return self.read_database_url is not None

    @property
    def dsn(self) -> str:
        """Where reads go, in the clear."""
        url = self.read_database_url or self.api_database_url
        assert url is not None
        return url.get_secret_value()

    @property
    def origins(self) -> frozenset[str]:
        """The origins of `cors_origins`."""
        return frozenset(parted(self.cors_origins))

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Where HTTP is served."""
        return host_and_port(self.http_address)
