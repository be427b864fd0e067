"""A cell whose node is away when a process starts: the process starts, names it, serves the others, and heals."""

from collections.abc import Iterator

import pytest
from support.broker import Broker, new_vhost
from support.contests import player_of
from support.cookies import token
from support.database import Installation, own_installation
from support.events import Bus, Worker, deposit_settled
from support.http_api import BALANCES, ApiServer
from support.ledger import verify
from support.proxy import Proxy
from support.refusals import check_refusal
from support.requests import CELLS
from support.scrapes import Scrape
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port

MISSING, SERVED = 0, 1
NAME = f"cell_{MISSING}"
NAMED = ('"cell_not_reached"', f'"cell": {MISSING}')


@pytest.fixture(scope="module")
def installation(template_of_cells: Installation) -> Iterator[Installation]:
    with own_installation(template_of_cells) as made:
        yield made
        verify(made)


@pytest.fixture(scope="module")
def wallet(installation: Installation) -> Iterator[Wallet]:
    """A server that reaches all cells."""
    with WalletServer(installation) as server:
        yield server.wallet()


@pytest.fixture
def road(installation: Installation) -> Iterator[Proxy]:
    """The way to the database, on which nobody comes to one of the cells."""
    with Proxy(installation.service_dsn) as proxy:
        proxy.refuse_who_says(NAME)
        yield proxy


def is_up(address: str) -> dict[str, float]:
    scrape = Scrape(address)
    return {str(cell): scrape.value("wallet_cell_up", cell=str(cell)) for cell in range(CELLS)}


def test_a_server_starts_without_a_cell_and_serves_it_when_it_is_back(installation: Installation, road: Proxy) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    url = road.before(installation.service_dsn)
    with (
        WalletServer(installation, WALLET_DATABASE_URL=url, WALLET_METRICS_ADDRESS=metrics) as server,
        server.channel() as channel,
    ):
        assert all(told in server.log for told in NAMED)
        wallet = server.wallet()
        wallet.fund(player_of(SERVED), "50")
        check_refusal(wallet.attempt(player_of(MISSING).deposit("50")), "DATABASE_UNAVAILABLE")
        wait_until(lambda: server.health(channel, NAME) == "NOT_SERVING", what="health names the cell")
        assert server.health(channel, f"cell_{SERVED}") == server.health(channel) == "SERVING"
        assert is_up(metrics) == {"0": 0.0, "1": 1.0, "2": 1.0}
        road.refuse_who_says(None)
        wait_until(lambda: server.health(channel, NAME) == "SERVING", what="health tells that it is back")
        assert set(is_up(metrics).values()) == {1.0}
        wallet.fund(player_of(MISSING), "50")


def test_events_of_the_other_cells_go_both_ways(
    installation: Installation, wallet: Wallet, road: Proxy, broker: Broker
) -> None:
    amqp_url = new_vhost(broker)
    url = road.before(installation.service_dsn)
    players = {cell: player_of(cell) for cell in (MISSING, SERVED)}

    def published(cell: int) -> bool:
        return any(received.event["subject"] == str(players[cell].player_id) for received in bus.received)

    with (
        Bus(amqp_url) as bus,
        Worker("consume", installation, amqp_url, WALLET_DATABASE_URL=url) as consumer,
        Worker("relay", installation, amqp_url, WALLET_DATABASE_URL=url) as relay,
    ):
        bus.subscribe()
        bus.publish(*(deposit_settled(player.deposit("50")) for player in players.values()))
        wait_until(lambda: published(SERVED), what="the other cell's deposit is applied, and told", timeout_s=60)
        assert wallet.main(players[MISSING]) == "0"
        assert all(told in process.log for process in (consumer, relay) for told in NAMED)
        road.refuse_who_says(None)
        wait_until(lambda: published(MISSING), what="the cell's own is applied, and told", timeout_s=60)
        assert (consumer.stop(), relay.stop()) == (0, 0)


def test_the_api_reads_the_other_cells(installation: Installation, wallet: Wallet) -> None:
    missing, served = (wallet.fund(player_of(cell), "50").player_id for cell in (MISSING, SERVED))
    with Proxy(installation.api_dsn) as road:
        road.refuse_who_says(NAME)
        with ApiServer(installation, WALLET_API_DATABASE_URL=road.before(installation.api_dsn)) as api:
            assert api.ask("/readyz").status == 200
            assert api.balances(served)["USDT", "TRON"]["available_minor"] == "50"
            assert api.ask(BALANCES, cookie=token(missing)).status == 503
            assert f'"cell": {MISSING}' in api.log
            road.refuse_who_says(None)
            wait_until(
                lambda: api.ask(BALANCES, cookie=token(missing)).status == 200, what="the cell is read when it is back"
            )
