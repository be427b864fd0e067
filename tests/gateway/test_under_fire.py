"""A gateway under fire: slow senders, floods, a wallet that dies, and a stop meanwhile."""

import contextlib
import http.client
import json
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Self

import psutil
import pytest
from gateway.test_streams import EXECUTE, Stream, bet
from support.database import Installation
from support.gateway import GatewayServer, framed
from support.http2 import RawConnection
from support.requests import Player
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

BALANCE = "/wallet.v1.WalletService/GetBalance"
BET = "/wallet.v1.WalletService/Bet"
BATCH = "/wallet.v1.WalletService/ExecuteBatch"
JSON = {"content-type": "application/json"}
ASKED = json.dumps({"playerId": "1", "currencyNetworkId": 1}).encode()
CALLS_MAX = 4
CONNECTIONS_MAX = 6
MIB = 1024 * 1024
WITHIN_S = 20.0
FEW_DESCRIPTORS = 160
MORE_THAN_FIT = 300
_UNREAD_S = 5.0
"""After so long without a byte more that it takes, the gateway takes none."""
_BYTE_EACH_S = 0.4


@pytest.fixture(scope="module")
def narrow(shared_wallet: Any) -> Iterator[GatewayServer]:
    """A gateway with few places."""
    settings = {
        "WALLET_GATEWAY_CALLS_MAX": str(CALLS_MAX),
        "WALLET_GATEWAY_CONNECTIONS_MAX": str(CONNECTIONS_MAX),
        "WALLET_GATEWAY_MESSAGE_BYTES_MAX": str(MIB),
    }
    with GatewayServer(shared_wallet.wallet.target, **settings) as server:
        yield server


class LimitedGateway(GatewayServer):
    """A gateway that has few file descriptors, and may not have more."""

    program = ("/bin/sh", "-c", f'ulimit -n {FEW_DESCRIPTORS}; exec "$0" "$@"', sys.executable)

    def __init__(self, wallet_address: str, **settings: str) -> None:
        super().__init__(wallet_address, **settings)
        self._arguments = ("-m", "wallet_cli", *self._arguments)

    @property
    def warnings(self) -> list[dict[str, Any]]:
        told = [json.loads(line) for line in self.log.splitlines()]
        return [line for line in told if line["level"] != "info"]


class SlowCall:
    """A call over HTTP/1.1 whose body comes as slowly as its caller likes."""

    def __init__(self, gateway: GatewayServer, key: str, body: bytes = ASKED, *, path: str = BALANCE) -> None:
        self.connection = gateway.connection()
        self.connection.putrequest("POST", path)
        self.connection.putheader("authorization", f"Bearer {key}")
        self.connection.putheader("content-type", "application/json")
        self.connection.putheader("content-length", str(len(body)))
        self.connection.endheaders()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.left = body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, size: int | None = None) -> None:
        """Send the next bytes, or all that is left."""
        now = self.left[:size]
        self.left = self.left[len(now) :]
        self.connection.send(now)

    def status(self) -> int:
        with contextlib.closing(self.connection.getresponse()) as answer:
            answer.read()
            return answer.status


def test_a_body_may_come_byte_by_byte(gateway: GatewayServer, wallet: Wallet, player: Player) -> None:
    key = wallet.keys["games"]
    with SlowCall(gateway, key) as call:
        while call.left:
            call.send(1)
        assert call.status() == 200
    with RawConnection(gateway.address) as connection:
        stream = Stream(connection, key)
        for byte in framed(bet(player)):
            connection.write(stream.number, bytes([byte]))
        (outcome,) = stream.outcomes(1)
        assert list(outcome) == ["result"]


def test_strangers_take_no_places(narrow: GatewayServer, wallet: Wallet) -> None:
    """A key is looked at before a body is waited for, over HTTP/1.1 and HTTP/2."""
    strangers = [RawConnection(narrow.address) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for stranger in strangers:
            stack.enter_context(stranger)
            for path, content_type in ((BET, "application/json"), (EXECUTE, "application/connect+json")) * CALLS_MAX:
                stranger.call(path, {"content-type": content_type, "authorization": "Bearer sk_test_wrong"})
        stack.enter_context(SlowCall(narrow, "sk_test_wrong"))
        wait_until(
            lambda: narrow.ask(BALANCE, ASKED, key=wallet.keys["games"]).status == 200,
            what="who has a key is served",
            timeout_s=WITHIN_S * 0.75,  # a body has 20 s
        )


def test_calls_beyond_the_places_are_refused_until_one_is_free(narrow: GatewayServer, wallet: Wallet) -> None:
    key = wallet.keys["games"]
    assert narrow.ask(BALANCE, ASKED, key=key).status == 200
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(SlowCall(narrow, key)) for _ in range(CALLS_MAX)]
        wait_until(lambda: narrow.ask(BALANCE, ASKED, key=key).status == 429, what="every place is taken")
        full = narrow.ask(BALANCE, ASKED, key=key)
        error = full.refused(429, "resource_exhausted", "QUEUE_FULL")
        assert (error["retry"], full.headers["retry-after"]) == ("SAME_REQUEST", "1")
        assert narrow.ask("/healthz", method="GET").status == 200
        for call in slow:
            call.send()
        assert {call.status() for call in slow} == {200}
    wait_until(lambda: narrow.ask(BALANCE, ASKED, key=key).status == 200, what="a place is free")


def test_connections_beyond_the_bound_wait(narrow: GatewayServer, wallet: Wallet) -> None:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(contextlib.closing(narrow.connection())) for _ in range(CONNECTIONS_MAX)]
        for connection in held:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        one_more = stack.enter_context(contextlib.closing(narrow.connection()))
        one_more.request("POST", BALANCE, ASKED, {"authorization": f"Bearer {wallet.keys['games']}"} | JSON)
        one_more.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            one_more.sock.recv(1, socket.MSG_PEEK)
        held[0].close()
        one_more.sock.settimeout(WITHIN_S)
        assert one_more.getresponse().status == 200


def test_connections_that_say_nothing_give_their_places_back(shared_wallet: Any, wallet: Wallet) -> None:
    """One that is silent, or stops within what HTTP/2 begins with; who has said more has granian's own bounds."""
    key = wallet.keys["games"]
    places = {"WALLET_GATEWAY_CONNECTIONS_MAX": str(CONNECTIONS_MAX)}
    with (
        GatewayServer(shared_wallet.wallet.target, WALLET_GATEWAY_SILENCE_TIMEOUT_MS="2000", **places) as server,
        SlowCall(server, key) as slow,
        contextlib.ExitStack() as stack,
    ):
        host, port = server.address.split(":")
        silent = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=WITHIN_S))
            for _ in range(CONNECTIONS_MAX - 1)
        ]
        silent[0].sendall(b"PRI * HTTP/2")
        assert [connection.recv(1) for connection in silent] == [b""] * len(silent)
        assert server.ask(BALANCE, ASKED, key=key).status == 200
        slow.send()
        assert slow.status() == 200


def test_a_connection_that_begins_too_slowly_gives_its_place_back(shared_wallet: Any) -> None:
    """Each byte comes in time, and all of them together would hold the place for ever so long."""
    with GatewayServer(shared_wallet.wallet.target, WALLET_GATEWAY_SILENCE_TIMEOUT_MS="2000") as server:
        host, port = server.address.split(":")
        with socket.create_connection((host, int(port)), timeout=_BYTE_EACH_S) as slow:
            assert is_ended_meanwhile(slow, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r")


def test_silent_connections_end_where_no_descriptor_is_left(shared_wallet: Any, wallet: Wallet) -> None:
    """More than there are descriptors for: each is ended in its turn, and who has something to say is served."""
    settings = {"WALLET_GATEWAY_SILENCE_TIMEOUT_MS": "2000", "WALLET_GATEWAY_CONNECTIONS_MAX": str(MORE_THAN_FIT)}
    with LimitedGateway(shared_wallet.wallet.target, **settings) as server, contextlib.ExitStack() as stack:
        host, port = server.address.split(":")
        silent = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=WITHIN_S))
            for _ in range(MORE_THAN_FIT)
        ]
        process = psutil.Process(server.process.pid)
        wait_until(lambda: process.num_fds() == FEW_DESCRIPTORS, what="descriptors are used up")
        assert {connection.recv(1) for connection in silent} == {b""}
        assert server.ask(BALANCE, ASKED, key=wallet.keys["games"]).status == 200


def test_a_gateway_says_when_its_connections_need_more_descriptors_than_it_may_have(shared_wallet: Any) -> None:
    with LimitedGateway(shared_wallet.wallet.target) as server:
        (warning,) = server.warnings
        assert (warning["event"], warning["level"]) == ("too_few_descriptors", "warning")
        assert (warning["setting"], warning["limit"]) == ("WALLET_GATEWAY_CONNECTIONS_MAX", FEW_DESCRIPTORS)
        assert "ulimit -Hn" in warning["hint"]


@pytest.mark.parametrize("content_type", ["application/json", "application/proto"])
def test_a_body_over_the_limit_is_not_read_to_its_end(narrow: GatewayServer, wallet: Wallet, content_type: str) -> None:
    """Its size is told at once where it is announced, and when it is reached where it is not."""
    headers = {"authorization": f"Bearer {wallet.keys['games']}", "content-type": content_type}
    for announced in (5 * MIB, 10**12, None):
        with contextlib.closing(narrow.connection()) as connection:
            connection.putrequest("POST", BATCH)
            for name, value in headers.items():
                connection.putheader(name, value)
            told = ("transfer-encoding", "chunked") if announced is None else ("content-length", str(announced))
            connection.putheader(*told)
            connection.endheaders()
            if announced is None:
                for _ in range(3 * MIB // 32_768):
                    connection.send(b"%x\r\n%b\r\n" % (32_768, b" " * 32_768))
            answer = connection.getresponse()
            error = json.loads(answer.read())
            assert (answer.status, error["code"]) == (429, "resource_exhausted"), error


def test_a_caller_that_reads_no_answers_is_read_no_further(narrow: GatewayServer, wallet: Wallet) -> None:
    """Its answers pile up nowhere, whatever it sends, and others are served beside it."""
    key = wallet.keys["games"]
    broke = Player()
    operations = b"".join(framed(bet(broke)) for _ in range(MIB // 256))
    rss_before, sent = narrow.rss_bytes, 0
    with RawConnection(narrow.address) as connection:
        stream = Stream(connection, key)
        while sent < 32 * MIB:
            more = connection.write_as_allowed(stream.number, operations, _UNREAD_S)
            sent += more
            assert narrow.ask(BALANCE, ASKED, key=key).status == 200
            if more < len(operations):
                break
        assert not connection.is_closed
        received = len(connection.received[stream.number])
        assert 0 < received <= 65_535, "the window that it never opens again"
    assert sent < 16 * MIB, "it was read on and on"
    assert narrow.rss_bytes - rss_before < 64 * MIB


def test_a_wallet_that_dies_ends_streams_and_is_found_again(new_installation: Callable[[], Installation]) -> None:
    with WalletServer(new_installation()) as server, GatewayServer(server.target) as gateway:
        wallet = server.wallet()
        player, key = wallet.player("100"), wallet.keys["games"]
        with RawConnection(gateway.address) as connection:
            stream = Stream(connection, key)
            stream.send(bet(player))
            stream.outcomes(1)
            server.kill()
            outcomes, end = stream.whole()
            assert len(outcomes) == 1
            assert (end["error"]["code"], end["error"]["retry"]) == ("unavailable", "SAME_REQUEST")
            server.start()
            wait_until(lambda: gateway.ask("/readyz", method="GET").status == 200, what="the wallet is found again")
            again = Stream(connection, key)
            again.send(bet(player), ends=True)
            outcomes, end = again.whole()
            assert [list(outcome) for outcome in outcomes] == [["result"]]
            assert end == {}


def test_a_gateway_that_stops_answers_what_has_begun(shared_wallet: Any) -> None:
    key = shared_wallet.wallet.keys["games"]
    with GatewayServer(shared_wallet.wallet.target, WALLET_GATEWAY_LAME_DUCK_MS="60000") as gateway:
        assert gateway.ask(BALANCE, ASKED, key=key).status == 200
        with SlowCall(gateway, key) as call:
            call.send(5)
            gateway.terminate()
            wait_until(lambda: gateway.ask("/readyz", method="GET").status == 503, what="it leaves the rotation")
            assert gateway.ask(BALANCE, ASKED, key=key).status == 200, "it serves on meanwhile"
            gateway.terminate()  # a second signal ends the wait
            wait_until(lambda: not is_open(gateway), what="it takes no more connections")
            call.send()
            assert call.status() == 200
        assert gateway.wait() == 0, gateway.log


def is_open(gateway: GatewayServer) -> bool:
    try:
        gateway.ask("/healthz", method="GET")
    except (OSError, http.client.HTTPException):
        return False
    return True


def is_ended_meanwhile(connection: socket.socket, said: bytes) -> bool:
    """Say something byte by byte, with a pause after each; true if the other side ends the connection meanwhile."""
    for byte in said:
        try:
            connection.sendall(bytes([byte]))
            return connection.recv(1) == b""
        except TimeoutError:
            continue
        except ConnectionError:
            return True
    return False
