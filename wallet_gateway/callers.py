"""Keys that were good a moment ago.

As over gRPC, a key is looked at when a call's head comes in: nothing that a stranger sends is read, and strangers take
no place of a caller's, however many calls they begin. The wallet is asked for its currency networks, which takes
nothing of the key's rate, and what it tells is learned: so whoever is let in meets a list that is no older than a
minute.
"""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256

from .currencies import Currencies
from .refusals import full, nothing_was_sent, too_late
from .upstream import Metadata, Upstream

_GOOD_FOR_S = 60.0
_REMEMBERED_MAX = 10_000
_ASK_WITHIN_S = 5.0
_LOGIN = "wallet-operator"
_Question = tuple[bytes, str | None]
"""A key's digest, and who is logged in where the call comes from, if it says so."""


class Callers:
    """Knows which keys the wallet has answered to. Whether a key is good is the wallet's to say, at every call."""

    def __init__(self, upstream: Upstream, currencies: Currencies, *, strangers_max: int) -> None:
        self._upstream = upstream
        self._currencies = currencies
        self._strangers_max = strangers_max
        self._strangers = 0
        """How many calls wait for the wallet's word about their keys."""
        self._good_until: dict[bytes, float] = {}
        self._asking: dict[_Question, asyncio.Task[None]] = {}

    async def let_in(self, metadata: Metadata, timeout_s: float) -> None:
        """Let a call pass whose key was good a moment ago; ask the wallet about another one.

        Raises:
            RefusedError: The key is not good, or as many strangers wait as may.
        """
        digest = sha256(metadata[0][1].encode()).digest()
        if self._good_until.get(digest, 0.0) > time.monotonic():
            return
        if self._strangers >= self._strangers_max:
            raise full("as many keys are looked at as may be; send it again")
        self._strangers += 1
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.shield(self._question(digest, metadata))  # who gives up leaves it to the others
        except TimeoutError:
            raise nothing_was_sent(too_late().status) from None
        finally:
            self._strangers -= 1

    def _question(self, digest: bytes, metadata: Metadata) -> asyncio.Task[None]:
        """Give the question about a key that is under way: one for all calls that come with it at the same time.

        A key that speaks for logins is good only with the name of one.
        """
        question = (digest, dict(metadata).get(_LOGIN))
        asking = self._asking.get(question)
        if asking is None:
            asking = self._asking[question] = asyncio.create_task(self._ask(digest, metadata))
            asking.add_done_callback(lambda asked: self._answered(question, asked))
        return asking

    def _answered(self, question: _Question, asked: asyncio.Task[None]) -> None:
        del self._asking[question]
        if not asked.cancelled():
            asked.exception()  # seen, though nobody may wait for it any more

    async def _ask(self, digest: bytes, metadata: Metadata) -> None:
        began = time.monotonic()
        self._currencies.learn(await self._upstream.currency_networks(metadata, _ASK_WITHIN_S), began)
        if len(self._good_until) >= _REMEMBERED_MAX:
            self._good_until.clear()
        self._good_until[digest] = began + _GOOD_FOR_S
