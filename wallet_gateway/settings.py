"""The gateway's settings: typed, with their units, read once from the environment (`WALLET_` + the name).

`docs/settings.md` is written from this file; tests/unit/test_settings_doc.py does so, and holds the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from wallet_grpc.secret_files import EnvironmentSettings
from wallet_grpc.settings import Address, LogFormat, LogLevel, Milliseconds
from wallet_grpc.tls_files import TlsFiles


class GatewaySettings(EnvironmentSettings):
    """The gateway's settings."""

    gateway_address: Address = Field(default="127.0.0.1:8082", description="Where HTTP is served, `host:port`.")
    gateway_metrics_address: Address | None = Field(
        default=None, description="Where the gateway's Prometheus metrics are served, `host:port`; off without."
    )
    gateway_tls_cert_file: Path | None = Field(
        default=None, description="Certificate chain of HTTPS, PEM. Without: plain text, HTTP/2 by prior knowledge."
    )
    gateway_tls_key_file: Path | None = Field(default=None, description="The certificate's private key, PEM.")

    gateway_wallet_address: Address = Field(
        default="127.0.0.1:50051", description="The gRPC server that calls are forwarded to, `host:port`."
    )
    gateway_wallet_ca_file: Path | None = Field(
        default=None, description="CA of the gRPC server's certificate, PEM. Without: plain text."
    )
    gateway_wallet_cert_file: Path | None = Field(
        default=None, description="Certificate chain to show to the gRPC server, PEM (mutual TLS)."
    )
    gateway_wallet_key_file: Path | None = Field(default=None, description="That certificate's private key, PEM.")
    gateway_channels: int = Field(
        default=4, ge=1, le=64, description="Connections to the gRPC server; its workers share them."
    )

    gateway_message_bytes_max: int = Field(
        default=16 * 1024 * 1024,
        ge=4096,
        le=256 * 1024 * 1024,
        description="The largest message in protobuf, in bytes: as large as the gRPC server's.",
    )
    gateway_json_bytes_max: int = Field(
        default=2 * 1024 * 1024, ge=4096, le=64 * 1024 * 1024, description="The largest message in JSON, in bytes."
    )
    gateway_held_bytes_max: int = Field(
        default=128 * 1024 * 1024,
        ge=1024 * 1024,
        description="Bytes of long requests (above 64 KiB) that are held at once; more get QUEUE_FULL.",
    )
    gateway_calls_max: int = Field(
        default=2_000, ge=2, description="Calls that are held at once, half of them streams; more get QUEUE_FULL."
    )
    gateway_connections_max: int = Field(
        default=4_096,
        ge=1,
        le=100_000,
        description="Connections that are served at once; more wait to be accepted. Each takes a file descriptor.",
    )
    gateway_silence_timeout_ms: Milliseconds = Field(
        default=75_000,
        description="How long a connection may be open and say nothing, or fewer than 24 bytes, in ms; then it ends.",
    )
    gateway_request_timeout_ms: Milliseconds = Field(
        default=31_000,
        description="The longest that a unary call waits for its answer, in ms; `Connect-Timeout-Ms` may be shorter.",
    )
    gateway_lame_duck_ms: int = Field(
        default=1_000,
        ge=0,
        le=3_600_000,
        description="How long a gateway serves on after SIGTERM while `/readyz` says 503, in ms.",
    )
    gateway_stop_timeout_ms: Milliseconds = Field(
        default=35_000, description="How long a stopping gateway may take to finish its answers, in ms."
    )

    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    log_format: LogFormat = Field(default=LogFormat.JSON, description="`json` for programs, `console` for people.")

    @property
    def gateway_tls_files(self) -> TlsFiles | None:
        """What HTTPS is served with; None for plain text."""
        if self.gateway_tls_cert_file is None or self.gateway_tls_key_file is None:
            return None
        return TlsFiles(cert_file=self.gateway_tls_cert_file, key_file=self.gateway_tls_key_file, client_ca_file=None)

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.gateway_tls_cert_file is None) != (self.gateway_tls_key_file is None):
            raise ValueError("WALLET_GATEWAY_TLS_CERT_FILE and WALLET_GATEWAY_TLS_KEY_FILE go together")
        if (self.gateway_wallet_cert_file is None) != (self.gateway_wallet_key_file is None):
            raise ValueError("WALLET_GATEWAY_WALLET_CERT_FILE and WALLET_GATEWAY_WALLET_KEY_FILE go together")
        if self.gateway_wallet_cert_file is not None and self.gateway_wallet_ca_file is None:
            raise ValueError("WALLET_GATEWAY_WALLET_CERT_FILE needs WALLET_GATEWAY_WALLET_CA_FILE")
        return self
