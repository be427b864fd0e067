"""Batches: many operations in one call. Either the whole call meets something, or each of its operations does.

What one operation meets is told in its place, and the others go on, as the wallet's own batches do.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import grpc

from .mishaps import SLOW_S, Context, ScriptedError, left_s_of, met, reaches_wallet, told_in_place
from .operations import BatchCall, is_applied, read_grouped
from .script import Mishap, Script
from .sightings import Sending, Sighting, Sightings, Told
from .upstream import Upstream, note_refusal, note_status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One operation of a batch."""

    grouped: Any
    seen: tuple[Sighting, Sending] | None
    """None of one that is handed on as it is."""
    meets: Mishap

    @property
    def reaches_wallet(self) -> bool:
        is_first = self.seen is None or len(self.seen[0].sendings) == 1
        return reaches_wallet(self.meets, is_first_sending=is_first)


class Batches:
    """Answers batches."""

    def __init__(self, upstream: Upstream, script: Script, sightings: Sightings) -> None:
        self._upstream = upstream
        self._script = script
        self._sightings = sightings

    async def answer(self, path: str, call: BatchCall, raw: bytes, context: Context) -> bytes:
        """Give what the caller gets.

        Raises:
            ScriptedError: It gets what the script says.
            AioRpcError: The wallet has refused the whole of it.
            DecodeError: It cannot be read.
            TooManySightingsError: The run has seen too much.
        """
        whole, parts = self._see(call.request.FromString(raw).operations, has_deadline=left_s_of(context) is not None)

        async def ask() -> list[Any]:
            return await self._ask(path, call, parts, context)

        try:
            outcomes = await met(whole, ask, context, is_first_sending=True)
        except ScriptedError as scripted:
            for _, sending in _seen(parts):
                sending.tell(scripted.told, scripted.reason, come_again_after_s=scripted.come_again_after_s)
            raise
        except grpc.aio.AioRpcError as error:
            for _, sending in _seen(parts):
                note_refusal(sending, error)
            raise
        for part, outcome in zip(parts, outcomes, strict=True):
            _tell(part, outcome)
        response: bytes = call.response(outcomes=outcomes).SerializeToString()
        return response

    def _see(self, operations: Any, *, has_deadline: bool) -> tuple[Mishap, list[_Part]]:
        read = [read_grouped(grouped) for grouped in operations]
        is_new = any(operation is not None and operation.key not in self._sightings.by_key for operation in read)
        whole = self._script.next_batch() if is_new else Mishap.NONE
        group = self._sightings.new_group()
        parts = []
        for grouped, operation in zip(operations, read, strict=True):
            if operation is None:
                parts.append(_Part(grouped=grouped, seen=None, meets=Mishap.NONE))
                continue
            seen = self._sightings.see(
                operation,
                self._script.next_grouped if whole is Mishap.NONE else lambda _kind: whole,
                sent_at=time.monotonic(),
                has_deadline=has_deadline,
                group=group,
            )
            meets = seen[0].meets
            parts.append(_Part(grouped=grouped, seen=seen, meets=Mishap.NONE if meets is whole else meets))
        return whole, parts

    async def _ask(self, path: str, call: BatchCall, parts: list[_Part], context: Context) -> list[Any]:
        """Hand on what reaches the wallet, and give an outcome for each operation."""
        outcomes: list[Any] = [None] * len(parts)

        async def hand_on(places: list[int]) -> None:
            if not places:
                return
            request = call.request(operations=[parts[place].grouped for place in places])
            answer = await self._upstream.ask(path, request.SerializeToString(), context)
            for place, outcome in zip(places, call.response.FromString(answer).outcomes, strict=True):
                outcomes[place] = outcome
                seen = parts[place].seen
                if seen is not None:
                    seen[0].is_applied |= applied(outcome)

        if any(part.meets is Mishap.SLOW for part in parts):
            await asyncio.sleep(SLOW_S)
        await hand_on([place for place, part in enumerate(parts) if part.reaches_wallet])
        await hand_on(
            [place for place, part in enumerate(parts) if part.meets is Mishap.DUPLICATE and applied(outcomes[place])]
        )
        for place, part in enumerate(parts):
            told = told_in_place(part.meets)
            if told is not None:
                outcomes[place] = call.outcome(error=told.status)
        return outcomes


def applied(outcome: Any) -> bool:
    """Whether an outcome tells that its operation moved what it asked for."""
    name = outcome.WhichOneof("outcome")
    return name not in {None, "error"} and is_applied(getattr(outcome, name))


def _tell(part: _Part, outcome: Any) -> None:
    if part.seen is None:
        return
    _, sending = part.seen
    if outcome.WhichOneof("outcome") == "error":
        note_status(sending, outcome.error)
    else:
        sending.tell(Told.DONE)


def _seen(parts: list[_Part]) -> list[tuple[Sighting, Sending]]:
    return [part.seen for part in parts if part.seen is not None]
