"""Every setting of the service: typed, with its unit, read once from the environment (`WALLET_` + its name).

`docs/settings.md` is written from this file; tests/unit/test_settings_doc.py does so, and holds the two together.

Long because every setting stands here, with what it means.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from .secret_files import EnvironmentSettings
from .tls_files import TlsFiles

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


def parted(text: str) -> list[str]:
    """Give what a setting names, parted by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


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


def check_dsn(dsn: str) -> None:
    """See that a DSN can be read, and that no part of its password is read as a host or as a database.

    What cannot be connected to is told by the names of these.

    Raises:
        ValueError: It cannot, or some is. The message tells nothing of what it holds.
    """
    try:
        conninfo_to_dict(dsn)
    except ProgrammingError:  # its message may hold the password
        raise ValueError("cannot be read: it must be a DSN as libpq takes it") from None
    scheme, _, named = dsn.partition("://")
    if "@" in named.partition("/")[0]:
        named = named.partition("@")[2]
    if scheme in {"postgres", "postgresql"} and "@" in named.partition("?")[0]:
        raise ValueError("is no URL: in a password, `@` and `/` are written %40 and %2F")


def _as_libpq_takes_it(value: SecretStr) -> SecretStr:
    check_dsn(value.get_secret_value())
    return value


def _amqp_url(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if not url.startswith(("amqp://", "amqps://")):
        raise ValueError("is not amqp:// or amqps://")
    try:
        parts = urlsplit(url)
        is_broken = parts.port == 0 or ("@" in url and "@" not in parts.netloc)  # a password would be told as a host
    except ValueError:  # its message may hold the password
        is_broken = True
    if is_broken:
        raise ValueError("is no URL: in a password, `/`, `#`, `?` and `[` are written %2F, %23, %3F, %5B")
    return value


Milliseconds = Annotated[int, Field(gt=0, le=3_600_000)]
LogLevel = Annotated[str, AfterValidator(_known_level)]
Address = Annotated[str, AfterValidator(_host_and_port)]
QueueName = Annotated[str, AfterValidator(_queue_name)]
Dsn = Annotated[SecretStr, AfterValidator(_as_libpq_takes_it)]
AmqpUrl = Annotated[SecretStr, AfterValidator(_amqp_url)]


class Settings(EnvironmentSettings):
    """The service's settings."""

    database_url: Dsn = Field(
        description="PostgreSQL DSN of the service, a login with the rights of role `wallet_service`. Required."
    )
    admin_database_url: Dsn | None = Field(
        default=None,
        description="DSN of the schema's owner, for `wallet migrate`, `keys`, `currencies` and `balances`. "
        "Default: the service's.",
    )
    environment: Environment = Field(
        default=Environment.TEST, description="`test` or `live`; must be the database's own."
    )

    cells: str | None = Field(
        default=None,
        pattern=r"^[0-9]+(,[0-9]+)*$",
        description="Numbers of the cells that this process serves, such as `0,2`; all of them without. "
        "(docs/scaling.md)",
    )

    grpc_address: Address = Field(default="127.0.0.1:50051", description="Where gRPC is served, `host:port`.")
    workers: int = Field(default=1, ge=1, le=64, description="Server processes that share the address.")
    worker_hung_after_ms: Milliseconds = Field(
        default=10_000,
        ge=1_000,
        description="After how long a silence of its event loop a process is hung, in ms: liveness by HTTP says so, "
        "and one of several workers is killed and replaced.",
    )
    metrics_address: Address | None = Field(
        default=None,
        description="Where Prometheus metrics and HTTP probes are served, `host:port`, of all workers together; off "
        "without.",
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
    slow_call_ms: int = Field(
        default=1_000,
        ge=0,
        le=3_600_000,
        description="From how long on a unary call is logged (`slow_call`) with its parts, in ms; 0: none is.",
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
        description="Lanes of a worker, for each cell that it serves; each holds two database connections. One lane "
        "more waits for locks of others.",
    )
    batch_operations_max: int = Field(
        default=200, ge=1, le=500, description="Mutations that commit together; 1: each in a transaction of its own."
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
    read_connections_max: int = Field(
        default=4, ge=1, le=100, description="Connections of a worker for reads, for each cell that it serves."
    )
    backoffice_database_url: Dsn | None = Field(
        default=None,
        description="PostgreSQL DSN of what operators look up, a login with the rights of role `wallet_backoffice` and "
        "no others; it may lead to a read replica. Default: `WALLET_DATABASE_URL`, on connections that cannot write.",
    )
    backoffice_connections_max: int = Field(
        default=2, ge=1, le=100, description="Connections of a worker for what operators look up, for each cell."
    )
    backoffice_query_timeout_ms: Milliseconds = Field(
        default=2_000,
        le=60_000,
        description="The longest query of what operators look up, in ms; then the call is DATABASE_UNAVAILABLE.",
    )
    backoffice_scan_rows_max: int = Field(
        default=5_000,
        ge=200,
        le=1_000_000,
        description="Rows that are looked at for one page of what operators look up; a page that filters what is rare "
        "may hold fewer than its size.",
    )
    keys_refresh_ms: Milliseconds = Field(
        default=2_000, le=4_000, description="How long the keys are trusted without reading them again, in ms."
    )

    key_uses_interval_ms: Milliseconds = Field(
        default=20_000,
        ge=1_000,
        le=40_000,
        description="How often a process stores when keys were last used, in ms: one statement for all of them.",
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

    day_begins_at_hour: int = Field(
        default=0,
        ge=0,
        le=23,
        description="The hour at which business days begin, UTC. The first day fixes it for the installation.",
    )
    days_interval_ms: Milliseconds = Field(
        default=5_000,
        le=600_000,
        description="How often what was done is counted into the open business day, in ms; days are closed as late.",
    )

    amqp_url: AmqpUrl | None = Field(
        default=None,
        description="RabbitMQ, `amqp://` or `amqps://`, for `wallet consume` and `wallet relay`; required by them.",
    )
    amqp_ca_file: Path | None = Field(
        default=None, description="CA that RabbitMQ's certificate must be of, PEM. Default: those of the system."
    )
    amqp_cert_file: Path | None = Field(
        default=None, description="Certificate chain that RabbitMQ is shown, PEM, if it asks for one."
    )
    amqp_key_file: Path | None = Field(default=None, description="That certificate's private key, PEM.")
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

    adjustment_alone_max: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]{0,9}=(0|[1-9][0-9]{0,37})(,[1-9][0-9]{0,9}=(0|[1-9][0-9]{0,37}))*$",
        description="What one person alone may adjust at a time, in minor units by currency network, such as "
        "`1=50000000,2=0`; more needs another person's approval. Networks that it does not name: on `test` any amount, "
        "on `live` none.",
    )

    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="`json` for programs, `console` for people.")

    @field_validator("environment", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @property
    def served_cells(self) -> frozenset[int] | None:
        """The cells that the process is to serve; None: all there are."""
        return None if self.cells is None else frozenset(map(int, self.cells.split(",")))

    @property
    def alone_max_minor(self) -> dict[int, int]:
        """What one person alone may adjust at a time, in minor units, by the currency networks that have a bound."""
        named = (self.adjustment_alone_max or "").split(",")
        return {int(network): int(amount) for network, _, amount in (pair.partition("=") for pair in named if pair)}

    @model_validator(mode="after")
    def _each_network_has_one_bound(self) -> Self:
        named = [pair.partition("=")[0] for pair in (self.adjustment_alone_max or "").split(",")]
        if len(set(named)) != len(named):
            raise ValueError("WALLET_ADJUSTMENT_ALONE_MAX names a currency network twice")
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("WALLET_TLS_CERT_FILE and WALLET_TLS_KEY_FILE go together")
        if self.tls_client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("WALLET_TLS_CLIENT_CA_FILE needs WALLET_TLS_CERT_FILE")
        return self

    @model_validator(mode="after")
    def _tls_to_the_broker_is_whole(self) -> Self:
        if (self.amqp_cert_file is None) != (self.amqp_key_file is None):
            raise ValueError("WALLET_AMQP_CERT_FILE and WALLET_AMQP_KEY_FILE go together")
        if self.amqp_ca_file is None and self.amqp_cert_file is None:
            return self
        if self.amqp_url is not None and not self.amqp_url.get_secret_value().startswith("amqps://"):
            raise ValueError("WALLET_AMQP_CA_FILE and WALLET_AMQP_CERT_FILE are for a WALLET_AMQP_URL of amqps://")
        return self

    @property
    def tls_files(self) -> TlsFiles | None:
        """What is served by TLS; None: plain text is."""
        if self.tls_cert_file is None or self.tls_key_file is None:
            return None
        return TlsFiles(
            cert_file=self.tls_cert_file, key_file=self.tls_key_file, client_ca_file=self.tls_client_ca_file
        )

    @property
    def service_dsn(self) -> str:
        """The service's DSN, in the clear."""
        return self.database_url.get_secret_value()

    @property
    def backoffice_dsn(self) -> str:
        """The DSN of what operators look up, in the clear."""
        return (self.backoffice_database_url or self.database_url).get_secret_value()

    @property
    def admin_dsn(self) -> str:
        """The schema owner's DSN, in the clear."""
        return (self.admin_database_url or self.database_url).get_secret_value()


class AdminSettings(EnvironmentSettings):
    """What the schema owner's commands need: they may run before the service has a login."""

    database_url: Dsn | None = None
    admin_database_url: Dsn | None = None
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
