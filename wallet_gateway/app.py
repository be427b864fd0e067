"""The composition root: what the gateway is made of."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from .bodies import Bodies
from .callers import Callers
from .currencies import Currencies
from .front import Front
from .ledger import LedgerCalls
from .methods import METHODS, Codec
from .metrics import GatewayMetrics
from .settings import GatewaySettings
from .streams import StreamCalls
from .unary import UnaryCalls
from .upstream import Upstream, credentials_of

_CALLS_PER_STRANGER = 8
"""For how many calls that are held at once the key of one stranger may be looked at."""
_MS_PER_S = 1_000


def upstream_of(settings: GatewaySettings) -> Upstream:
    """Make the way to the gRPC server."""
    return Upstream(
        settings.gateway_wallet_address,
        channels=settings.gateway_channels,
        message_bytes_max=settings.gateway_message_bytes_max,
        credentials=credentials_of(
            ca_file=settings.gateway_wallet_ca_file,
            cert_file=settings.gateway_wallet_cert_file,
            key_file=settings.gateway_wallet_key_file,
        ),
    )


def front_of(settings: GatewaySettings, upstream: Upstream, registry: CollectorRegistry) -> Front:
    """Put the gateway together, before an upstream that is closed by whoever made it."""
    timeout_s = settings.gateway_request_timeout_ms / _MS_PER_S
    bytes_max = {Codec.PROTO: settings.gateway_message_bytes_max, Codec.JSON: settings.gateway_json_bytes_max}
    bodies = Bodies(held_bytes_max=settings.gateway_held_bytes_max)
    currencies = Currencies(upstream)
    ledger = LedgerCalls(upstream, currencies, bodies, timeout_s=timeout_s)
    return Front(
        upstream=upstream,
        callers=Callers(upstream, currencies, strangers_max=max(1, settings.gateway_calls_max // _CALLS_PER_STRANGER)),
        unary=UnaryCalls(upstream, bodies, bytes_max=bytes_max, timeout_s=timeout_s),
        streams=StreamCalls(upstream, bodies, bytes_max=bytes_max),
        ledger=ledger,
        metrics=GatewayMetrics(registry, [*METHODS, *ledger.calls]),
        calls_max=settings.gateway_calls_max,
        timeout_s=timeout_s,
    )
