"""Events that were set aside, as calls settle them: tried again or given up, each with its row of the trail.

The statements are those of the commands (store/operator).
"""

from __future__ import annotations

from wallet_grpc.domain.cells import ByCell, Cell
from wallet_grpc.domain.operators import Operator
from wallet_grpc.store.backoffice.events import EventRef
from wallet_grpc.store.connection.pool import Connection, Pool, only_row
from wallet_grpc.store.connection.statements import statements
from wallet_grpc.store.operator.outbox import next_outbox_id

from .acts import clock, note_call
from .event_acts import Settling, TakenEvent, published_act, received_act
from .writing import written

_INBOX = statements("wallet_grpc.store.operator", "inbox.sql")
_OUTBOX = statements("wallet_grpc.store.operator", "outbox.sql")


class SetAsideEvents:
    """Settles events that wait or are parked.

    Raises DatabaseUnavailableError where the database does not answer, CellElsewhereError for a cell that another
    process serves, and TimeoutError where nobody can tell whether it was stored.
    """

    def __init__(self, shared: Pool, of_cells: ByCell[Pool]) -> None:
        self._shared = shared
        self._of_cells = of_cells

    async def settle(
        self, ref: EventRef, settling: Settling, operator: Operator, *, reason: str, request_id: str
    ) -> EventRef | None:
        """Settle an event; gives what it is called now, None if none of this name waits or is parked."""
        if ref.cell is None:
            return await written(
                self._shared, lambda on: self._received(on, ref, settling, operator, reason, request_id)
            )
        cell = ref.cell
        if cell >= self._of_cells.cells.count:
            return None
        return await written(
            self._of_cells.at(cell), lambda on: self._published(on, ref, cell, settling, operator, reason, request_id)
        )

    async def _received(  # noqa: PLR0917 - what is done, and by whom
        self,
        connection: Connection,
        ref: EventRef,
        settling: Settling,
        operator: Operator,
        reason: str,
        request_id: str,
    ) -> EventRef | None:
        found = await (await connection.execute(_INBOX["lock_one"], {"inbox_id": ref.number})).fetchone()
        if found is None:
            return None
        inbox_id, *facts = found
        await connection.execute(_INBOX[settling.value], {"inbox_ids": [inbox_id]})
        act = received_act(settling, inbox_id, facts, reason)
        await note_call(connection, act, operator, request_id=request_id, now=await clock(connection))
        return ref

    async def _published(  # noqa: PLR0917 - what is done, and by whom
        self,
        connection: Connection,
        ref: EventRef,
        cell: Cell,
        settling: Settling,
        operator: Operator,
        reason: str,
        request_id: str,
    ) -> EventRef | None:
        found = await (await connection.execute(_OUTBOX["take_parked"], {"outbox_id": ref.number})).fetchone()
        if found is None:
            return None
        event, new = TakenEvent(*found), None
        if settling is Settling.REPLAY:
            (epoch,) = await only_row(connection, _OUTBOX["epoch"])
            (number,) = await only_row(connection, _OUTBOX["next_number"])
            new = EventRef(cell=cell, number=next_outbox_id(number, epoch))
            await connection.execute(_OUTBOX["put_back"], {**event._asdict(), "outbox_id": new.number})
        act = published_act(settling, event, ref, reason, new)
        await note_call(connection, act, operator, request_id=request_id, now=await clock(connection))
        return new or ref
