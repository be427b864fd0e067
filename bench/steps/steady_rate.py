"""The steady part of a job of a known length: the rate between its first fifth and its end.

What is counted is looked at from outside, twenty times a second, by the same means for the wallet and its yardstick.
The first fifth is warm-up: connections, plans and caches; towards the end fewer are in flight than before. So the rate
is what was done between the first looks after a fifth and after nineteen twentieths, over the time between them.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.report.processors import Parties, cores, used_s
from devstack.stack_settings import StackError

_WARM_SHARE = 0.2
_END_SHARE = 0.95
_LOOK_EVERY_S = 0.05
_STANDSTILL_MAX_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """What was seen of a job."""

    per_s: float
    counted: int
    window_s: float
    cores: dict[str, float]
    """Busy cores within the window."""

    @property
    def remark(self) -> str:
        """How it was measured, for the display."""
        busy = ", ".join(f"{name} {used:.2f}" for name, used in self.cores.items())
        return f"{self.counted:,} in {self.window_s:.1f} s; busy cores: {busy}"


def watch(done: Callable[[], int], *, total: int, parties: Parties, on_look: Callable[[int], None]) -> Steady:
    """Look at a job until all is done.

    Args:
        done: Tells how much is done.
        total: How much there is to do.
        parties: Whose busy cores are told.
        on_look: Is told how much is done, to show it.

    Raises:
        StackError: It came to a standstill, or was done before it was looked at twice.
    """
    began: tuple[float, int, dict[str, float]] | None = None
    ended: tuple[float, int, dict[str, float]] | None = None
    moved_at, moved_to = time.monotonic(), -1
    while True:
        count = done()
        now = time.monotonic()
        on_look(count)
        if began is None and _WARM_SHARE * total <= count < _END_SHARE * total:
            began = (now, count, used_s(parties))
        if began is not None and ended is None and count >= _END_SHARE * total:
            ended = (now, count, used_s(parties))
        if count >= total:
            break
        if count != moved_to:
            moved_at, moved_to = now, count
        elif now - moved_at > _STANDSTILL_MAX_S:
            raise StackError(f"nothing was done for {_STANDSTILL_MAX_S:.0f} s, at {count} of {total}")
        time.sleep(_LOOK_EVERY_S)
    if began is None or ended is None:
        raise StackError(f"{total} were done too soon to be measured")
    seconds, counted = ended[0] - began[0], ended[1] - began[1]
    return Steady(
        per_s=counted / seconds,
        counted=counted,
        window_s=seconds,
        cores=cores(began[2], ended[2], seconds=seconds),
    )
