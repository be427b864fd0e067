"""Summaries of a cell's tables are made where its rows are, which on a Citus cluster is in shards."""

import psycopg
import pytest
from psycopg import sql
from support import citus
from support.contests import player_of
from support.database import Installation
from support.server import WalletServer
from support.sessions import sessions_of

from wallet_grpc.domain.cells import Cell
from wallet_grpc.store.background.summaries import SummaryStore
from wallet_grpc.store.connection.pool import Pool

_CELL = Cell(0)
_SHARD = "SELECT shard_name FROM citus_shards WHERE shard_name LIKE 'cell_0.subledger_entries_%%'"
_MANY_MORE = sql.SQL(
    """
    INSERT INTO {shard}
    SELECT (jsonb_populate_record(seed, jsonb_build_object('entry_no', n + 9, 'key_hash', gen_random_uuid()))).*
      FROM (SELECT seed FROM {shard} AS seed WHERE kind = 'BET') AS one, generate_series(1, 20000) AS n
    """
)
"""Several ranges of pages."""


@pytest.mark.parametrize("index_name", ["subledger_entries_ids_idx", "subledger_entries_created_idx"])
async def test_full_ranges_of_a_shard_are_summarized(
    citus_installation: Installation, citus_server: WalletServer, index_name: str
) -> None:
    wallet = citus_server.wallet()
    games = sessions_of(wallet)
    games.applied(games.open(wallet.fund(player_of(_CELL), "100"), "100").bet("1"))
    ((shard,),) = citus_installation.rows(_SHARD)
    node = citus.at(
        citus_installation.cluster.admin_dsn,
        citus.node_of(citus_installation, "cell_0"),
        citus_installation.database,
    )
    with psycopg.connect(node) as connection:
        connection.execute(_MANY_MORE.format(shard=sql.Identifier(*shard.split("."))))
    pool = Pool(
        citus_installation.service_dsn, connections_max=1, wait_ms=5_000, timeout_ms=5_000, writes=True, cell=_CELL
    )
    try:
        assert await SummaryStore(pool).summarize(index_name, since_page=0) > 0
    finally:
        await pool.close()
