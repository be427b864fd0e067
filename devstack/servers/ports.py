"""TCP ports on 127.0.0.1: which are free, and which one a server that wants to keep its port should begin with."""

import secrets
import socket

_PORTS = range(20_000, 30_000)  # below the ephemeral range, so that no outgoing connection takes it between two starts
_TRIES_MAX = 200


class NoFreePortError(Exception):
    """Not one of many ports was free."""


def free_port() -> int:
    """Return a port that is free now.

    Raises:
        NoFreePortError: None was found.
    """
    for _ in range(_TRIES_MAX):
        port = secrets.choice(_PORTS)
        if is_free(port):
            return port
    raise NoFreePortError(f"no free port was found between {_PORTS.start} and {_PORTS.stop}")


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
