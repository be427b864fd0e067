"""The inbox: received events that have no effect yet, or that somebody has to look at.

An event with its effect is recorded by the lane, in the effect's own statement (store/batch). What is recorded here had
no effect, so it may be recorded after the fact: a consumer that dies in between gets the delivery again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wallet_grpc.domain.cells import ByCell
from wallet_grpc.domain.identifiers import Key
from wallet_grpc.domain.receipts import KnownReceipt, Receipt, ReceiptState
from wallet_grpc.domain.refusals import Refusal
from wallet_grpc.store.batch.columns import key_of
from wallet_grpc.store.connection.arrays import literal
from wallet_grpc.store.connection.pool import Connection, Pool, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.reads.withdrawals import WithdrawalDirectory

_SQL = statements(__package__, "inbox.sql")
_RETRIES_LOCK = 0x57414C49
"""The class of the advisory lock of who tries again; owners use the other, 64-bit space."""
_DELAY_MAX_S = 600.0
_PUT_OFF_S = 10.0
"""How long an event is left alone whose cell does not answer."""
_STRETCH = 5_000
"""How many early events one statement looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """How patiently an early event is kept."""

    attempts_max: int
    """How often it is tried before it is parked."""
    first_delay_ms: int
    """Before the second try; it doubles with each, up to ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyEvents:
    """A stretch of the early events."""

    upto: int | None
    """The last of the stretch; None if nothing is left after it."""
    fulfilled: Sequence[int]
    """Those whose withdrawal has come."""


class InboxStore:
    """Records what could not be applied, and finds what can be by now.

    Every method raises DatabaseUnavailableError where the database does not answer. What the first four give may be
    acknowledged: a synchronous standby has what it tells of.
    """

    def __init__(
        self,
        pool: Pool,
        settings: InboxSettings,
        *,
        of_cells: ByCell[Pool] | None = None,
        withdrawals: WithdrawalDirectory | None = None,
    ) -> None:
        """Make a store; of several cells it needs the pool of each, and where withdrawals are."""
        self._pool = pool
        self._settings = settings
        self._of_cells = of_cells
        self._withdrawals = withdrawals

    @property
    def has_several_cells(self) -> bool:
        """Whether a cell can be away while the inbox is there."""
        return self._of_cells is not None and self._of_cells.cells.count > 1

    async def record_failure(
        self, receipt: Receipt, refusal: Refusal, *, waits_for: str | None
    ) -> ReceiptState | KnownReceipt:
        """Record why an event was not applied: it waits for a withdrawal, or is parked.

        Gives its state if it was recorded, else what the inbox knows of it: it has its effect, was discarded, or came
        with another body.
        """
        async with self._pool.connection() as connection:
            (now_s,) = await only_row(connection, _SQL["now_s"])
            named = {
                "now_s": now_s,
                "waits_for": waits_for,
                "attempts_max": self._settings.attempts_max,
                "first_delay_s": self._settings.first_delay_ms / 1000,
                "delay_max_s": _DELAY_MAX_S,
            }
            return await self._record(connection, "record_failure", receipt, refusal, named)

    async def put_off(self, receipt: Receipt, refusal: Refusal) -> ReceiptState | KnownReceipt:
        """Record that nothing could be told of an event; it waits for a while, however often. Gives the same."""
        async with self._pool.connection() as connection:
            return await self._record(connection, "put_off", receipt, refusal, {"delay_s": _PUT_OFF_S})

    async def _record(
        self, connection: Connection, statement: str, receipt: Receipt, refusal: Refusal, named: dict[str, object]
    ) -> ReceiptState | KnownReceipt:
        told = {"reason": refusal.reason.value, "detail": refusal.message}
        row = await (await connection.execute(_SQL[statement], _columns(receipt) | told | named)).fetchone()
        known = await _known(connection, receipt.key) if row is None else None
        await self._pool.confirm(connection)
        if row is not None:
            return ReceiptState(row[0])
        assert known is not None, "rows of the inbox are never removed"
        return known

    async def known(self, key: Key) -> KnownReceipt | None:
        """Give what the inbox knows of an event."""
        async with self._pool.connection() as connection:
            known = await _known(connection, key)
            await self._pool.confirm(connection)
        return known

    async def broadcast_withdrawal(self, receipt: Receipt, withdrawal_id: str) -> bool:
        """Record that a withdrawal is on its way, with its receipt; False if no withdrawal has that id."""
        named = {"withdrawal_id": withdrawal_id}
        pool = await self._pool_of(withdrawal_id)
        if pool is None:
            return False
        async with pool.connection() as connection:
            async with connection.transaction():
                if not (await only_row(connection, _SQL["withdrawal_exists"], named))[0]:
                    return False
                recorded = await connection.execute(_SQL["record_applied"], _columns(receipt))
                if await recorded.fetchone() is not None:
                    await connection.execute(_SQL["broadcast_withdrawal"], named)
            await pool.confirm(connection)
        return True

    async def _pool_of(self, withdrawal_id: str) -> Pool | None:
        """Give the connections to the cell of a withdrawal; None if there is no such withdrawal."""
        if self._of_cells is None or self._withdrawals is None or self._of_cells.cells.count == 1:
            return self._pool
        found = await self._withdrawals.owner_of(withdrawal_id)
        return None if found is None else self._of_cells.of(found.player_id)

    async def due(self, limit: int, left_out: Collection[Key] = ()) -> Sequence[int]:
        """Give the events whose next try is due, without some that are left alone now."""
        async with self._pool.connection() as connection:
            named = {"rows_max": limit, "left_out": literal(left_out)}
            rows = await (await connection.execute(_SQL["due"], named)).fetchall()
        return [row[0] for row in rows]

    async def early(self, after: int) -> EarlyEvents:
        """Look at the next stretch of early events after `after`."""
        statement = _SQL["early_of_cells" if self.has_several_cells else "early"]
        async with self._pool.connection() as connection:
            looked_at, upto, fulfilled = await only_row(connection, statement, {"after": after, "rows_max": _STRETCH})
        return EarlyEvents(upto=upto if looked_at == _STRETCH else None, fulfilled=fulfilled)

    async def receipts(self, inbox_ids: Sequence[int]) -> list[Receipt]:
        """Load events that have no effect yet."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_SQL["receipts"], {"inbox_ids": list(inbox_ids)})).fetchall()
        return [
            Receipt(
                key=key_of(key),
                source=source,
                event_id=event_id,
                event_type=event_type,
                body_key=key_of(body_key),
                body=body,
                traceparent=traceparent,
            )
            for key, source, event_id, event_type, body_key, body, traceparent in rows
        ]

    async def open_counts(self) -> tuple[int, int]:
        """Count the events that wait and that are parked."""
        async with self._pool.connection() as connection:
            waiting, parked = await only_row(connection, _SQL["open_counts"])
        return waiting, parked

    @asynccontextmanager
    async def retrying(self) -> AsyncIterator[RetryTurn | None]:
        """Become the one who tries again, for the length of the block; None if another is. It ends with the process."""
        async with self._pool.connection() as connection:
            try:
                await connection.execute(_SQL["bound_idle_session"])
                (mine,) = await only_row(connection, _SQL["lock_retries"], {"lock": _RETRIES_LOCK})
                yield RetryTurn(connection) if mine else None
            finally:
                await connection.close()  # the lock goes with the connection, whatever state it is in


class RetryTurn:
    """Being the one who tries again. A process that is frozen for a minute loses its turn."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def go_on(self) -> None:
        """Show that we are alive; raises DatabaseUnavailableError, through the pool, if the turn is lost."""
        await self._connection.execute("")


def _columns(receipt: Receipt) -> dict[str, object]:
    return {
        "key": receipt.key,
        "source": receipt.source,
        "event_id": receipt.event_id,
        "event_type": receipt.event_type,
        "body_key": receipt.body_key,
        "body": receipt.body,
        "traceparent": receipt.traceparent,
    }


async def _known(connection: Connection, key: Key) -> KnownReceipt | None:
    row = await (await connection.execute(_SQL["known"], {"key": key})).fetchone()
    if row is None:
        return None
    return KnownReceipt(body_key=key_of(row[0]), state=ReceiptState(row[1]))
