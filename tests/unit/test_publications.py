"""Publications: the bytes are those that the client library would send, and each ends with the broker's word on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aio_pika
import pamqp.frame
import pytest
import pytest_asyncio
from aiormq.abc import AbstractChannel, ChannelFrame
from pamqp import commands
from pamqp.body import ContentBody
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from wallet_grpc.messaging import publications as module
from wallet_grpc.messaging.broker import BrokerGoneError
from wallet_grpc.messaging.publications import (
    Publications,
    PublishingTransport,
    RefusedByBrokerError,
    UnroutableError,
    _ConfirmationReader,
)

CHANNEL = 3
OTHER_CHANNEL = 1
FRAME_BYTES_MAX = 4096
EXCHANGE, CONTENT_TYPE, EVENT_TYPE = "wallet.events", "application/cloudevents+json", "wallet.bet.placed"


class Line:
    """A channel, what was written on it, and what the broker says."""

    def __init__(self) -> None:
        self.written = b""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        transport = PublishingTransport()
        transport.writer = cast("asyncio.StreamWriter", SimpleNamespace(write=self._write))
        tune = SimpleNamespace(frame_max=FRAME_BYTES_MAX)
        channel = SimpleNamespace(
            number=CHANNEL, connection=SimpleNamespace(connection_tune=tune), create_future=lambda: self.closed
        )
        self.publications = Publications(
            transport, cast("AbstractChannel", channel), exchange=EXCHANGE, content_type=CONTENT_TYPE
        )
        self._broker = asyncio.StreamReader()
        self._reader = _ConfirmationReader(self._broker, transport)

    def _write(self, data: bytes) -> None:
        self.written += data

    def publish(self, *event_ids: str) -> list[asyncio.Future[None]]:
        return [self.publications.publish(event_id, EVENT_TYPE, b"{}") for event_id in event_ids]

    async def say(self, *frames: Any, channel: int = CHANNEL) -> bytes:
        """Have the broker say something; gives what the client library reads of it."""
        self._broker.feed_data(b"".join(pamqp.frame.marshal(frame, channel) for frame in frames))
        self._broker.feed_data(pamqp.frame.marshal(commands.Channel.FlowOk(active=True), OTHER_CHANNEL))
        end = pamqp.frame.marshal(commands.Channel.FlowOk(active=True), OTHER_CHANNEL)
        read = b""
        while not read.endswith(end):
            read += await self._reader.readexactly(1)
        await asyncio.sleep(0)
        return read.removesuffix(end)


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    yield made
    made.closed.cancel()


def word_on(publication: asyncio.Future[None]) -> str | None:
    """What became of it: None while it waits."""
    if not publication.done():
        return None
    error = publication.exception()
    return "confirmed" if error is None else type(error).__name__


@pytest.mark.parametrize("body_bytes", [0, 2, FRAME_BYTES_MAX - 8, FRAME_BYTES_MAX - 7, 3 * FRAME_BYTES_MAX])
async def test_the_bytes_are_those_of_the_client_library(line: Line, body_bytes: int) -> None:
    body = bytes(number % 251 for number in range(body_bytes))
    message = aio_pika.Message(
        body,
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id="0197-1",
        type=EVENT_TYPE,
    )
    parts = [body[at : at + FRAME_BYTES_MAX - 8] for at in range(0, len(body), FRAME_BYTES_MAX - 8)]
    line.publications.publish("0197-1", EVENT_TYPE, body)
    assert (
        line.written
        == ChannelFrame.marshall(
            CHANNEL,
            [
                commands.Basic.Publish(exchange=EXCHANGE, routing_key=EVENT_TYPE, mandatory=True),
                ContentHeader(body_size=len(body), properties=message.properties),
                *map(ContentBody, parts),
            ],
        ).payload
    )


async def test_confirmations_are_of_one_or_of_all_up_to_it(line: Line) -> None:
    sent = line.publish("a", "b", "c", "d", "e")
    await line.say(commands.Basic.Ack(2))
    assert list(map(word_on, sent)) == [None, "confirmed", None, None, None]
    await line.say(commands.Basic.Ack(4, multiple=True))
    assert list(map(word_on, sent)) == ["confirmed", "confirmed", "confirmed", "confirmed", None]
    sent += line.publish("f")
    await line.say(commands.Basic.Ack(5), commands.Basic.Ack(6, multiple=True))
    assert {word_on(publication) for publication in sent} == {"confirmed"}


async def test_what_is_refused_is_told(line: Line) -> None:
    sent = line.publish("a", "b", "c")
    await line.say(commands.Basic.Nack(2, multiple=True, requeue=False), commands.Basic.Ack(3))
    assert list(map(word_on, sent)) == [RefusedByBrokerError.__name__, RefusedByBrokerError.__name__, "confirmed"]


async def test_what_no_queue_takes_is_told_though_the_broker_confirms_it(line: Line) -> None:
    sent = line.publish("a", "b")
    returned = aio_pika.Message(b"{}", message_id="b").properties
    read = await line.say(
        commands.Basic.Return(312, "NO_ROUTE", EXCHANGE, EVENT_TYPE),
        ContentHeader(body_size=2, properties=returned),
        ContentBody(b"{}"),
        commands.Basic.Ack(2, multiple=True),
    )
    assert list(map(word_on, sent)) == ["confirmed", UnroutableError.__name__]
    assert read == b""


async def test_the_library_reads_all_else(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SIGN_OF_LIFE_EVERY_S", 3600.0)
    (sent,) = line.publish("a")
    closing = commands.Channel.Close(404, "NOT_FOUND", 60, 40)
    elsewhere = commands.Basic.Ack(1)
    assert await line.say(elsewhere, channel=OTHER_CHANNEL) == pamqp.frame.marshal(elsewhere, OTHER_CHANNEL)
    assert word_on(sent) is None
    assert await line.say(closing) == pamqp.frame.marshal(closing, CHANNEL)


async def test_a_broker_that_does_nothing_but_confirm_is_taken_to_be_alive(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends no heartbeats then, and the library hangs up on one of which it reads nothing."""
    monkeypatch.setattr(module, "_SIGN_OF_LIFE_EVERY_S", 0.0)
    line.publish("a")
    assert await line.say(commands.Basic.Ack(1)) == pamqp.frame.marshal(Heartbeat(), 0)


async def test_a_channel_that_is_closed_ends_what_waits_and_what_comes_later(line: Line) -> None:
    (sent,) = line.publish("a")
    reason = ConnectionResetError("gone")
    line.closed.set_exception(reason)
    await asyncio.sleep(0)
    assert sent.exception() is reason
    written = line.written
    (later,) = line.publish("b")
    assert later.exception() is reason
    assert line.written == written


async def test_a_channel_that_is_given_up_ends_what_waits(line: Line) -> None:
    (sent,) = line.publish("a")
    line.closed.cancel()
    await asyncio.sleep(0)
    assert isinstance(sent.exception(), BrokerGoneError)


async def test_an_id_that_is_too_long_is_refused_and_nothing_is_sent(line: Line) -> None:
    with pytest.raises(ValueError, match="256 bytes"):
        line.publish("x" * 256)
    assert line.written == b""
    (sent,) = line.publish("a")
    await line.say(commands.Basic.Ack(1))
    assert word_on(sent) == "confirmed"
