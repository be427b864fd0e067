"""Currency networks by their names: studios say `USDC`, the wallet's calls take a number.

What the wallet tells is remembered, since a currency network never changes; but another one may come, and make a name
ambiguous. So it is learned anew from each question about a caller's key, which is asked once a minute (callers.py). A
name that is not known is asked for at once, four times a second at most, under the key of whoever comes first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import grpc

from wallet.v1 import wallet_pb2

from .refusals import RefusedError, invalid, nothing_was_sent, refused, too_late
from .upstream import Metadata, Upstream

_ASK_AGAIN_AFTER_S = 0.25


class Currencies:
    """Finds a currency network by its names."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._networks: dict[str, dict[str, int]] = {}
        """The number of each network of each currency."""
        self._asked_at = float("-inf")
        """When the last question that was answered was asked."""
        self._asking = asyncio.Lock()

    async def number_of(self, currency: str, network: str, metadata: Metadata, timeout_s: float) -> int:
        """Give the number of a currency network. Without a network the currency must have one only.

        Raises:
            RefusedError: There is none, there are several, or the wallet could not be asked.
        """
        if self._found(currency, network) is None:
            await self._learn(currency, network, metadata, timeout_s)
        found = self._found(currency, network)
        if found is None:
            raise self._unknown(currency, network)
        return found

    def learn(self, networks: Iterable[wallet_pb2.CurrencyNetwork], asked_at: float) -> None:
        """Learn what the wallet told, who was asked at a time of the monotonic clock; none is ever taken away."""
        for known in networks:
            self._networks.setdefault(known.currency, {})[known.network] = known.currency_network_id
        self._asked_at = max(self._asked_at, asked_at)

    async def _learn(self, currency: str, network: str, metadata: Metadata, timeout_s: float) -> None:
        """Ask the wallet, or wait for who asks it already; no longer than the call may take, whoever is before it."""
        ends_at = time.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._asking.acquire()
        except TimeoutError:
            raise nothing_was_sent(too_late().status) from None
        try:
            now = time.monotonic()
            if self._found(currency, network) is None and now - self._asked_at > _ASK_AGAIN_AFTER_S:
                self.learn(await self._upstream.currency_networks(metadata, ends_at - now), now)
        finally:
            self._asking.release()

    def _found(self, currency: str, network: str) -> int | None:
        known = self._networks.get(currency, {})
        if network:
            return known.get(network)
        return next(iter(known.values())) if len(known) == 1 else None

    def _unknown(self, currency: str, network: str) -> RefusedError:
        known = self._networks.get(currency, {})
        if known and not network:
            return invalid(
                "network", f"is required: {currency} is on {', '.join(sorted(known))}", reason="MISSING_FIELD"
            )
        return refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            "UNKNOWN_CURRENCY_NETWORK",
            f"this installation has no {currency}{f' on {network}' if network else ''}",
            retry="AFTER_CHANGE",
            field="network" if known else "currency",
        )
