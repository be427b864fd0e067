"""File descriptors: each connection takes one, and a process begins with fewer than it may have."""

from __future__ import annotations

import resource
from contextlib import suppress

import structlog

_BESIDE_CONNECTIONS = 128
"""What a gateway needs beside its callers' connections, with room: up to 64 channels to the wallet, and its own."""

_log = structlog.get_logger(__name__)


def take_descriptors(connections_max: int) -> None:
    """Take as many as this process may have, and say so where its connections need more.

    granian 2.8 takes them as well, when it is imported, which nobody promises.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # then what there is counts
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed, fitting = connections_max + _BESIDE_CONNECTIONS, max(1, limit - _BESIDE_CONNECTIONS)
    if limit != resource.RLIM_INFINITY and limit < needed:
        _log.warning(
            "too_few_descriptors",
            setting="WALLET_GATEWAY_CONNECTIONS_MAX",
            connections_max=connections_max,
            limit=limit,
            needed=needed,
            hint=f"lower the setting to {fitting}, or raise the limit (`ulimit -Hn`) to {needed}",
        )
