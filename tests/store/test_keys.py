"""Keys as a server reads them: all at once, and beside its calls."""

import asyncio
import gc
import time
from collections.abc import Callable

from support.database import Installation

from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.reads.keys import KeyReader

KEYS = 20_000
TURN_MAX_S = 0.04
"""Of processor time; all of them in one turn take several times that."""


async def test_calls_go_on_while_many_keys_are_read(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with installation.connect(autocommit=True) as admin:
        admin.execute(
            "INSERT INTO api_keys (key_id, key_hash, source, roles)"
            " SELECT 'key_' || n, sha256(n::text::bytea), 'source_' || n, ARRAY['game', 'credit']"
            " FROM generate_series(1, %s) AS n",
            [KEYS],
        )
    pool = Pool(installation.service_dsn, connections_max=1, wait_ms=10_000, timeout_ms=10_000)
    gc.disable()
    try:
        reading = asyncio.create_task(KeyReader(pool).callers())
        longest_s = 0.0
        while not reading.done():
            began = time.thread_time()
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.thread_time() - began)
    finally:
        gc.enable()
        await pool.close()
    assert len(reading.result()) == KEYS + len(installation.keys)
    assert longest_s < TURN_MAX_S
