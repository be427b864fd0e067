"""TCP ports on 127.0.0.1: which are free, and which one a server that wants to keep its port should begin with."""

import secrets
import socket
import sys
import time

_PORTS = range(20_000, 30_000)  # below the ephemeral range, so that no outgoing connection takes it between two starts
_TRIES_MAX = 200
_PORT_POLL_S = 0.03

_given: list[socket.socket] = []
"""Names of the ports that this process was given: as long as it lives, no other is given one of them."""


class NoFreePortError(Exception):
    """Not one of many ports was free."""


def free_port() -> int:
    """Return a port that is free now, and that is given to nobody else while this process lives.

    A server may need many seconds until it listens, and others look for ports meanwhile.

    Raises:
        NoFreePortError: None was found.
    """
    for _ in range(_TRIES_MAX):
        port = secrets.choice(_PORTS)
        if is_free(port) and _is_given_to_us(port):
            return port
    raise NoFreePortError(f"no free port was found between {_PORTS.start} and {_PORTS.stop}")


def _is_given_to_us(port: int) -> bool:
    """Take a port for this process: by a name of Linux's, which one socket holds and which ends with it."""
    if sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0wallet-port-{port}")
    except OSError:
        name.close()
        return False
    _given.append(name)
    return True


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
