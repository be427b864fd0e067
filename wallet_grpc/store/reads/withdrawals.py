"""Withdrawals: whose they are. An ending names only the withdrawal, and must find its owner's lane."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from wallet_grpc.domain.cells import ONLY_CELL, ByCell
from wallet_grpc.domain.identifiers import CurrencyNetworkId, Key, OwnerId, PlayerId, withdrawal_key
from wallet_grpc.store.connection.pool import DatabaseUnavailableError, Pool
from wallet_grpc.store.connection.statements import statements

from .rows import rows_of

_SQL = statements(__package__, "withdrawals.sql")

_DECIDED_WITHIN_S = 1.0
"""How long an answer waits for claims that are being committed; what takes longer waits for a node that is away."""
_POLL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalOwner:
    """Whose a withdrawal is, and in which currency network; neither ever changes."""

    player_id: PlayerId
    currency_network_id: CurrencyNetworkId


class WithdrawalReader:
    """Looks withdrawals up."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def owner_of(self, withdrawal_id: str) -> WithdrawalOwner | None:
        """Give the owner of a withdrawal that was reserved, else None.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
        """
        async with self._pool.connection() as connection:
            rows = await rows_of(connection, _SQL["withdrawal_owner"], {"withdrawal_id": withdrawal_id})
        if not rows:
            return None
        (row,) = rows
        return WithdrawalOwner(
            player_id=PlayerId(row.owner_id), currency_network_id=CurrencyNetworkId(row.currency_network_id)
        )


class ClaimReader:
    """Looks up who has claimed what must be unique over all cells."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def owner_of(self, key: Key) -> OwnerId | None:
        """Give the owner for whom a key was claimed.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
        """
        owner_id = await self._claimant(key)
        if owner_id is None:
            await self._until_decided()
            owner_id = await self._claimant(key)
        return owner_id

    async def _claimant(self, key: Key) -> OwnerId | None:
        async with self._pool.connection() as connection:
            rows = await rows_of(connection, _SQL["claimant"], {"claim_hash": key})
        return OwnerId(rows[0].owner_id) if rows else None

    async def _until_decided(self) -> None:
        """Wait until the claims are decided that are prepared now: to be committed here, as they are elsewhere, or not.

        On Citus a claim is seen on another node than its effect a moment later, or once both nodes are back; and its
        caller may have been answered long ago. One that was not prepared before the look is nobody's who waits.
        """
        ends_at = time.monotonic() + _DECIDED_WITHIN_S
        undecided = await self._undecided()
        while undecided:
            if time.monotonic() >= ends_at:
                raise DatabaseUnavailableError("a claim is prepared, and nobody can tell whether it was committed")
            await asyncio.sleep(_POLL_S)
            undecided &= await self._undecided()

    async def _undecided(self) -> set[str]:
        async with self._pool.connection() as connection:
            return {row.holder for row in await rows_of(connection, _SQL["undecided_claims"], {})}


class WithdrawalDirectory:
    """Finds withdrawals, in whichever cell they are."""

    def __init__(self, readers: ByCell[WithdrawalReader], claims: ClaimReader) -> None:
        self._readers = readers
        self._claims = claims

    async def owner_of(self, withdrawal_id: str) -> WithdrawalOwner | None:
        """Give the owner of a withdrawal that was reserved, else None.

        Raises:
            DatabaseUnavailableError: Nobody can tell now.
            CellElsewhereError: Another process serves the owner's cell.
        """
        if self._readers.cells.count == 1:
            return await self._readers.at(ONLY_CELL).owner_of(withdrawal_id)
        owner_id = await self._claims.owner_of(withdrawal_key(withdrawal_id))
        if owner_id is None:
            return None
        found = await self._readers.of(owner_id).owner_of(withdrawal_id)
        if found is None:
            raise DatabaseUnavailableError(f"withdrawal {withdrawal_id} is claimed, and not yet seen in its cell")
        return found
