"""The gRPC server: address, TLS, bounds, health, reflection, and a stop that loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2
from wallet_grpc.addresses import AddressInUseError, why_not_bound
from wallet_grpc.rpc.credit.service import CreditWalletServicer
from wallet_grpc.rpc.ledgers.service import LedgerServicer
from wallet_grpc.rpc.players.service import WalletServicer
from wallet_grpc.rpc.sessions.service import LedgerSessionServicer

from .gate import CallGate
from .handlers import Servicer, handlers_of
from .open_calls import Health, OpenCalls, Reflection

_WALLET = wallet_pb2.DESCRIPTOR.services_by_name["WalletService"]
_SESSIONS = session_pb2.DESCRIPTOR.services_by_name["LedgerSessionService"]
_CREDIT = credit_wallet_pb2.DESCRIPTOR.services_by_name["CreditWalletService"]
_LEDGERS = ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"]
_HEALTH: Any = health_pb2.DESCRIPTOR.services_by_name["Health"]
_REFLECTION: Any = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]

_KEEPALIVE_MS = 30_000
_PENDING_CALLS_MAX = 10_000
"""Calls that gRPC's core may hold before Python sees them; past that it cancels them without a word."""
_STREAM_WINDOW_BYTES = 65_535
"""What a stream may send before somebody reads it. Together with the number of streams it bounds what gRPC holds for
calls that are not let in; to a message that is being read gRPC opens the window as far as the message needs."""
_METADATA_BYTES = 8 * 1024
_METADATA_BYTES_MAX = 16 * 1024
"""Above the first, calls are refused ever more often, above the second always."""
_HANDSHAKE_MS = 10_000
"""How long a connection may take until it speaks TLS and HTTP/2."""
_NO_COMPRESSION = 1
"""The set of algorithms that are understood, as bits: the identity alone. The limit of a message counts the bytes that
come in, and a small compressed message can become a gigabyte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where and how gRPC is served."""

    address: str
    shares_address: bool
    """Whether other worker processes serve on the same address."""
    message_bytes_max: int
    connection_calls_max: int
    connection_age_max_ms: int
    connection_age_grace_ms: int
    """How long calls on a connection that is too old may go on; then it is cut."""
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


class WalletServer:
    """The server of one process. Several processes may share an address: the kernel spreads the connections."""

    def __init__(self, settings: ServerSettings, gate: CallGate, servicers: Servicers) -> None:
        self._gate = gate
        self._ready = False
        self._server = grpc.aio.server(options=_options(settings))
        gated: dict[ServiceDescriptor, Servicer] = {
            _WALLET: servicers.wallet,
            _SESSIONS: servicers.sessions,
            _CREDIT: servicers.credit,
            _LEDGERS: servicers.ledgers,
        }
        for service, servicer in gated.items():
            self._serve(service, handlers_of(servicer, service))
        share = OpenCalls(gate)
        self._health = Health(share, [service.full_name for service in gated])
        self._serve(_HEALTH, self._health.handlers())
        described = [service.full_name for service in (*gated, _HEALTH, _REFLECTION)]
        self._serve(_REFLECTION, Reflection(share, described).handlers())
        try:
            self._bind(settings)
        except RuntimeError as error:
            reason = why_not_bound(settings.address)
            raise AddressInUseError(f"{settings.address} cannot be bound: {reason}") from error

    async def start(self) -> None:
        """Serve, and say so to health checks."""
        await self._server.start()
        self.tell_readiness(ready=True)

    def tell_readiness(self, *, ready: bool) -> None:
        """Tell health checks whether calls are wanted, where that has changed."""
        if ready is not self._ready:
            self._ready = ready
            self._health.tell(serving=ready)

    def leave_rotation(self) -> None:
        """Tell health checks that no more calls are wanted, and serve on."""
        self._health.tell(serving=False)

    async def stop(self, timeout_s: float) -> None:
        """Refuse new calls, end streams and watches, and give those that were let in their time to be answered.

        Connections stay open, so that a call which comes late is refused with a reason, until the process ends with
        them: a call on its way then is UNAVAILABLE to its client. gRPC's own stop would cancel what comes in after it,
        and CANCELLED is what no retry policy sends again.
        """
        self._gate.close()
        self._health.tell(serving=False)
        await self._gate.emptied(timeout_s)

    def _serve(self, service: ServiceDescriptor, handlers: dict[str, grpc.RpcMethodHandler[Any, Any]]) -> None:
        # Not as "registered methods": for each of them gRPC's loop waits anew at every call that comes in.
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

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


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", int(settings.shares_address)),
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        ("grpc.max_concurrent_streams", settings.connection_calls_max),
        ("grpc.http.overload_protection", 0),  # it counts ended calls until Python frees them, and refuses good ones
        ("grpc.max_connection_age_ms", settings.connection_age_max_ms),
        ("grpc.max_connection_age_grace_ms", settings.connection_age_grace_ms),
        ("grpc.server.max_pending_requests", _PENDING_CALLS_MAX),
        ("grpc.server.max_pending_requests_hard_limit", _PENDING_CALLS_MAX),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES_MAX),
        ("grpc.http2.bdp_probe", 0),  # or the window grows with what a connection sends
        ("grpc.http2.lookahead_bytes", _STREAM_WINDOW_BYTES),
        ("grpc.compression_enabled_algorithms_bitset", _NO_COMPRESSION),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", _KEEPALIVE_MS // 3),
    ]
