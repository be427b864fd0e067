"""PgBouncer in front of the database: session pooling serves, and what does not is refused at the start."""

import psycopg
import pytest
from support.database import Installation
from support.http_api import ApiServer
from support.pooler import pooler
from support.server import WalletServer

from wallet_grpc.store.connection import kinds
from wallet_grpc.store.operator.preflight import UnfitDatabaseError, check_database

TIMEOUT_MS = 3_000


def check(dsn: str) -> None:
    opened = kinds.of_server(timeout_ms=TIMEOUT_MS, lock_timeout_ms=1_000)
    check_database(dsn, "TEST", timeout_s=30, kinds=opened)


def test_session_pooling_serves(module_installation: Installation) -> None:
    with pooler(module_installation.service_dsn, mode="session") as dsn:
        check(dsn)
        with WalletServer(module_installation, WALLET_DATABASE_URL=dsn) as server:
            wallet = server.wallet()
            player = wallet.player("100")
            wallet.applied(player.bet("10"))
            assert wallet.balance(player).available_minor == "90"


@pytest.mark.parametrize("size", [1, 2, 20])
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_pooling_below_sessions_is_refused(module_installation: Installation, mode: str, size: int) -> None:
    with pooler(module_installation.service_dsn, mode=mode, size=size) as dsn:
        for _ in range(3):  # whatever the pool's connections went through before
            with pytest.raises(UnfitDatabaseError, match="set pool_mode = session"):
                check(dsn)


def test_the_command_and_the_api_say_so_as_well(module_installation: Installation) -> None:
    with pooler(module_installation.service_dsn, mode="transaction") as dsn:
        done = module_installation.run("serve", WALLET_DATABASE_URL=dsn)
        assert (done.returncode, "set pool_mode = session" in done.stderr) == (1, True), done.stderr
    with pooler(module_installation.api_dsn, mode="transaction") as dsn:
        api = ApiServer(module_installation, WALLET_API_DATABASE_URL=dsn)
        assert api.launch().wait(timeout=30) == 1
        assert "set pool_mode = session" in api.log


def test_a_pool_that_is_too_small_is_told(module_installation: Installation) -> None:
    told = pytest.raises(UnfitDatabaseError, match="its pool must hold every connection")
    with pooler(module_installation.service_dsn, mode="session", size=2) as dsn, told:
        check(dsn)


def test_options_that_the_pooler_refuses_are_told(module_installation: Installation) -> None:
    told = pytest.raises(UnfitDatabaseError, match="which a pooler may refuse")
    with pooler(module_installation.service_dsn, mode="session") as dsn, told:
        check(psycopg.conninfo.make_conninfo(dsn, options="-c work_mem=8MB"))
