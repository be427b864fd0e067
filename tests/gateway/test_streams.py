"""Streams over HTTP/2: outcomes come while operations go, in their order, and the last envelope tells how it ended."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.database import Installation
from support.gateway import GatewayServer, framed, unframed
from support.http2 import RawConnection
from support.requests import Player, fresh_id
from support.scrapes import Scrape
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port

EXECUTE = "/wallet.v1.WalletService/Execute"
WITHIN_S = 20.0


class Stream:
    """One stream through the gateway, in JSON."""

    def __init__(self, connection: RawConnection, key: str, *, path: str = EXECUTE, **metadata: str) -> None:
        self.connection = connection
        headers = {"content-type": "application/connect+json", "authorization": f"Bearer {key}"}
        self.number = connection.call(path, headers | metadata)

    def send(self, message: Any, *, ends: bool = False, flags: int = 0) -> None:
        self.connection.write(self.number, framed(message, flags=flags), ends=ends)

    def end(self) -> None:
        self.connection.write(self.number, b"", ends=True)

    def outcomes(self, count: int) -> list[Any]:
        """Wait for the first outcomes."""
        found: list[Any] = []

        def enough() -> bool:
            found[:] = envelopes(self.connection.received.get(self.number, b""))
            return len(found) >= count

        wait_until(enough, what=f"{count} outcomes", timeout_s=WITHIN_S)
        return found[:count]

    def whole(self) -> tuple[list[Any], Any]:
        """Wait for the end; gives the outcomes, and what the last envelope says."""
        assert self.connection.wait_for_ends({self.number}, WITHIN_S)
        return unframed(self.connection.received[self.number])


def envelopes(body: bytes) -> list[Any]:
    """Read the messages that have come whole."""
    found = []
    while len(body) >= 5:
        length = int.from_bytes(body[1:5])
        if len(body) < 5 + length:
            break
        found.append(json.loads(body[5 : 5 + length]))
        body = body[5 + length :]
    return found


@pytest.fixture
def connection(gateway: GatewayServer) -> Iterator[RawConnection]:
    with RawConnection(gateway.address) as made:
        yield made


@pytest.fixture
def key(wallet: Wallet) -> str:
    return wallet.keys["games"]


def bet(player: Player, amount_minor: str = "10") -> dict[str, Any]:
    return {
        "bet": {
            "transactionId": fresh_id("bet"),
            "playerId": str(player.player_id),
            "currencyNetworkId": player.currency_network_id,
            "amountMinor": amount_minor,
            "gameCode": "g",
            "roundId": "1",
        }
    }


def test_outcomes_come_while_operations_go(connection: RawConnection, key: str, player: Player) -> None:
    stream = Stream(connection, key)
    stream.send(bet(player, "60"))
    (first,) = stream.outcomes(1)
    assert first["result"]["balanceAfterMinor"] == "40"
    stream.send(bet(player, "60"))
    stream.send(bet(player, "40"), ends=True)
    outcomes, end = stream.whole()
    assert [list(outcome) for outcome in outcomes] == [["result"], ["error"], ["result"]]
    assert outcomes[2]["result"]["balanceAfterMinor"] == "0"
    assert end == {}


def test_a_stream_without_a_good_key(connection: RawConnection) -> None:
    stream = Stream(connection, "sk_test_wrong")
    outcomes, end = stream.whole()
    assert (outcomes, end["error"]["code"], end["error"]["reason"]) == ([], "unauthenticated", "CALLER_UNKNOWN")


@pytest.mark.parametrize("message", [b"{", b'{"bets": 1}', b"[]"])
def test_what_cannot_be_read_ends_a_stream_after_what_came_before(
    connection: RawConnection, key: str, player: Player, message: bytes
) -> None:
    stream = Stream(connection, key)
    stream.send(bet(player))
    stream.send(message)
    outcomes, end = stream.whole()
    assert [list(outcome) for outcome in outcomes] == [["result"]]
    assert (end["error"]["code"], end["error"]["reason"]) == ("invalid_argument", "INVALID_FIELD")


def test_a_compressed_or_broken_envelope_ends_a_stream(connection: RawConnection, key: str) -> None:
    compressed = Stream(connection, key)
    compressed.send({}, flags=1)
    assert compressed.whole()[1]["error"]["code"] == "unimplemented"
    broken = Stream(connection, key)
    connection.write(broken.number, framed({})[:-1], ends=True)
    assert broken.whole()[1]["error"]["reason"] == "INVALID_FIELD"
    large = Stream(connection, key)
    connection.write(large.number, b"\x00\xff\xff\xff\xff")
    assert large.whole()[1]["error"]["code"] == "resource_exhausted"


def test_a_stream_has_the_callers_deadline(connection: RawConnection, key: str) -> None:
    stream = Stream(connection, key, **{"connect-timeout-ms": "200"})
    _, end = stream.whole()
    assert (end["error"]["code"], end["error"]["reason"]) == ("deadline_exceeded", "OUTCOME_UNKNOWN")


def test_http_1_cannot_stream(gateway: GatewayServer, key: str) -> None:
    answer = gateway.ask(EXECUTE, framed({}), key=key, content_type="application/connect+json")
    answer.refused(505, "unimplemented", None)
    gateway.ask(EXECUTE, {}, key=key).refused(415, "unimplemented", None)


def test_a_caller_that_hangs_up_leaves_no_call(gateway: GatewayServer, key: str, player: Player) -> None:
    with RawConnection(gateway.address) as connection:
        stream = Stream(connection, key)
        stream.send(bet(player))
        stream.outcomes(1)
    with RawConnection(gateway.address) as connection:  # the gateway serves on
        stream = Stream(connection, key)
        stream.send(bet(player), ends=True)
        assert len(stream.whole()[0]) == 1


def test_a_gateway_that_stops_answers_what_it_has_read(new_installation: Callable[[], Installation]) -> None:
    with WalletServer(new_installation()) as server, GatewayServer(server.target) as gateway:
        wallet = server.wallet()
        player = wallet.player("100")
        with RawConnection(gateway.address) as connection:
            stream = Stream(connection, wallet.keys["games"])
            stream.send(bet(player))
            stream.send(bet(player))
            stream.outcomes(1)
            gateway.terminate()
            outcomes, end = stream.whole()
            assert len(outcomes) == 2
            assert (end["error"]["code"], end["error"]["reason"]) == ("unavailable", "DATABASE_UNAVAILABLE")
            assert end["error"]["retry"] == "SAME_REQUEST"
        assert gateway.wait() == 0, gateway.log


def test_a_stream_that_has_lasted_as_long_as_it_may_is_no_failure(new_installation: Callable[[], Installation]) -> None:
    address = f"127.0.0.1:{free_port()}"
    with (
        WalletServer(new_installation(), WALLET_CONNECTION_AGE_GRACE_MS="1000") as server,
        GatewayServer(server.target, WALLET_GATEWAY_METRICS_ADDRESS=address) as gateway,
        RawConnection(gateway.address) as connection,
    ):
        wallet = server.wallet()
        player = wallet.player("100")
        stream = Stream(connection, wallet.keys["games"])
        stream.send(bet(player))
        outcomes, end = stream.whole()
        assert len(outcomes) == 1
        assert (end["error"]["code"], end["error"]["reason"]) == ("unavailable", "DATABASE_UNAVAILABLE")
        execute = {"path": "/wallet.v1.WalletService/Execute"}
        ended = "wallet_gateway_requests_total"
        wait_until(lambda: Scrape(address).value(ended, **execute, code="over") == 1, what="its end is counted")
        assert Scrape(address).value(ended, **execute, code="unavailable") == 0


def test_what_streams_hold_of_long_messages_is_bounded(wallet: Wallet, key: str) -> None:
    """Two messages that do not end, which together are more than the gateway may hold: one of them is refused."""
    begun = {"message_bytes": 1536 * 1024, "sent_bytes": 700 * 1024, "patience_s": WITHIN_S}
    with (
        GatewayServer(wallet.target, WALLET_GATEWAY_HELD_BYTES_MAX=str(1024 * 1024)) as gateway,
        RawConnection(gateway.address) as connection,
    ):
        held, refused, stranger = Stream(connection, key), Stream(connection, key), Stream(connection, "sk_test_wrong")
        for stream in (held, refused, stranger):
            connection.announce(stream.number, **begun)
        outcomes, last = refused.whole()
        assert (outcomes, last["error"]["code"], last["error"]["reason"]) == ([], "resource_exhausted", "QUEUE_FULL")
        assert stranger.whole()[1]["error"]["code"] == "unauthenticated"
        assert held.number not in connection.ended
