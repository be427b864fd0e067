"""HTTP/2 by hand, for what no gRPC client would send: calls without a message, without an end, by the thousand."""

import contextlib
import socket
import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_WINDOW_BYTES = 65_535
_FRAME_BYTES = 16_384
_CONNECT_WITHIN_S = 10.0


class RawConnection:
    """One connection that sends frames as it is told to, and reads what comes in beside."""

    def __init__(self, target: str, *, source: str = "") -> None:
        """`source` is the address of this machine that it comes from, such as 127.0.0.2."""
        host, _, port = target.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), _CONNECT_WITHIN_S, (source, 0))
        self._socket.settimeout(None)
        self._changed = threading.Condition()
        self._next_stream = 1
        self._windows: dict[int, int] = {0: _WINDOW_BYTES}
        self.ended: set[int] = set()
        """Streams that the server has ended."""
        self.received: dict[int, bytes] = {}
        """What came in on each stream, without its headers; up to a window, which is not opened again."""
        self.is_closed = False
        self._send(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the server may have hung up
            self._socket.shutdown(socket.SHUT_RDWR)  # the reader holds the socket too: closing it alone ends nothing
        self._socket.close()

    def call(self, path: str, metadata: Mapping[str, str] | None = None, *, message: bytes | None = None) -> int:
        """Begin a call; with a message, it is sent whole, and neither ends the stream. Returns the stream."""
        stream = self._next_stream
        self._next_stream += 2
        headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "wallet"}
        headers |= {"te": "trailers", "content-type": "application/grpc", **(metadata or {})}
        self._windows[stream] = _WINDOW_BYTES
        frames = _frame(_HEADERS, _END_HEADERS, stream, b"".join(map(_literal, headers, headers.values())))
        if message is not None:
            frames += _frame(_DATA, 0, stream, struct.pack(">BI", 0, len(message)) + message)
        self._send(frames)
        return stream

    def announce(self, stream: int, *, message_bytes: int, sent_bytes: int, patience_s: float) -> None:
        """Send that much of a message which is longer, as far as the server lets it within a time."""
        begun = struct.pack(">BI", 0, message_bytes) + bytes(sent_bytes)
        self.write_as_allowed(stream, begun, patience_s)

    def write(self, stream: int, data: bytes, *, ends: bool = False) -> None:
        """Send data that fits the stream's window, and the end of the stream if it `ends`."""
        self._windows[0] -= len(data)
        self._windows[stream] -= len(data)
        self._send(_frame(_DATA, _END_STREAM if ends else 0, stream, data))

    def write_as_allowed(self, stream: int, data: bytes, patience_s: float) -> int:
        """Send data as far as the server lets it within that time after the last of it; gives how many bytes."""
        sent = 0
        while sent < len(data):
            with self._changed:
                if not self._changed.wait_for(lambda: self._room(stream) > 0 or self._is_over(stream), patience_s):
                    return sent
                if self._is_over(stream):
                    return sent
                size = min(len(data) - sent, self._room(stream), _FRAME_BYTES)
                self._windows[0] -= size
                self._windows[stream] -= size
            self._send(_frame(_DATA, 0, stream, data[sent : sent + size]))
            sent += size
        return sent

    def wait_for_data(self, stream: int, size: int, timeout_s: float) -> bytes:
        """Wait until that many bytes have come in on a stream, or it has ended; gives what came."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_over(stream) or len(self.received.get(stream, b"")) >= size, timeout_s
            )
            return self.received.get(stream, b"")

    def wait_for_ends(self, streams: set[int], timeout_s: float) -> bool:
        """Wait until the server has ended these streams, or the connection."""
        with self._changed:
            return self._changed.wait_for(lambda: self.is_closed or streams <= self.ended, timeout_s)

    def _room(self, stream: int) -> int:
        return min(self._windows[0], self._windows[stream])

    def _is_over(self, stream: int) -> bool:
        return self.is_closed or stream in self.ended

    def _send(self, frames: bytes) -> None:
        try:
            self._socket.sendall(frames)
        except OSError:  # the server has hung up, which it may
            self._over()

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as incoming:
                while len(head := incoming.read(9)) == 9:
                    length, kind, flags, stream = int.from_bytes(head[:3]), head[3], head[4], int.from_bytes(head[5:])
                    self._take(kind, flags, stream, incoming.read(length))
        except (OSError, ValueError):
            pass
        self._over()

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        with self._changed:
            if kind == _RST_STREAM or (kind in {_HEADERS, _DATA} and flags & _END_STREAM):
                self.ended.add(stream)
            elif kind == _WINDOW_UPDATE and stream in self._windows:
                self._windows[stream] += int.from_bytes(payload)
            if kind == _DATA:
                self.received[stream] = self.received.get(stream, b"") + payload
            self._changed.notify_all()
        if kind in {_SETTINGS, _PING} and not flags & _ACK:
            self._send(_frame(kind, _ACK, 0, payload if kind == _PING else b""))

    def _over(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _literal(name: str, value: str) -> bytes:
    """Encode a header as a literal without indexing (HPACK, RFC 7541, 6.2.2)."""
    return b"\x00" + _text(name) + _text(value)


def _text(text: str) -> bytes:
    size = len(text)
    if size < 0x7F:
        return bytes([size]) + text.encode()
    encoded, left = [0x7F], size - 0x7F
    while left >= 0x80:
        encoded.append(left % 0x80 + 0x80)
        left //= 0x80
    return bytes([*encoded, left]) + text.encode()
