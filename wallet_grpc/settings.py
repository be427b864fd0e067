"""Every setting of the service: typed, with its unit, read once from the environment (`WALLET_` + its name).

`docs/settings.md` is written from this file; tests/unit/test_settings_doc.py does so, and holds the two together.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_QUEUE_NAME_LENGTH_MAX = 200
"""AMQP allows 255; names that are derived from one are longer."""


class Environment(StrEnum):
    """What an installation is for; its database keeps it for ever."""

    TEST = "TEST"
    LIVE = "LIVE"


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


def _known_level(value: str) -> str:
    if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("is none of DEBUG, INFO, WARNING, ERROR")
    return value.upper()


def _host_and_port(value: str) -> str:
    if not (value.rpartition(":")[0] and value.rpartition(":")[2].isdecimal()):
        raise ValueError("is not host:port")
    return value


def _queue_name(value: str) -> str:
    if len(value) > _QUEUE_NAME_LENGTH_MAX or not (value.isascii() and value.isprintable()) or value.startswith("amq."):
        raise ValueError(f"is not up to {_QUEUE_NAME_LENGTH_MAX} printable characters of ASCII that do not begin amq.")
    return value


Milliseconds = Annotated[int, Field(gt=0, le=3_600_000)]
LogLevel = Annotated[str, AfterValidator(_known_level)]
Address = Annotated[str, AfterValidator(_host_and_port)]
QueueName = Annotated[str, AfterValidator(_queue_name)]


class Settings(BaseSettings):
    """The service's settings."""

    model_config = SettingsConfigDict(env_prefix="WALLET_", extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: SecretStr = Field(
        description="PostgreSQL DSN of the service, a login with the rights of role `wallet_service`. Required."
    )
    admin_database_url: SecretStr | None = Field(
        default=None,
        description="DSN of the schema's owner, for `wallet migrate`, `keys`, `currencies` and `balances`. "
        "Default: the service's.",
    )
    environment: Environment = Field(
        default=Environment.TEST, description="`test` or `live`; must be the database's own."
    )

    grpc_address: Address = Field(default="127.0.0.1:50051", description="Where gRPC is served, `host:port`.")
    workers: int = Field(default=1, ge=1, le=64, description="Server processes that share the address.")
    worker_hung_after_ms: Milliseconds = Field(
        default=10_000,
        ge=1_000,
        description="After how long a silence of its event loop one of several workers is killed and replaced, in ms.",
    )
    metrics_address: Address | None = Field(
        default=None,
        description="Where Prometheus metrics are served, `host:port`; off without. Worker n takes the port + n.",
    )
    tls_cert_file: Path | None = Field(default=None, description="Server certificate chain, PEM. Without: plain text.")
    tls_key_file: Path | None = Field(default=None, description="The certificate's private key, PEM.")
    tls_client_ca_file: Path | None = Field(
        default=None, description="CA of client certificates, PEM. Set: clients must show one (mutual TLS)."
    )
    message_bytes_max: int = Field(
        default=16 * 1024 * 1024, ge=4096, le=256 * 1024 * 1024, description="The largest gRPC message, in bytes."
    )
    concurrent_calls_max: int = Field(
        default=2_000,
        ge=1,
        description="Calls with a key that a worker holds at once, half of them streams; more get QUEUE_FULL.",
    )
    connection_calls_max: int = Field(
        default=250, ge=1, le=10_000, description="Calls that one connection may have under way; its client waits then."
    )
    connection_age_max_ms: Milliseconds = Field(
        default=300_000,
        ge=1_000,
        description="How old a connection becomes, in ms, give or take a tenth; then its client opens another one.",
    )
    connection_age_grace_ms: Milliseconds = Field(
        default=300_000,
        ge=1_000,
        description="How long calls go on on a connection that is too old, in ms; a stream lasts 0.9 of that.",
    )
    request_timeout_ms: Milliseconds = Field(
        default=30_000, description="The longest that a unary call waits, in ms; its caller's deadline may be shorter."
    )
    lame_duck_ms: int = Field(
        default=1_000,
        ge=0,
        le=3_600_000,
        description="How long a worker serves on after SIGTERM while its health says NOT_SERVING, in ms: as long as "
        "balancers take to notice.",
    )
    stop_timeout_ms: Milliseconds = Field(
        default=30_000, description="How long a stopping worker may take to finish what it accepted, in ms."
    )

    lanes: int = Field(
        default=2,
        ge=1,
        le=32,
        description="Lanes of a worker; each holds two database connections. One lane more waits for locks of others.",
    )
    batch_operations_max: int = Field(
        default=100, ge=1, le=500, description="Mutations that commit together; 1: each in a transaction of its own."
    )
    queue_operations_max: int = Field(
        default=10_000, ge=1_000, description="Operations that a worker admits before it answers QUEUE_FULL."
    )
    source_queue_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="The part of the queue, of the lanes and of their time that one source has at most while others "
        "call; above the queue's RATE_LIMITED. 1: no bound.",
    )
    stream_window_operations: int = Field(
        default=500, ge=1, description="Operations of one stream that may be unanswered; then it is read no further."
    )
    attempts_max: int = Field(
        default=10, ge=1, le=100, description="How often a batch is tried against others before it is CONFLICT."
    )
    backoff_ms: Milliseconds = Field(default=2, description="The longest first wait between two tries, in ms; doubles.")

    database_timeout_ms: Milliseconds = Field(
        default=5_000, le=30_000, description="The longest round trip to the database, connecting included, in ms."
    )
    lock_timeout_ms: Milliseconds = Field(
        default=1_000, description="The longest wait for an owner's lock, in ms; then it is done without."
    )
    outage_wait_ms: Milliseconds = Field(
        default=1_000, description="How long a batch waits for a database that went away, in ms."
    )
    unhealthy_after_ms: Milliseconds = Field(
        default=10_000,
        ge=1_000,
        description="How long a process does not reach its database before health says NOT_SERVING, in ms.",
    )
    read_connections_max: int = Field(default=4, ge=1, le=100, description="Connections of a worker for reads.")
    keys_refresh_ms: Milliseconds = Field(
        default=2_000, le=4_000, description="How long the keys are trusted without reading them again, in ms."
    )

    session_ttl_default_s: int = Field(
        default=86_400, ge=1, le=31_536_000, description="How long a session takes bets if its game does not say, in s."
    )
    session_ttl_max_s: int = Field(
        default=2_592_000, ge=1, le=31_536_000, description="The longest that a game may ask for, in s."
    )
    session_expiry_grace_ms: int = Field(
        default=5_000,
        ge=0,
        le=3_600_000,
        description="How long an expired session still takes wins and rollbacks before it is settled, in ms.",
    )
    session_expiry_poll_ms: Milliseconds = Field(
        default=1_000, le=60_000, description="How often a worker looks for expired sessions, in ms."
    )

    posting_interval_ms: Milliseconds = Field(
        default=2_000, le=60_000, description="How often credit wallets are posted to the general ledger, in ms."
    )
    posting_wallets_max: int = Field(
        default=1_000, ge=1, le=1_000, description="Wallets that one posting to the general ledger covers."
    )
    posting_queue_rows_max: int = Field(
        default=5_000, ge=1, le=100_000, description="Batches of writes that one round of postings looks at."
    )
    reservation_sweep_poll_ms: Milliseconds = Field(
        default=1_000, le=60_000, description="How often a worker looks for expired reservations to tidy up, in ms."
    )
    reservation_sweep_chunk_max: int = Field(
        default=200, ge=1, le=10_000, description="Expired reservations that are tidied up at a time."
    )

    amqp_url: SecretStr | None = Field(
        default=None,
        description="RabbitMQ, `amqp://` or `amqps://`, for `wallet consume` and `wallet relay`; required by them.",
    )
    payments_exchange: QueueName | None = Field(
        default=None, description="The exchange that payment events are published to. Default: `payments.events`."
    )
    payments_queue: QueueName | None = Field(
        default=None,
        description="The queue that payment events are taken from; its dead letters go to this name + `.dlq`. "
        "Default: `wallet.payments.v1.test` or `wallet.payments.v1.live`, as the environment is.",
    )
    events_exchange: QueueName | None = Field(
        default=None,
        description="The exchange that the wallet publishes to. Default: `wallet.events.test` or `wallet.events.live`.",
    )
    consumer_prefetch: int = Field(
        default=400, ge=1, le=10_000, description="Deliveries that a consumer holds unacknowledged."
    )
    consumer_bytes_max: int = Field(
        default=128 * 1024 * 1024,
        ge=16 * 1024 * 1024,
        description="Bytes of deliveries that a consumer holds, in bytes: it holds fewer where each may be large.",
    )
    event_bytes_max: int = Field(
        default=65_536,
        ge=1_024,
        le=16 * 1024 * 1024,
        description="The largest payment event, in bytes; larger ones are dead-lettered.",
    )
    inbox_attempts_max: int = Field(
        default=12, ge=1, le=100, description="How often an early event is tried before it is parked."
    )
    inbox_backoff_ms: Milliseconds = Field(
        default=1_000, description="The wait before an early event's second try, in ms; doubles, up to 10 minutes."
    )
    inbox_poll_ms: Milliseconds = Field(
        default=250, le=1_000, description="How often the inbox is looked at for events that can be applied now, in ms."
    )
    relay_round_events_max: int = Field(
        default=1_000, ge=1, le=10_000, description="Events that a relay reads, publishes and removes together."
    )
    relay_in_flight_max: int = Field(
        default=100, ge=1, le=5_000, description="Events that a relay has published and that are not confirmed yet."
    )
    relay_poll_ms: Milliseconds = Field(
        default=25, le=10_000, description="How long a relay that found nothing waits before it looks again, in ms."
    )

    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="`json` for programs, `console` for people.")

    @field_validator("environment", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("amqp_url")
    @classmethod
    def _amqp_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("amqp://", "amqps://")):
            raise ValueError("is not amqp:// or amqps://")
        return value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("WALLET_TLS_CERT_FILE and WALLET_TLS_KEY_FILE go together")
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("WALLET_TLS_CLIENT_CA_FILE needs WALLET_TLS_CERT_FILE")
        return self

    @property
    def service_dsn(self) -> str:
        """The service's DSN, in the clear."""
        return self.database_url.get_secret_value()

    @property
    def admin_dsn(self) -> str:
        """The schema owner's DSN, in the clear."""
        return (self.admin_database_url or self.database_url).get_secret_value()


class AdminSettings(BaseSettings):
    """What the schema owner's commands need: they may run before the service has a login."""

    model_config = Settings.model_config

    database_url: SecretStr | None = None
    admin_database_url: SecretStr | None = None
    environment: Environment = Environment.TEST

    @field_validator("environment", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_a_dsn(self) -> Self:
        if self.admin_database_url is None and self.database_url is None:
            raise ValueError("WALLET_ADMIN_DATABASE_URL is required")
        return self

    @property
    def admin_dsn(self) -> str:
        """The schema owner's DSN, in the clear."""
        url = self.admin_database_url or self.database_url
        assert url is not None
        return url.get_secret_value()
