"""How fast one player may ask: a bucket of tokens each, in bounded memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from wallet_grpc.domain.identifiers import PlayerId

from .problems import ProblemError, ProblemReason


class RateLimit:
    """Counts requests of players, in this process alone: several processes allow several times as much.

    Who was longest away is forgotten when too many are remembered, and begins with a full bucket again. That takes as
    many valid cookies as there are buckets.
    """

    def __init__(
        self, *, per_s: float, burst: int, players_max: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._players_max = players_max
        self._clock = clock
        self._buckets: OrderedDict[PlayerId, tuple[float, float]] = OrderedDict()
        """Tokens that were left, and when."""

    def count(self, player_id: PlayerId) -> None:
        """Count a request.

        Raises:
            ProblemError: The player asks too fast; it tells when to try again.
        """
        now = self._clock()
        tokens, since = self._buckets.get(player_id, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._per_s)
        if tokens < 1:
            wait_s = math.ceil((1 - tokens) / self._per_s)
            raise ProblemError(ProblemReason.TOO_MANY_REQUESTS, "ask more slowly", retry_after_s=wait_s)
        self._buckets[player_id] = (tokens - 1, now)
        self._buckets.move_to_end(player_id)
        if len(self._buckets) > self._players_max:
            self._buckets.popitem(last=False)
