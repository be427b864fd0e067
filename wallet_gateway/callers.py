"""Keys that were good a moment ago.

As over gRPC, a key is looked at when a call's head comes in: nothing that a stranger sends is read, and strangers take
no place of a caller's, however many calls they begin.
"""

from __future__ import annotations

import time
from hashlib import sha256

from wallet.v1 import wallet_pb2

from .methods import METHODS
from .refusals import full
from .upstream import Metadata, Upstream

_GOOD_FOR_S = 60.0
_REMEMBERED_MAX = 10_000
_ANY_KEY_MAY = METHODS["/wallet.v1.WalletService/ListCurrencyNetworks"]
_ASK_WITHIN_S = 5.0


class Callers:
    """Knows which keys the wallet has answered to. Whether a key is good is the wallet's to say, at every call."""

    def __init__(self, upstream: Upstream, *, strangers_max: int) -> None:
        self._upstream = upstream
        self._strangers_max = strangers_max
        self._strangers = 0
        """How many calls wait for the wallet's word about their keys."""
        self._good_until: dict[bytes, float] = {}

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
        asked = wallet_pb2.ListCurrencyNetworksRequest().SerializeToString()
        self._strangers += 1
        try:
            await self._upstream.unary(_ANY_KEY_MAY, asked, metadata, min(timeout_s, _ASK_WITHIN_S))
        finally:
            self._strangers -= 1
        if len(self._good_until) >= _REMEMBERED_MAX:
            self._good_until.clear()
        self._good_until[digest] = time.monotonic() + _GOOD_FOR_S
