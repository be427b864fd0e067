"""Addresses to listen at: their two parts, and why one cannot be bound, in words that tell what to do.

gRPC itself says only that it could not.
"""

from __future__ import annotations

import errno
import socket


class AddressInUseError(Exception):
    """The address to listen at cannot be bound, as a rule since another server holds it; the message says why."""


def host_and_port(address: str) -> tuple[str, int]:
    """Take an address, `host:port`, apart. An IPv6 host stands in brackets there, and without them here."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def why_not_bound(address: str) -> str:
    """Try to bind a TCP address, `host:port`, and say why that fails, or that it does not any more."""
    host, port = host_and_port(address)
    try:
        family, _, _, _, target = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            probe.listen()
    except OSError as error:
        return why(error, port=port)
    return "it could be bound a moment later; try again"


def why(error: OSError, *, port: int) -> str:
    """Say what an error of bind(2) means."""
    match error.errno:
        case errno.EADDRINUSE:
            return "another process uses it"
        case errno.EACCES:
            return f"port {port} needs root; take one from 1024 on"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return "this machine has no such address"
        case _:
            return error.strerror or str(error)
