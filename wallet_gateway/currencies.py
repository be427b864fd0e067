"""Currency networks by their names: studios say `USDC`, the wallet's calls take a number.

The wallet is asked under the key of whoever comes first; what it tells is remembered, since a currency network never
changes. A name that is not known is asked for again, once a second at most.
"""

from __future__ import annotations

import asyncio
import time

import grpc

from wallet.v1 import wallet_pb2

from .methods import METHODS
from .refusals import RefusedError, invalid, refused, too_late
from .upstream import Metadata, Upstream

_LIST = METHODS["/wallet.v1.WalletService/ListCurrencyNetworks"]
_ASK_AGAIN_AFTER_S = 1.0


class Currencies:
    """Finds a currency network by its names."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._networks: dict[str, dict[str, int]] = {}
        """The number of each network of each currency."""
        self._asked_at = float("-inf")
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

    async def _learn(self, currency: str, network: str, metadata: Metadata, timeout_s: float) -> None:
        """Ask the wallet, or wait for who asks it already; no longer than the call may take, whoever is before it."""
        ends_at = time.monotonic() + timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                await self._asking.acquire()
        except TimeoutError:
            raise too_late() from None
        try:
            if self._found(currency, network) is None and time.monotonic() - self._asked_at > _ASK_AGAIN_AFTER_S:
                await self._ask(metadata, ends_at - time.monotonic())
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

    async def _ask(self, metadata: Metadata, timeout_s: float) -> None:
        asked = wallet_pb2.ListCurrencyNetworksRequest().SerializeToString()
        raw = await self._upstream.unary(_LIST, asked, metadata, timeout_s)
        networks: dict[str, dict[str, int]] = {}
        for known in wallet_pb2.ListCurrencyNetworksResponse.FromString(raw).currency_networks:
            networks.setdefault(known.currency, {})[known.network] = known.currency_network_id
        self._networks = networks
        self._asked_at = time.monotonic()
