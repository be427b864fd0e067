"""Messages whose properties are written byte by byte, as no client library would write them."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiormq
from aiormq.abc import AbstractChannel

from wallet_grpc.messaging.broker import BROKER_ERRORS

_NAMES = (
    "content_type",
    "content_encoding",
    "headers",
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)


def properties(**given: Any) -> bytes:
    """Write the flags and these properties: bytes as they are, texts as short strings, numbers as an octet."""
    flags = sum(1 << 15 - bit for bit, name in enumerate(_NAMES) if name in given)
    return struct.pack(">H", flags) + b"".join(_written(given[name]) for name in _NAMES if name in given)


def short(text: bytes) -> bytes:
    """Write a short string."""
    return bytes([len(text)]) + text


def long(value: bytes, kind: bytes = b"S") -> bytes:
    """Write the value of a header, of a type that begins with its length."""
    return kind + struct.pack(">I", len(value)) + value


def table(*entries: tuple[bytes, bytes]) -> bytes:
    """Write headers, their values written already."""
    inner = b"".join(short(name) + value for name, value in entries)
    return struct.pack(">I", len(inner)) + inner


def array(*values: bytes) -> bytes:
    """Write the value of a header that is an array."""
    return long(b"".join(values), b"A")


def _written(value: bytes | str | int) -> bytes:
    match value:
        case str():
            return short(value.encode())
        case int():
            return bytes([value])
    return value


class _Written:
    """Properties that are their own bytes; the library wants to know the id of what it publishes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.message_id = "unseen"

    def marshal(self) -> bytes:
        return self._data


class _WrittenText(str):
    """A short string that is its own bytes."""

    __slots__ = ("data",)

    def encode(self, *_: Any) -> bytes:
        return self.data


async def publish(channel: AbstractChannel, exchange: str, routing_key: bytes, written: bytes, body: bytes) -> None:
    """Publish, and wait for the broker's confirmation."""
    key = _WrittenText(routing_key.decode("latin-1"))
    key.data = routing_key
    made: Any = _Written(written)
    await channel.basic_publish(body, exchange=exchange, routing_key=key, properties=made)


async def publish_all(amqp_url: str, exchange: str, messages: Sequence[tuple[bytes, bytes, bytes]]) -> None:
    """Publish messages of routing key, properties and body one after the other."""
    async with aiormq.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        for routing_key, written, body in messages:
            await publish(channel, exchange, routing_key, written, body)


async def publish_what_is_taken(amqp_url: str, exchange: str, messages: Sequence[tuple[bytes, bytes, bytes]]) -> int:
    """Publish messages on a connection each, since the broker closes it over what it cannot read."""
    taken = 0
    for message in messages:
        with suppress(*BROKER_ERRORS):
            await publish_all(amqp_url, exchange, [message])
            taken += 1
    return taken
