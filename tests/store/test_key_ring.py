"""All good keys in memory: many look at once, at any moment of a reading, and each is told in time."""

import asyncio
import secrets

import pytest
from support.database import Installation

from wallet_grpc.rpc.key_ring import KeyRing
from wallet_grpc.store.background.key_uses import KeyUseStore
from wallet_grpc.store.connection.pool import Pool
from wallet_grpc.store.operator.keys import create_key
from wallet_grpc.store.reads.keys import Caller, KeyReader, Role, hash_of

_READINGS = 10


async def test_the_latest_use_of_a_key_stays_whoever_tells_of_it(ledger: Installation) -> None:
    pool = Pool(ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000, writes=True)
    with ledger.connect(autocommit=True) as connection:
        used, unused = (
            create_key(connection, prefix="sk_test_", source=secrets.token_hex(4), roles=[Role.GAME]).key_id
            for _ in range(2)
        )
    try:
        for age_s in (60.0, 5.0, 3_600.0):
            await KeyUseStore(pool).note({used: age_s})
    finally:
        await pool.close()
    told = "SELECT extract(EPOCH FROM now() - last_used_at)::FLOAT FROM shown_keys WHERE key_id = %s"
    ((age_s,),) = ledger.rows(told, used)
    assert 5 <= age_s < 60
    assert ledger.rows(told, unused) == [(None,)]


@pytest.mark.timeout(60)
async def test_who_asks_in_the_turn_in_which_a_reading_ends_waits_for_the_next(ledger: Installation) -> None:
    """Once such a call took that which had ended for the next, again and again, and the event loop stood still."""
    pool = Pool(ledger.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000)
    ring = KeyRing(KeyReader(pool), refresh_ms=2_000)
    with ledger.connect(autocommit=True) as connection:
        made = create_key(connection, prefix="sk_test_", source=secrets.token_hex(4), roles=[Role.GAME])

    async def ask_as_it_ends() -> None:
        reading = ring._reading
        while reading is not None and not reading.done():  # noqa: ASYNC110 - each turn of the loop counts
            await asyncio.sleep(0)
        assert await ring.find(secrets.token_bytes(32), peer="ipv4:10.0.0.1") is None

    try:
        for _ in range(_READINGS):
            guess = asyncio.create_task(ring.find(secrets.token_bytes(32), peer="ipv4:10.0.0.2"))
            await asyncio.sleep(0.01)
            await asyncio.gather(*(ask_as_it_ends() for _ in range(3)))
            assert await guess is None
        assert await ring.find(hash_of(made.key), peer="ipv4:10.0.0.1") is not None
    finally:
        await pool.close()


class FrozenAtFirst(KeyReader):
    """Reads the keys; one reading is never answered, as if its server were frozen."""

    is_frozen = False

    async def callers(self) -> dict[bytes, Caller]:
        if self.is_frozen:
            self.is_frozen = False
            await asyncio.Event().wait()
        return await super().callers()


@pytest.mark.timeout(60)
async def test_a_reading_that_is_never_answered_keeps_no_good_key_out(ledger: Installation) -> None:
    """Another one is begun beside it, on another connection, while what was read before is trusted still."""
    pool = Pool(ledger.service_dsn, connections_max=2, wait_ms=5_000, timeout_ms=5_000)
    reader = FrozenAtFirst(pool)
    ring = KeyRing(reader, refresh_ms=0)
    with ledger.connect(autocommit=True) as connection:
        made = create_key(connection, prefix="sk_test_", source=secrets.token_hex(4), roles=[Role.GAME])
    try:
        assert await ring.find(hash_of(made.key), peer="ipv4:10.0.0.1") is not None
        reader.is_frozen = True
        with ledger.connect(autocommit=True) as connection:
            later = create_key(connection, prefix="sk_test_", source=secrets.token_hex(4), roles=[Role.GAME])
        assert await ring.find(hash_of(later.key), peer="ipv4:10.0.0.1") is not None
        assert ring.known(hash_of(made.key)) is not None
    finally:
        await pool.close()
