"""Acknowledgements: each delivery once, none before it is settled, whatever the order in which they are settled."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from wallet_grpc.messaging.acknowledgements import Acknowledgements


class StrictChannel:
    """Takes acknowledgements as RabbitMQ does: a tag that is not open is an error."""

    def __init__(self, deliveries: int) -> None:
        self.open = set(range(1, deliveries + 1))
        self.frames = 0

    async def basic_ack(self, delivery_tag: int, multiple: bool = False) -> None:  # noqa: FBT001, FBT002 aiormq's
        await asyncio.sleep(0)
        assert delivery_tag in self.open, f"unknown delivery tag {delivery_tag}"
        self.open -= {tag for tag in self.open if tag == delivery_tag or (multiple and tag < delivery_tag)}
        self.frames += 1


@given(st.permutations(range(1, 13)), st.lists(st.integers(0, 2), max_size=12))
def test_every_delivery_is_acknowledged_once_and_none_early(order: list[int], pauses: list[int]) -> None:
    async def settle_all() -> None:
        channel = StrictChannel(len(order))
        acknowledgements = Acknowledgements(channel)
        settled: set[int] = set()
        for number, tag in enumerate(order):
            settled.add(tag)
            acknowledgements.settle(tag)
            if number < len(pauses) and pauses[number]:
                await asyncio.sleep(0.003 * pauses[number])
            assert set(range(1, len(order) + 1)) - channel.open <= settled
        await acknowledgements.finish()
        assert channel.open == set()

    asyncio.run(settle_all())


async def test_a_stretch_is_one_frame() -> None:
    channel = StrictChannel(100)
    acknowledgements = Acknowledgements(channel)
    for tag in range(1, 101):
        acknowledgements.settle(tag)
    await acknowledgements.finish()
    assert (channel.open, channel.frames) == (set(), 1)
