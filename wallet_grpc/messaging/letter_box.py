"""The letter box: publishes letters to the dead-letter queue, each until the broker has confirmed it, or for good not.

One lasts as long as a connection. Once a letter has ended its channel the box has failed, and the session with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import DeliveryError, PublishError

from .broker import BROKER_ERRORS
from .frames import RawDelivery
from .properties import readable_bytes
from .topology import Topology, declare_inbound

_log = structlog.get_logger(__name__)

_PAUSE_S = 1.0
_TIMEOUT_S = 10.0
_TRIES_MAX = 3
_AT_ONCE = 20
_REFUSED_S = 10.0
"""After a letter was refused for good, so long no other one is tried: each would keep the place of a delivery."""


class LetterBox:
    """Publishes letters on a channel of their own."""

    def __init__(
        self,
        connection: AbstractConnection,
        channel: AbstractChannel,
        topology: Topology,
        *,
        on_fatal: Callable[[RawDelivery], None],
    ) -> None:
        """`on_fatal` hears of the delivery over whose letter the broker closed the channel."""
        self.channel = channel
        self.failed = asyncio.Event()
        """Nothing can be sent any more."""
        self._connection = connection
        self._topology = topology
        self._on_fatal = on_fatal
        self._refused_until = 0.0
        """By the loop's clock: until then letters are not tried, since the broker did not take one in all its tries."""
        # The client library knows a returned message by its message_id, so letters of one id go one after the other.
        self._locks = [asyncio.Lock() for _ in range(_AT_ONCE)]

    async def send(self, delivery: RawDelivery, letter: aio_pika.Message) -> bool:
        """Publish a delivery's letter; False if the broker does not take it, or the box has `failed`."""
        async with self._locks[hash(letter.message_id or delivery.delivery_tag) % _AT_ONCE]:
            return await self._send(delivery, letter)

    async def _send(self, delivery: RawDelivery, letter: aio_pika.Message) -> bool:
        queue = self._topology.dead_letters
        loop = asyncio.get_running_loop()
        for attempt in range(_TRIES_MAX):
            if loop.time() < self._refused_until:
                return False
            if attempt:
                await asyncio.sleep(_PAUSE_S)
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await self.channel.default_exchange.publish(letter, queue, mandatory=True)
            except PublishError:
                _log.error("dead_letter_unroutable", queue=queue, hint="it was deleted; it is declared again")
                await declare_inbound(self._connection, self._topology)
            except (DeliveryError, TimeoutError) as error:
                _log.error("dead_letter_refused", queue=queue, cause=f"{type(error).__name__}: {error}")
            except BROKER_ERRORS as error:
                _log.warning(
                    "letter_failed",
                    delivery_tag=delivery.delivery_tag,
                    routing_key=readable_bytes(delivery.routing_key),
                    cause=f"{type(error).__name__}: {error}",
                )
                if not self._connection.is_closed:
                    self._on_fatal(delivery)  # the broker closed the channel, so perhaps because of this letter
                self.failed.set()
                return False
            else:
                return True
        self._refused_until = loop.time() + _REFUSED_S
        return False
