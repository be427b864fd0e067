"""Keys that were good a moment ago: only they may send long requests, so that a stranger's megabytes are never read."""

from __future__ import annotations

import time
from hashlib import sha256

from wallet.v1 import wallet_pb2

from .methods import METHODS
from .upstream import Metadata, Upstream

_GOOD_FOR_S = 60.0
_REMEMBERED_MAX = 10_000
_ANY_KEY_MAY = METHODS["/wallet.v1.WalletService/ListCurrencyNetworks"]
_ASK_WITHIN_S = 5.0


class Callers:
    """Knows which keys the wallet has answered to. Whether a key is good is the wallet's to say, at every call."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._good_until: dict[bytes, float] = {}

    async def check(self, metadata: Metadata) -> None:
        """Let a call pass whose key was good a moment ago; ask the wallet about another one.

        Raises:
            RefusedError: The key is not good.
        """
        digest = sha256(metadata[0][1].encode()).digest()
        now = time.monotonic()
        if self._good_until.get(digest, 0.0) > now:
            return
        asked = wallet_pb2.ListCurrencyNetworksRequest().SerializeToString()
        await self._upstream.unary(_ANY_KEY_MAY, asked, metadata, _ASK_WITHIN_S)
        if len(self._good_until) >= _REMEMBERED_MAX:
            self._good_until.clear()
        self._good_until[digest] = now + _GOOD_FOR_S
