"""The lane that waits for locks, for one owner at a time, so that no other lane has to."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from wallet_grpc.domain.identifiers import OwnerId
from wallet_grpc.domain.needs import Needs
from wallet_grpc.store.batch.store import Loaded, Locking, LostRaceError

from .lane import Lane
from .tickets import Job

_log = structlog.get_logger(__name__)

_STUCK_FOR_S = 10.0
"""How long an owner's lock that did not come in time is not waited for again."""
_STUCK_OWNERS_MAX = 1_000


class PatientLane(Lane):
    """The lane that waits for locks, for one owner at a time.

    Whose lock does not come in `lock_timeout_ms` from when it was set aside is done without it: a process that froze
    while it held the lock, or somebody who took it by hand, delays that owner for so long, once, and nobody else.
    """

    _aside_since = 0.0

    async def run(self) -> None:
        """Work until cancelled."""
        self._stuck: dict[OwnerId, float] = {}
        try:
            while True:
                aside = await self._backlog.take_aside()
                self._aside_since = aside.since
                try:
                    await self._execute(self._wanted(aside.jobs))
                    await self._store.release()
                finally:
                    self._backlog.done_aside(aside)
        finally:
            await self._store.close()

    async def _load(self, needs: Needs, batch: Sequence[Job]) -> Loaded:
        owner_id = batch[0].owner_id
        now = time.monotonic()
        is_late = (now - self._aside_since) * 1000 >= self._settings.lock_timeout_ms
        if not is_late and self._stuck.get(owner_id, now) <= now:
            try:
                return await self._store.load(needs, Locking.WAIT)
            except LostRaceError:
                _log.warning("owner_locked", owner_id=owner_id, hint="a process that holds the lock may be frozen")
                self._note_stuck(owner_id)
        return await self._store.load(needs, Locking.NONE)

    def _note_stuck(self, owner_id: OwnerId) -> None:
        now = time.monotonic()
        if len(self._stuck) >= _STUCK_OWNERS_MAX:
            self._stuck = {owner: until for owner, until in self._stuck.items() if until > now}
        if len(self._stuck) < _STUCK_OWNERS_MAX:
            self._stuck[owner_id] = now + _STUCK_FOR_S
