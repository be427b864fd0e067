"""Properties: what a sender wrote beside a message's body, read from its bytes (AMQP 0-9-1, basic class).

The client library never sees them: bytes that it cannot decode end its connection, and with it every delivery that is
under way. Here nothing raises and nothing loops, whatever the bytes are: what can be read is given, and beside it what
is wrong with the rest.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wallet_grpc.domain.refusals import Reason, Refusal, invalid

_DEPTH_MAX = 32
"""How deeply tables and arrays may stand in one another."""
_VALUES_MAX = 1_000
"""In all tables and arrays of a message together: a frame has room for many more, which would take long to read."""
_TIMESTAMP_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999; timestamps are in seconds, and some senders' in milliseconds."""
_FLAGS_UNKNOWN = 0b11
"""The last two flags: no property has them."""

UNDECODED: Final = "undecoded"
"""Under this name stand the bytes from which on nothing could be read, in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What could be read of a message's properties."""

    values: Mapping[str, Any]
    """By their names in AMQP, with an underscore: `content_type`, `headers` and so on; only those that were given."""
    fault: Refusal | None
    """What is wrong with the first that could not be read; None if all could."""

    @property
    def headers(self) -> Mapping[str, Any]:
        """The sender's own headers."""
        headers: Mapping[str, Any] = self.values.get("headers", {})
        return headers

    def text(self, name: str) -> str | None:
        """Give a property that is a text."""
        value: str | None = self.values.get(name)
        return value


def read_properties(data: bytes) -> Properties:
    """Read the flags and the properties of a content header."""
    reader = _Reader(data)
    values: dict[str, Any] = {}
    try:
        flags = reader.flags()
        for bit, (name, read) in enumerate(_PROPERTIES):
            if flags & 1 << 15 - bit:
                reader.begin(name)
                values[name] = read(reader)
        reader.begin("properties")
        reader.finish()
    except _UnreadableError as error:
        reader.blame(str(error))
        values[UNDECODED] = base64.b64encode(reader.rest()).decode()
    return Properties(values=values, fault=reader.fault)


def readable_bytes(data: bytes) -> str:
    """Make a text of bytes that should be one: what is not UTF-8 is shown by its numbers."""
    return data.decode("utf-8", "backslashreplace")


class _UnreadableError(Exception):
    """Nothing can be read from here on; the message says why."""


class _Reader:
    """Reads one value after the other. A text that is not UTF-8 is a fault, and reading goes on behind it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._began = 0
        self._end = len(data)
        self._depth = 0
        self._values = 0
        self._name = "properties"
        self.fault: Refusal | None = None

    def begin(self, name: str) -> None:
        """Begin with a property, which is blamed for what is wrong from here on."""
        self._name, self._began = name, self._at

    def rest(self) -> bytes:
        """Give what was not read, from the beginning of the property that could not be."""
        return self._data[self._began :]

    def blame(self, what: str) -> None:
        """Note what is wrong, unless something was before."""
        if self.fault is None:
            self.fault = invalid(Reason.INVALID_FIELD, self._name, what)

    def flags(self) -> int:
        """Read which properties there are."""
        (flags,) = self.unpack(_SHORT)
        if flags & _FLAGS_UNKNOWN:
            raise _UnreadableError("has flags that AMQP does not know")
        return int(flags)

    def finish(self) -> None:
        """Find nothing more to read."""
        if self._at < self._end:
            raise _UnreadableError("has bytes after the last property")

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > self._end:
            raise _UnreadableError("is cut off")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def unpack(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.take(layout.size))

    def short_text(self) -> str:
        """Read a text of up to 255 bytes."""
        taken = self.take(self.unpack(_OCTET)[0])
        try:
            return taken.decode()
        except UnicodeDecodeError:
            self.blame("must be UTF-8")
            return readable_bytes(taken)

    def long_text(self) -> str | bytes:
        """Read a long string: a text, or bytes, which senders may mean."""
        taken = self.take(self.unpack(_LONG)[0])
        try:
            return taken.decode()
        except UnicodeDecodeError:
            return taken

    def timestamp(self) -> int:
        (value,) = self.unpack(_TIMESTAMP)
        if value > _TIMESTAMP_MAX:
            self.blame("must be a time in seconds")
        return int(value)

    def double(self) -> float | str:
        """Read a floating-point number; what JSON has no number for is a text."""
        (value,) = self.unpack(_DOUBLE)
        return value if math.isfinite(value) else str(value)

    def single(self) -> float | str:
        """Read one of half the size."""
        (value,) = self.unpack(_FLOAT)
        return value if math.isfinite(value) else str(value)

    def decimal(self) -> str:
        scale, digits = self.unpack(_DECIMAL)
        return f"{digits}e-{scale}"

    def headers(self) -> dict[str, Any]:
        """Read the sender's own headers; after one that cannot be read the properties behind them still can be."""
        found: dict[str, Any] = {}
        end = self._enter()
        began = self._at
        try:
            while self._at < end:
                began = self._at
                self._entry(found)
            self._leave(end)
        except _UnreadableError as error:
            self.blame(str(error))
            found[UNDECODED] = base64.b64encode(self._data[began:end]).decode()
            self._at, self._depth = end, 0
        return found

    def table(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        end = self._enter()
        while self._at < end:
            self._entry(found)
        self._leave(end)
        return found

    def _entry(self, found: dict[str, Any]) -> None:
        name = self.short_text()
        if name in found:
            self.blame("must not name a header twice")
        found[name] = self.value()

    def array(self) -> list[Any]:
        found: list[Any] = []
        end = self._enter()
        while self._at < end:
            found.append(self.value())
        self._leave(end)
        return found

    def value(self) -> Any:
        self._values += 1
        if self._values > _VALUES_MAX:
            raise _UnreadableError(f"must have at most {_VALUES_MAX} values")
        kind = self.take(1)
        read = _KINDS.get(kind)
        if read is None:
            raise _UnreadableError(f"has a value of unknown type {kind!r}")
        return read(self)

    def _enter(self) -> int:
        """Begin a table or array; gives where it ends."""
        end = self.unpack(_LONG)[0] + self._at
        self._depth += 1
        if end > self._end:
            raise _UnreadableError("is cut off")
        if self._depth > _DEPTH_MAX:
            raise _UnreadableError("must not be nested so deeply")
        return int(end)

    def _leave(self, end: int) -> None:
        self._depth -= 1
        if self._at != end:
            raise _UnreadableError("has a table that ends within a value")


def _number(layout: str) -> Callable[[_Reader], Any]:
    made = struct.Struct(layout)
    return lambda reader: reader.unpack(made)[0]


_OCTET = struct.Struct(">B")
_SHORT = struct.Struct(">H")
_LONG = struct.Struct(">I")
_TIMESTAMP = struct.Struct(">Q")
_DECIMAL = struct.Struct(">Bi")
_FLOAT = struct.Struct(">f")
_DOUBLE = struct.Struct(">d")

_PROPERTIES: tuple[tuple[str, Callable[[_Reader], Any]], ...] = (
    ("content_type", _Reader.short_text),
    ("content_encoding", _Reader.short_text),
    ("headers", _Reader.headers),
    ("delivery_mode", _number(">B")),
    ("priority", _number(">B")),
    ("correlation_id", _Reader.short_text),
    ("reply_to", _Reader.short_text),
    ("expiration", _Reader.short_text),
    ("message_id", _Reader.short_text),
    ("timestamp", _Reader.timestamp),
    ("type", _Reader.short_text),
    ("user_id", _Reader.short_text),
    ("app_id", _Reader.short_text),
    ("cluster_id", _Reader.short_text),
)
"""In the order of their flags, from the highest bit."""

_KINDS: Mapping[bytes, Callable[[_Reader], Any]] = {
    b"t": lambda reader: reader.take(1) != b"\0",
    b"b": _number(">b"),
    b"B": _number(">B"),
    b"s": _number(">h"),
    b"u": _number(">H"),
    b"I": _number(">i"),
    b"i": _number(">I"),
    b"l": _number(">q"),
    b"L": _number(">q"),
    b"f": _Reader.single,
    b"d": _Reader.double,
    b"D": _Reader.decimal,
    b"S": _Reader.long_text,
    b"x": lambda reader: reader.take(reader.unpack(_LONG)[0]),
    b"A": _Reader.array,
    b"F": _Reader.table,
    b"T": _Reader.timestamp,
    b"V": lambda _: None,
    b"\0": lambda _: None,
}
"""The types of a table's values, as RabbitMQ and its clients write them."""
