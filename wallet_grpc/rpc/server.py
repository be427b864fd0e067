"""The gRPC server: address, TLS, bounds, health, reflection, and a stop that loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from wallet.v1 import (
    credit_wallet_pb2,
    credit_wallet_pb2_grpc,
    ledger_pb2,
    ledger_pb2_grpc,
    session_pb2,
    session_pb2_grpc,
    wallet_pb2,
    wallet_pb2_grpc,
)

from .calls import CallGate
from .credit_service import CreditWalletServicer
from .ledger_service import LedgerServicer
from .session_service import LedgerSessionServicer
from .wallet_service import WalletServicer

_SERVICES = (
    wallet_pb2.DESCRIPTOR.services_by_name["WalletService"].full_name,
    session_pb2.DESCRIPTOR.services_by_name["LedgerSessionService"].full_name,
    credit_wallet_pb2.DESCRIPTOR.services_by_name["CreditWalletService"].full_name,
    ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"].full_name,
)
_KEEPALIVE_MS = 30_000
_PENDING_CALLS_MAX = 50_000
"""Calls that gRPC's core may hold before Python sees them. Past that it cancels them without a word; well before that,
the limit of concurrent calls answers RESOURCE_EXHAUSTED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where and how gRPC is served."""

    address: str
    shares_address: bool
    """Whether other worker processes serve on the same address."""
    message_bytes_max: int
    concurrent_calls_max: int
    tls_cert_file: Path | None
    tls_key_file: Path | None
    tls_client_ca_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Servicers:
    """The services that are served."""

    wallet: WalletServicer
    sessions: LedgerSessionServicer
    credit: CreditWalletServicer
    ledgers: LedgerServicer


class AddressInUseError(Exception):
    """The address cannot be bound."""


class WalletServer:
    """The server of one process. Several processes may share an address: the kernel spreads the connections."""

    def __init__(self, settings: ServerSettings, gate: CallGate, servicers: Servicers) -> None:
        self._gate = gate
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=settings.concurrent_calls_max,
            options=[
                ("grpc.so_reuseport", int(settings.shares_address)),
                ("grpc.max_receive_message_length", settings.message_bytes_max),
                ("grpc.max_send_message_length", settings.message_bytes_max),
                ("grpc.server.max_pending_requests", _PENDING_CALLS_MAX),
                ("grpc.server.max_pending_requests_hard_limit", _PENDING_CALLS_MAX),
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", _KEEPALIVE_MS // 3),
            ],
        )
        wallet_pb2_grpc.add_WalletServiceServicer_to_server(servicers.wallet, self._server)
        session_pb2_grpc.add_LedgerSessionServiceServicer_to_server(servicers.sessions, self._server)
        credit_wallet_pb2_grpc.add_CreditWalletServiceServicer_to_server(servicers.credit, self._server)
        ledger_pb2_grpc.add_LedgerServiceServicer_to_server(servicers.ledgers, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        try:
            self._bind(settings)
        except RuntimeError as error:
            raise AddressInUseError(f"{settings.address} cannot be bound: is another server running there?") from error

    async def start(self) -> None:
        """Serve, and say so to health checks."""
        await self._server.start()
        await self._tell_health(serving=True)

    async def stop(self, timeout_s: float) -> None:
        """Take no more calls, finish those that were let in, then close; what is left after the time is cut off."""
        self._gate.close()
        await self._tell_health(serving=False)
        await self._server.stop(timeout_s)

    async def _tell_health(self, *, serving: bool) -> None:
        responses = health_pb2.HealthCheckResponse
        status = responses.SERVING if serving else responses.NOT_SERVING
        for service in ("", *_SERVICES):
            await self._health.set(service, status)

    def _bind(self, settings: ServerSettings) -> None:
        if settings.tls_cert_file is None or settings.tls_key_file is None:
            self._server.add_insecure_port(settings.address)
            return
        client_ca = settings.tls_client_ca_file
        credentials = grpc.ssl_server_credentials(
            [(settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())],
            root_certificates=client_ca.read_bytes() if client_ca else None,
            require_client_auth=client_ca is not None,
        )
        self._server.add_secure_port(settings.address, credentials)
