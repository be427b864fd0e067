"""Single calls: one operation in a call of its own, and what it meets."""

from __future__ import annotations

import time

import grpc

from .mishaps import Context, ScriptedError, left_s_of, met
from .operations import Call, is_applied, read
from .script import Script
from .sightings import Sightings, Told
from .upstream import Upstream, note_refusal


class SingleCalls:
    """Answers calls of one operation."""

    def __init__(self, upstream: Upstream, script: Script, sightings: Sightings) -> None:
        self._upstream = upstream
        self._script = script
        self._sightings = sightings

    async def answer(self, path: str, call: Call, raw: bytes, context: Context) -> bytes:
        """Give what the caller gets.

        Raises:
            ScriptedError: It gets what the script says.
            AioRpcError: The wallet has refused it.
            DecodeError: It cannot be read.
            TooManySightingsError: The run has seen too much.
        """
        operation = read(call.kind, call.request.FromString(raw))
        has_deadline = left_s_of(context) is not None
        sighting, sending = self._sightings.see(
            operation, self._script.next, sent_at=time.monotonic(), has_deadline=has_deadline
        )

        async def ask() -> bytes:
            answer = await self._upstream.ask(path, raw, context)
            sighting.is_applied |= is_applied(call.response.FromString(answer))
            return answer

        try:
            answer = await met(sighting.meets, ask, context, is_first_sending=len(sighting.sendings) == 1)
        except ScriptedError as scripted:
            sending.tell(scripted.told, scripted.reason, come_again_after_s=scripted.come_again_after_s)
            raise
        except grpc.aio.AioRpcError as error:
            note_refusal(sending, error)
            raise
        sending.tell(Told.DONE)
        return answer
