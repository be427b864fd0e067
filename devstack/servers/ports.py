"""TCP ports on 127.0.0.1: which are free, and which one a server that wants to keep its port should begin with."""

import secrets
import socket
import time

_PORTS = range(20_000, 30_000)  # below the ephemeral range, so that no outgoing connection takes it between two starts
_TRIES_MAX = 200
_PORT_POLL_S = 0.03


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


def kept_or_new(port: int, *, timeout_s: float) -> int:
    """Return a port if it is free, or becomes so in time; else another one that is."""
    return port if becomes_free(port, timeout_s=timeout_s) else free_port()


def becomes_free(port: int, *, timeout_s: float) -> bool:
    """Wait until nobody holds a port; False if somebody still does at the end of the time."""
    deadline = time.monotonic() + timeout_s
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PORT_POLL_S)
    return True


def listens(port: int) -> bool:
    """Tell whether somebody listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
