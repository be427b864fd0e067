"""Whoever takes a claim is killed at every point of it: nothing is lost or doubled, and nothing keeps others from it.

The points are where a batch waits for something that the test holds: before its load is done, before it claims, after
all is written, in its commit. Killed there are its process (kill -9), the backend that stores, or the network between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest
from support.contests import CONTESTS, KINDS_TO_KILL, Contest, insist, player_of
from support.database import Installation, own_installation
from support.ledger import verify
from support.proxy import Proxy
from support.refusals import Refusal
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Caller

from wallet.v1.wallet_pb2 import OperationResult

pytestmark = pytest.mark.faults

_HELD = 4712
"""An advisory lock; who comes to the point that is named in `wait_at` waits for it."""
_POINTS = f"""
    CREATE FUNCTION wait_here() RETURNS TRIGGER LANGUAGE plpgsql SET lock_timeout = 0 AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({_HELD}) FROM wait_at WHERE point = tg_argv[0];
        RETURN new;
    END $$;
    CREATE TABLE wait_at (point TEXT);
    GRANT SELECT ON wait_at TO wallet_service;
    CREATE TRIGGER waits_before BEFORE INSERT ON claims FOR EACH ROW EXECUTE FUNCTION wait_here('claim');
    CREATE TRIGGER waits_after AFTER INSERT ON claims FOR EACH ROW EXECUTE FUNCTION wait_here('stored');
    CREATE CONSTRAINT TRIGGER waits_to_commit AFTER INSERT ON claims
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_here('commit');
"""
POINTS = ("load", "claim", "stored", "commit")
_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'wallet-lane%%' AND wait_event_type = 'Lock'
"""
_STORING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'wallet-lane-ledger' AND state <> 'idle'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Two processes over one installation; the first is reached, and reaches its database, by what a test may cut."""

    installation: Installation
    proxy: Proxy
    killed: WalletServer
    payments: tuple[Caller, Caller]
    """Callers of the one that is killed, and of the other."""

    @contextmanager
    def held(self, point: str) -> Iterator[None]:
        """Let whoever comes to a point wait there, for the time of the block."""
        with self.installation.connect() as holding:
            if point == "load":
                holding.execute("LOCK TABLE public.claims IN ACCESS EXCLUSIVE MODE")
                yield
                return
            with self.installation.connect(autocommit=True) as admin:
                admin.execute("INSERT INTO public.wait_at VALUES (%s)", [point])
                holding.execute("SELECT pg_advisory_lock(%s)", [_HELD])
                try:
                    yield
                finally:
                    admin.execute("DELETE FROM public.wait_at")

    def waiting(self) -> list[int]:
        return [pid for (pid,) in self.installation.rows(_WAITING)]


@pytest.fixture(scope="module")
def scene(template_of_cells: Installation) -> Iterator[Scene]:
    with ExitStack() as running:
        installation = running.enter_context(own_installation(template_of_cells))
        with installation.connect() as connection:
            connection.execute("SET search_path = public")
            connection.execute(_POINTS)
        proxy = running.enter_context(Proxy(installation.service_dsn))
        cluster = replace(installation.cluster, admin_dsn=proxy.before(installation.cluster.admin_dsn))
        killed = running.enter_context(WalletServer(replace(installation, cluster=cluster)))
        other = running.enter_context(WalletServer(installation))
        payments = killed.wallet().payments, other.wallet().payments
        yield Scene(installation=installation, proxy=proxy, killed=killed, payments=payments)
        verify(installation)


def _kill_process(scene: Scene) -> None:
    scene.killed.kill()


def _kill_backend(scene: Scene) -> None:
    for pid in scene.waiting():
        scene.installation.rows("SELECT pg_terminate_backend(%s)", pid)


def _cut_the_network(scene: Scene) -> None:
    scene.proxy.refuse()


KILLS: dict[str, Callable[[Scene], None]] = {
    "process": _kill_process,
    "backend": _kill_backend,
    "network": _cut_the_network,
}


@pytest.mark.parametrize("kind", KINDS_TO_KILL)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("what", KILLS)
def test_a_claim_survives_a_kill(scene: Scene, what: str, point: str, kind: str) -> None:
    players = [_funded(scene, cell) for cell in (0, 1)]
    contest = CONTESTS[kind](*players)

    with ThreadPoolExecutor(1) as pool:
        with scene.held(point):
            sent = pool.submit(scene.payments[0].attempt, contest.requests[0])
            wait_until(scene.waiting, what=f"a batch waits at {point}")
            KILLS[what](scene)
        wait_until(lambda: not scene.installation.rows(_STORING), what="nothing is being stored")
        scene.proxy.serve()
        if not scene.killed.runs:
            scene.killed.start()
        outcome = sent.result()
    wait_until(lambda: _answers(scene.payments[0], players[0]), what="it serves again")
    _is_settled(scene, contest, outcome, lived=what != "process")


def _funded(scene: Scene, cell: int) -> Player:
    player = player_of(cell)
    scene.payments[1].call(player.deposit("10"))
    return player


def _answers(caller: Caller, player: Player) -> bool:
    return not isinstance(caller.attempt(player.balance()), Refusal)


def _is_settled(scene: Scene, contest: Contest, outcome: object, *, lived: bool) -> None:
    """The other player tries first, at the other process; then the first one again, as one who had no answer."""
    if lived:
        outcome = insist(scene.payments[0], contest.requests[0], outcome)
        assert isinstance(outcome, OperationResult)
    rival = insist(scene.payments[1], contest.requests[1])
    winner = contest.settle([outcome, rival], scene.payments)
    contest.check_stored(scene.installation, winner)
