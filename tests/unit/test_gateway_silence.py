"""The watch over silent connections, where a round fails."""

import asyncio
from contextlib import suppress
from typing import NoReturn

from structlog.testing import capture_logs

from wallet_gateway.silence import SilentConnections

ROUNDS = 6


class Failing(SilentConnections):
    """Each of its rounds fails, in one of two ways."""

    def __init__(self) -> None:
        super().__init__(port=1, within_s=0.01)
        self.rounds = 0
        self.tried_again = asyncio.Event()

    async def end_once(self) -> NoReturn:
        self.rounds += 1
        if self.rounds == ROUNDS:
            self.tried_again.set()
        raise OSError(self.rounds % 2, "no round")


async def test_a_round_that_fails_is_told_once_for_each_kind_and_tried_again() -> None:
    silent = Failing()
    with capture_logs() as log:
        ending = asyncio.create_task(silent.end())
        try:
            await asyncio.wait_for(silent.tried_again.wait(), timeout=20)
        finally:
            ending.cancel()
            with suppress(asyncio.CancelledError):
                await ending
            silent.close()
    assert [line["event"] for line in log] == ["silent_connections_not_ended"] * 2
