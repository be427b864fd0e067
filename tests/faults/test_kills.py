"""kill -9 of the server, of a worker and of PostgreSQL, in mid-load, over and over.

Afterwards every acknowledged mutation is there exactly once, every other one is answered by its retry, the balances are
what that makes, and `wallet verify` finds nothing.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import psutil
from support.copies import Copy
from support.database import Installation, create_installation
from support.ledger import check_invariants, verify
from support.load import MixedLoad, nothing_is_lost_or_doubled
from support.rounds import rounds
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

New = Callable[..., Installation]

KILLS = rounds(8, of=20)
LONGEST_CALM_S = 0.3
PAUSE_S = 0.01
"""Between what a sender sends: with six of them something is always under way, and the processor is left to others."""


def killed_at_random(process: subprocess.Popen[bytes] | Copy | psutil.Process) -> None:
    """Kill at a moment that nobody chose, and see it gone."""
    time.sleep(random.uniform(0, LONGEST_CALM_S))
    process.kill()
    process.wait(10)


def books_are_right(load: MixedLoad, wallet: Wallet, installation: Installation) -> None:
    assert len(load.answered) > KILLS * 10
    nothing_is_lost_or_doubled(load, wallet, installation)
    check_invariants(installation)
    verify(installation)


def test_the_server_is_killed_in_mid_load(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        with MixedLoad(wallet, pause_s=PAUSE_S) as load:
            for _ in range(KILLS):
                killed_at_random(server.process)
                server.start()
                load.goes_on()
        books_are_right(load, wallet, installation)


def test_a_worker_is_killed_in_mid_load(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation, WALLET_WORKERS="2") as server:
        wallet = server.wallet()
        supervisor = psutil.Process(server.process.pid)
        with MixedLoad(wallet, pause_s=PAUSE_S) as load:
            for _ in range(KILLS // 4):
                wait_until(lambda: len(supervisor.children()) == 2, what="both workers run")
                killed_at_random(random.choice(supervisor.children()))
                load.goes_on()
        books_are_right(load, wallet, installation)


def test_postgresql_is_killed_in_mid_load(own_cluster: tuple) -> None:
    _, postgres, template = own_cluster
    installation = create_installation(template)
    with WalletServer(installation) as server:
        wallet = server.wallet()
        with MixedLoad(wallet, pause_s=PAUSE_S) as load:
            for _ in range(KILLS):
                time.sleep(random.uniform(0, LONGEST_CALM_S))
                postgres.kill()
                postgres.start()
                load.goes_on()
            assert server.process.poll() is None, "the server lives through it"
        books_are_right(load, wallet, installation)


def test_postgresql_hangs_for_a_while(own_cluster: tuple) -> None:
    """Frozen for two seconds, not dead: what waits goes on, and nothing is done twice."""
    _, postgres, template = own_cluster
    installation = create_installation(template)
    with WalletServer(installation) as server:
        wallet = server.wallet()
        with MixedLoad(wallet, pause_s=PAUSE_S) as load:
            frozen = psutil.Process(postgres.postmaster_pid).children(recursive=True)
            for process in frozen:
                os.kill(process.pid, signal.SIGSTOP)
            try:
                time.sleep(2)
            finally:
                for process in frozen:
                    process.send_signal(signal.SIGCONT)
            load.goes_on()
        books_are_right(load, wallet, installation)
