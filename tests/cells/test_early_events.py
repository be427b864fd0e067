"""Events that came before their withdrawal, where the withdrawal may be in any of several cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from support.contests import player_of
from support.database import Installation
from support.requests import CELLS
from support.server import WalletServer

from wallet_grpc.domain.cells import ByCell, Cell, Cells
from wallet_grpc.domain.receipts import receipt_of
from wallet_grpc.domain.refusals import Reason, Refusal
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.queues.inbox import InboxSettings, InboxStore

_HOUR_MS = 3_600_000


async def test_an_early_event_is_found_once_its_withdrawal_is_there(
    new_installation: Callable[..., Installation],
) -> None:
    """Through connections that look into no cell, as a consumer's do."""
    made = new_installation(cells=CELLS)
    pool = Pool(made.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000, writes=True, cell=None)
    nothing = cast("Any", None)
    cells = ByCell(Cells(CELLS), dict.fromkeys(map(Cell, range(CELLS)), nothing))
    store = InboxStore(pool, InboxSettings(attempts_max=9, first_delay_ms=_HOUR_MS), of_cells=cells)
    try:
        with WalletServer(made) as server:
            wallet = server.wallet()
            for cell in range(CELLS):
                reservation = wallet.fund(player_of(cell), "10").reserve("7")
                body = "{}"
                receipt = receipt_of(
                    source="payments",
                    event_id=reservation.withdrawal_id,
                    event_type="payments.withdrawal.settled",
                    body=body,
                    compared_body=body,
                    traceparent=None,
                )
                refusal = Refusal(reason=Reason.WITHDRAWAL_NOT_FOUND, message="it is early")
                await store.record_failure(receipt, refusal, waits_for=reservation.withdrawal_id)
                known = len((await store.early(0)).fulfilled)
                assert known == cell
                wallet.applied(reservation)
                assert len((await store.early(0)).fulfilled) == known + 1
    finally:
        await pool.close()
