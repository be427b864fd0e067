"""The gRPC server: address, TLS, bounds, health, reflection, and a stop that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from wallet.v1 import backoffice_pb2, credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2
from wallet_grpc.addresses import AddressInUseError, why_not_bound
from wallet_grpc.domain.cells import Cell, schema_of
from wallet_grpc.rpc.credit.service import CreditWalletServicer
from wallet_grpc.rpc.ledgers.service import LedgerServicer
from wallet_grpc.rpc.players.service import WalletServicer
from wallet_grpc.rpc.sessions.service import LedgerSessionServicer

from .certificates import ServedCertificate
from .gate import CallGate
from .handlers import Servicer, handlers_of, handlers_of_parts
from .metrics import CallMetrics
from .open_calls import HEALTH, REFLECTION, Health, OpenCalls, Reflection

_WALLET = wallet_pb2.DESCRIPTOR.services_by_name["WalletService"]
_SESSIONS = session_pb2.DESCRIPTOR.services_by_name["LedgerSessionService"]
_CREDIT = credit_wallet_pb2.DESCRIPTOR.services_by_name["CreditWalletService"]
_LEDGERS = ledger_pb2.DESCRIPTOR.services_by_name["LedgerService"]
_BACKOFFICE = backoffice_pb2.DESCRIPTOR.services_by_name["BackofficeService"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Servicers:
    """The services that are served."""

    wallet: WalletServicer
    sessions: LedgerSessionServicer
    credit: CreditWalletServicer
    ledgers: LedgerServicer
    backoffice: Sequence[Servicer]
    """The parts of BackofficeService, each with the calls that it answers."""


class WalletServer:
    """The server of one process. Several processes may share an address: the kernel spreads the connections."""

    def __init__(
        self,
        settings: ServerSettings,
        gate: CallGate,
        servicers: Servicers,
        *,
        certificate: ServedCertificate | None,
    ) -> None:
        """Bind the address. Without a certificate it serves plain text.

        Raises:
            AddressInUseError: It cannot be bound.
        """
        self._gate = gate
        self._ready = False
        self._cells: Mapping[Cell, bool] = {}
        self._server = grpc.aio.server(options=_options(settings))
        gated: dict[ServiceDescriptor, Servicer] = {
            _WALLET: servicers.wallet,
            _SESSIONS: servicers.sessions,
            _CREDIT: servicers.credit,
            _LEDGERS: servicers.ledgers,
        }
        for service, servicer in gated.items():
            self._serve(service, handlers_of(servicer, service))
        self._serve(_BACKOFFICE, handlers_of_parts(servicers.backoffice, _BACKOFFICE))
        services = (*gated, _BACKOFFICE)
        share = OpenCalls(gate)
        self._health = Health(share, [service.full_name for service in services])
        self._serve(HEALTH, self._health.handlers())
        described = [service.full_name for service in (*services, HEALTH, REFLECTION)]
        self._serve(REFLECTION, Reflection(share, described).handlers())
        self._server.add_generic_rpc_handlers((_NotServed(gate.metrics),))
        try:
            if certificate is None:
                self._server.add_insecure_port(settings.address)
            else:
                self._server.add_secure_port(settings.address, certificate.credentials())
        except RuntimeError as error:
            reason = why_not_bound(settings.address)
            raise AddressInUseError(f"{settings.address} cannot be bound: {reason}") from error

    async def start(self) -> None:
        """Serve, and say so to health checks."""
        await self._server.start()
        self.tell_readiness(ready=True)

    def tell_readiness(self, *, ready: bool, cells: Mapping[Cell, bool] | None = None) -> None:
        """Tell health checks whether calls are wanted, and which of several cells answer, where that has changed."""
        cells = dict(cells or {})
        if ready is not self._ready or cells != self._cells:
            self._ready, self._cells = ready, cells
            self._health.tell(serving=ready, parts={schema_of(cell): answers for cell, answers in cells.items()})

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


class _NotServed(grpc.GenericRpcHandler):
    """Counts the calls of methods that there are not; it is asked last, and gRPC refuses them as UNIMPLEMENTED."""

    def __init__(self, metrics: CallMetrics) -> None:
        self._metrics = metrics

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> None:  # noqa: ARG002 - whatever it is
        """Have no handler."""
        self._metrics.not_served()


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
