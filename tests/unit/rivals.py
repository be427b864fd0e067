"""What tests of the backlog put into it: commands of sources, one of which floods, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from wallet_grpc.domain.identifiers import Source
from wallet_grpc.engine.tickets import Job, Ticket

FLOOD, QUIET, THIRD = Source("flood"), Source("quiet"), Source("third")


class Told:
    """A rivalry in which one source floods, and others call, or none."""

    def __init__(self, *floods: Source) -> None:
        self._floods = floods or (FLOOD,)
        self.rivals = True
        self.waits = False
        self._pauses_end = asyncio.Event()

    def floods(self, source: Source | None) -> bool:
        return source in self._floods

    def has_rivals(self, _sources: Collection[Source | None]) -> bool:
        return self.rivals

    def gives_way(self) -> bool:
        return self.waits

    async def pause(self) -> None:
        while self.waits:
            await self._pauses_end.wait()

    def let_go(self) -> None:
        """Have nobody wait any longer."""
        self.waits = False
        self._pauses_end.set()


def job(owner_id: int, index: int = 0, source: Source | None = None) -> Job:
    return Job(None, owner_id, Ticket([None], source=source), index)  # type: ignore[arg-type] - the backlog looks at owners only
