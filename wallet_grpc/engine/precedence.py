"""Who goes first where sources call at once: those who ask for little, before those who flood.

While anything of a source that does not flood is unanswered, those who flood give way: no lane begins a batch of
theirs, or goes on with one to its next part (load, decide, store), and nothing more that they send is read, converted
or answered. So they do in the few turns of the event loop in which a call of such a source comes in, before it is
admitted, and in which its answer goes out. What a part has begun is finished; it is so little that a call hardly waits
for it. In between what they send is handled piece by piece, one piece in a turn of the event loop, however many of them
flood: a turn is then short enough to be waited for, and a call waits for several.

Nobody gives way for ever: after a while those who flood go on beside the others for a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection

from wallet_grpc.domain.identifiers import Source

from .shares import Shares

_GIVES_WAY_S_MAX = 0.05
"""How long those who flood give way, at the longest."""
_GOES_ON_S = 0.01
"""How long they then go on, whoever waits."""
TURNS_TO_COME_IN = 4
"""In how many turns of the event loop a call whose headers were read has been admitted: its message is read between."""
TURNS_TO_ANSWER = 3
"""In how many turns an answer has left that a lane has given: its caller's task wakes, and hands it to gRPC."""


class Precedence:
    """The order of a process's callers. Belongs to one event loop."""

    def __init__(
        self, shares: Shares, *, on_change: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make an order.

        Args:
            shares: Tells who floods, and who waits.
            on_change: Is called when those who flood need no longer give way.
            clock: The time in seconds.
        """
        self._shares = shares
        self._on_change = on_change
        self._clock = clock
        self._waits_since: float | None = None
        self._goes_on_until = 0.0
        self._holds_back = False
        self._timer: asyncio.TimerHandle | None = None
        self._pieces: dict[Source | None, deque[asyncio.Future[None]]] = {}
        self._pausing: list[asyncio.Future[None]] = []  # batches of theirs, between two parts
        self._turns_kept_free = 0
        self._handling: asyncio.Handle | None = None

    def gives_way(self) -> bool:
        """Whether those who flood have to wait now. Whoever is told so is told of the change by `on_change`."""
        now = self._clock()
        if not self._turns_kept_free and not self._shares.modest_wait(now):
            self._waits_since = None
        elif now >= self._goes_on_until:
            if self._waits_since is None:
                self._waits_since = now
            left_s = self._waits_since + _GIVES_WAY_S_MAX - now
            if left_s > 0:
                self._hold_back(left_s)
                return True
            self._waits_since = None
            self._goes_on_until = now + _GOES_ON_S
        return False

    def floods(self, source: Source | None) -> bool:
        """Whether a source asks for much."""
        return self._shares.floods(source)

    def has_rivals(self, sources: Collection[Source | None]) -> bool:
        """Whether others than these have called lately."""
        return self._shares.has_rivals(sources)

    def floods_others(self, source: Source | None) -> bool:
        """Whether a source asks for much while others call, so that it has to wait for its turns."""
        return self._shares.floods(source) and self._shares.has_rivals((source,))

    async def turn(self, source: Source | None) -> None:
        """Wait until the next piece of what a source asks for may be handled."""
        future = asyncio.get_running_loop().create_future()
        self._pieces.setdefault(source, deque()).append(future)
        self._go_on_handling()
        await future

    async def pause(self) -> None:
        """Wait while those who flood have to give way: what a batch of theirs does between two of its parts."""
        while self.gives_way():
            future = asyncio.get_running_loop().create_future()
            self._pausing.append(future)
            await future

    def keep_free(self, source: Source | None, turns: int) -> None:
        """Have those who flood give way for some turns of the event loop, for a source that does not."""
        if self._shares.floods_beside(source):
            if not self._turns_kept_free:
                asyncio.get_running_loop().call_soon(self._turned)
            self._turns_kept_free = max(self._turns_kept_free, turns)

    def _turned(self) -> None:
        self._turns_kept_free -= 1
        if self._turns_kept_free:
            asyncio.get_running_loop().call_soon(self._turned)
        else:
            self.look_again()

    def look_again(self) -> None:
        """See whether those who flood need no longer give way, since something was answered."""
        if self._holds_back and not self.gives_way():
            self._end_holding_back()

    def _hold_back(self, seconds: float) -> None:
        self._holds_back = True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._time_is_over)

    def _time_is_over(self) -> None:
        self._timer = None
        self.look_again()

    def _end_holding_back(self) -> None:
        self._holds_back = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._go_on_handling()
        pausing, self._pausing = self._pausing, []
        for future in pausing:
            if not future.done():
                future.set_result(None)
        self._on_change()

    def _go_on_handling(self) -> None:
        if self._handling is None and self._pieces:
            self._handling = asyncio.get_running_loop().call_soon(self._handle_one)

    def _handle_one(self) -> None:
        """Let a piece through, of each source in turn, and the next one in the next turn of the loop."""
        self._handling = None
        if self.gives_way():
            return
        let = False
        while self._pieces and not let:
            source, waiting = next(iter(self._pieces.items()))
            del self._pieces[source]
            future = waiting.popleft()
            if waiting:
                self._pieces[source] = waiting  # behind the others
            if not future.done():
                future.set_result(None)
                let = True
        self._go_on_handling()
