"""Several workers on one address: they share it, they agree, and one that dies is started again."""

import socket
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
from support.database import Installation
from support.ledger import transactions_stored, verify
from support.load import Load
from support.process import without_descriptors
from support.requests import fresh_id
from support.scrapes import Scrape
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import at_once

from devstack.servers.ports import free_port
from wallet.v1 import wallet_pb2 as pb

New = Callable[..., Installation]


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process lives; one may end while it is looked at."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def listens(process: psutil.Process) -> bool:
    """Tell whether a process has opened an address; one may end while it is looked at."""
    try:
        return any(connection.status == psutil.CONN_LISTEN for connection in process.net_connections())
    except psutil.NoSuchProcess:
        return False


def workers(parent: psutil.Process) -> set[psutil.Process]:
    """Return the living processes that the server has started."""
    return {child for child in parent.children() if is_alive(child)}


def listening(parent: psutil.Process) -> set[psutil.Process]:
    """Return the workers that have opened the address."""
    return {worker for worker in workers(parent) if listens(worker)}


def test_two_workers_share_the_address(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation, "--workers", "2") as server:
        wallet = server.wallet()
        callers = [wallet.caller(wallet.keys["games"]) for _ in range(6)]
        for player in [wallet.player("100") for _ in range(4)]:
            bet, name = player.bet("10"), fresh_id("shared")
            answers = [caller.call(bet) for caller in callers]
            assert [answer.replayed for answer in answers] == [False] + [True] * 5
            assert len({answer.tx_id for answer in answers}) == 1

            rivals = [(caller, player.bet("10", transaction_id=name)) for caller in callers]  # each in another round
            outcomes = at_once(*(lambda rival=rival: rival[0].attempt(rival[1]) for rival in rivals))
            reasons = sorted(getattr(outcome, "reason", "") for outcome in outcomes)
            assert reasons == [""] + ["IDEMPOTENCY_KEY_REUSED"] * 5
            assert wallet.main(player) == "80"
    verify(installation)


def test_a_worker_that_is_killed_is_started_again(new_installation: New) -> None:
    installation = new_installation()
    with WalletServer(installation, "--workers", "2") as server:
        parent = psutil.Process(server.process.pid)
        wait_until(lambda: len(listening(parent)) == 2, what="two workers serve")
        victim, survivor = before = sorted(workers(parent), key=lambda worker: worker.pid)
        wallet = server.wallet()
        player = wallet.player("1000000")
        with Load(wallet, [player], again=True, pause_s=0.02) as load:
            victim.kill()
            wait_until(lambda: len(listening(parent) - set(before)) == 1, what="a new worker serves")
            load.goes_on()
        assert survivor in workers(parent)
        children = workers(parent)
        for bet in load.unanswered:
            assert wallet.games.call(bet).status == pb.OPERATION_STATUS_APPLIED
        assert server.stop() == 0
        assert psutil.wait_procs(children, timeout=30)[1] == []
    assert transactions_stored(installation, "games", *load.answered) == len(load.answered)
    verify(installation)


def test_a_worker_that_hangs_is_replaced(new_installation: New) -> None:
    """A stopped process holds its connections open and its player's locks: nobody but the supervisor can tell."""
    installation = new_installation()
    with WalletServer(installation, "--workers", "2", WALLET_WORKER_HUNG_AFTER_MS="5000") as server:
        parent = psutil.Process(server.process.pid)
        wait_until(lambda: len(listening(parent)) == 2, what="two workers serve")
        victim, survivor = before = sorted(workers(parent), key=lambda worker: worker.pid)
        wallet = server.wallet()
        player = wallet.player("1000000")
        with Load(wallet, [player], again=True, pause_s=0.02) as load:
            victim.suspend()
            wait_until(lambda: len(listening(parent) - set(before)) == 1, what="a new worker serves")
            load.goes_on()
        assert not is_alive(victim)
        assert survivor in workers(parent), "who says something is left alone"
        assert "worker_hung" in server.log
        for bet in load.unanswered:
            assert wallet.games.call(bet).status == pb.OPERATION_STATUS_APPLIED
        assert server.stop() == 0
    verify(installation)


def test_a_stop_while_a_worker_starts(new_installation: New) -> None:
    with WalletServer(new_installation(), "--workers", "2") as server:
        parent = psutil.Process(server.process.pid)
        wait_until(lambda: len(listening(parent)) == 2, what="two workers serve")
        before = workers(parent)
        next(iter(before)).kill()
        wait_until(lambda: workers(parent) - before, what="a new worker")
        assert server.stop() == 0


def test_workers_end_whose_supervisor_was_killed_while_they_started(new_installation: New) -> None:
    server = WalletServer(new_installation(), "--workers", "2")
    server.launch()
    parent = psutil.Process(server.process.pid)
    wait_until(lambda: len(workers(parent)) == 2, what="two workers start")
    started = workers(parent)
    server.kill()
    try:
        wait_until(lambda: not any(map(is_alive, started)), what="they end")
    finally:
        for worker in filter(is_alive, started):
            worker.kill()
    server.start()
    assert server.stop() == 0, "the address was free for the next one"


def test_a_worker_that_cannot_be_started_for_a_moment_is_started_later(new_installation: New) -> None:
    with WalletServer(new_installation(), "--workers", "2") as server:
        parent = psutil.Process(server.process.pid)
        wait_until(lambda: len(listening(parent)) == 2, what="two workers serve")
        victim, survivor = sorted(workers(parent), key=lambda worker: worker.pid)
        with without_descriptors(parent.pid):
            victim.kill()
            wait_until(lambda: "worker_not_started" in server.log, what="it told")
            assert workers(parent) == {survivor}
        wait_until(lambda: len(listening(parent)) == 2, what="a new worker serves")
        assert server.stop() == 0


def test_the_workers_metrics_and_probes_have_one_address(new_installation: New) -> None:
    address = f"127.0.0.1:{free_port()}"
    with WalletServer(new_installation(), "--workers", "2", WALLET_METRICS_ADDRESS=address) as server:
        parent = psutil.Process(server.process.pid)
        wait_until(lambda: len(listening(parent)) == 2, what="both workers serve", timeout_s=60)
        wait_until(lambda: Scrape(address).value("wallet_worker_process_up") == 2, what="both show their metrics")
        assert probed(address, "/healthz") == probed(address, "/readyz") == 200
        wallet, name = server.wallet(), "wallet_operations_total"
        for caller in [wallet.caller(wallet.keys["games"]) for _ in range(8)]:
            caller.call(wallet.player("10").bet("1"))
        shown = Scrape(address)
        assert shown.value(name, operation="bet", outcome="applied") == 8
        assert {sample.labels["worker_number"] for sample in shown.families["wallet_build_info"].samples} == {"0", "1"}
        of_each = [shown.value("process_start_time_seconds", worker_number=number) for number in ("0", "1")]
        assert all(of_each)

        for worker in workers(parent):
            with without_descriptors(worker.pid):
                assert Scrape(address).value("wallet_worker_process_up") == 1, "it cannot take the question"
        assert Scrape(address).value("wallet_worker_process_up") == 2
        assert probed(address, "/readyz") == 200

        frozen = min(workers(parent), key=lambda worker: worker.pid)
        frozen.suspend()
        try:
            shown = Scrape(address)
            assert shown.value("wallet_worker_process_up") == 1
            assert len(shown.families["wallet_build_info"].samples) == 1
            assert probed(address, "/readyz") == 200
        finally:
            frozen.resume()
        frozen.kill()
        wait_until(lambda: Scrape(address).value("wallet_worker_process_up") == 2, what="a new one", timeout_s=60)


def test_metrics_that_cannot_be_shown_are_told_at_the_start(new_installation: New) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = WalletServer(new_installation(), "--workers", "2", WALLET_METRICS_ADDRESS=address)
        server.launch()
        wait_until(lambda: not server.runs, what="it ends", timeout_s=60)
        assert f"WALLET_METRICS_ADDRESS {address} cannot be bound" in server.log


def probed(address: str, path: str) -> int:
    try:
        with urlopen(f"http://{address}{path}", timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
