"""Precedence: who floods gives way to who does not, for a while, and is handled piece by piece."""

from __future__ import annotations

import asyncio
import itertools

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.engine.precedence import Precedence
from wallet_grpc.engine.shares import Shares

FLOOD, QUIET, THIRD = Source("flood"), Source("quiet"), Source("third")


class Ground:
    """Shares of a flood and others, and the order that follows from them, on the event loop's own clock."""

    def __init__(self) -> None:
        clock = asyncio.get_running_loop().time
        self.changes = 0
        self.shares = Shares(operations_max=1_000, source_share=0.5, clock=clock)
        self.order = Precedence(self.shares, on_change=self._change, clock=clock)
        self.let: list[Source] = []
        self.shares.admit(FLOOD, 400)

    def _change(self) -> None:
        self.changes += 1

    def quiet_asks(self) -> None:
        self.shares.admit(QUIET, 1)

    def quiet_is_answered(self) -> None:
        self.shares.answered(QUIET, 1)
        self.order.look_again()

    async def piece(self, source: Source) -> None:
        if self.order.floods_others(source):
            await self.order.turn(source)
        self.let.append(source)

    def pieces(self, count: int, source: Source = FLOOD) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.piece(source)) for _ in range(count)]


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_alone_nobody_waits() -> None:
    ground = Ground()
    ground.pieces(100)
    await turns(1)
    assert len(ground.let) == 100
    assert not ground.order.gives_way()


async def test_who_does_not_flood_never_waits() -> None:
    ground = Ground()
    ground.quiet_asks()
    assert ground.order.gives_way()
    ground.pieces(10, QUIET)
    await turns(1)
    assert len(ground.let) == 10


async def test_beside_others_one_piece_is_handled_in_a_turn_of_the_loop() -> None:
    ground = Ground()
    ground.quiet_asks()
    ground.quiet_is_answered()
    pieces = ground.pieces(100)
    seen = [0]
    while not all(piece.done() for piece in pieces):
        await turns(1)
        seen.append(len(ground.let))
    assert max(after - before for before, after in itertools.pairwise(seen)) <= 1


async def test_two_that_flood_have_together_as_many_pieces_and_each_its_part() -> None:
    ground = Ground()
    ground.shares.admit(THIRD, 400)
    ground.quiet_asks()
    ground.quiet_is_answered()
    ground.pieces(50)
    ground.pieces(50, THIRD)
    await turns(12)
    assert 5 <= len(ground.let) <= 12
    assert abs(ground.let.count(FLOOD) - ground.let.count(THIRD)) <= 1


async def test_while_another_waits_nothing_of_a_flood_is_handled_and_then_it_goes_on() -> None:
    ground = Ground()
    ground.quiet_asks()
    pieces = ground.pieces(10)
    await turns(20)
    assert ground.let == []
    ground.quiet_is_answered()
    assert ground.changes == 1
    await turns(20)
    assert all(piece.done() for piece in pieces)


async def test_nobody_gives_way_for_ever() -> None:
    ground = Ground()
    ground.quiet_asks()
    pieces = ground.pieces(10)
    async with asyncio.timeout(2):
        await asyncio.gather(*pieces)
    assert ground.changes >= 1
    await asyncio.sleep(0.02)
    assert ground.order.gives_way(), "and goes on for a moment only"


async def test_a_piece_that_is_given_up_takes_nobodys_turn() -> None:
    ground = Ground()
    ground.quiet_asks()
    pieces = ground.pieces(100)
    await turns(2)
    for piece in pieces[:99]:
        piece.cancel()
    await turns(2)
    ground.quiet_is_answered()
    await turns(4)
    assert pieces[99].done()


async def test_a_flood_gives_way_for_the_turns_in_which_a_call_of_another_comes_in() -> None:
    ground = Ground()
    ground.quiet_asks()
    ground.quiet_is_answered()
    ground.order.keep_free(QUIET, 4)
    pieces = ground.pieces(1)
    await turns(3)
    assert ground.order.gives_way()
    assert ground.let == []
    await turns(6)
    assert ground.let == [FLOOD]
    assert pieces[0].done()


async def test_nobody_gives_way_to_who_floods_or_where_nobody_does() -> None:
    ground = Ground()
    ground.order.keep_free(FLOOD, 4)
    assert not ground.order.gives_way(), "it is alone"
    ground.shares.admit(QUIET, 1)
    ground.shares.answered(QUIET, 1)
    ground.order.keep_free(FLOOD, 4)
    assert not ground.order.gives_way()
    ground = Ground()
    ground.shares.answered(FLOOD, 400)
    await asyncio.sleep(1.01)
    ground.shares.admit(QUIET, 1)
    ground.shares.answered(QUIET, 1)
    ground.order.keep_free(QUIET, 4)
    assert not ground.order.gives_way()


async def test_turns_that_are_kept_free_again_and_again_do_not_hold_a_flood_for_ever() -> None:
    ground = Ground()
    ground.quiet_asks()
    ground.quiet_is_answered()
    piece = ground.pieces(1)[0]
    async with asyncio.timeout(2):
        while not piece.done():
            ground.order.keep_free(QUIET, 4)
            await turns(1)


async def test_a_batch_of_a_flood_that_pauses_goes_on_when_nobody_else_waits() -> None:
    ground = Ground()
    await ground.order.pause()
    ground.quiet_asks()
    pausing = asyncio.create_task(ground.order.pause())
    await turns(3)
    assert not pausing.done()
    ground.quiet_is_answered()
    await turns(2)
    assert pausing.done()
    ground.quiet_asks()
    async with asyncio.timeout(2):
        await ground.order.pause()
