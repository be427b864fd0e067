"""Both SDKs over a network that loses, delays, doubles and breaks a tenth of all calls: nothing is lost or doubled.

Their callers have no code that sends anything again.

WALLET_TEST_BAD_NETWORK_OPERATIONS says how many operations each plays; a few hundred unless said.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from support import node
from support.database import ROOT
from support.ledger import verify
from support.requests import USDC_SOLANA, Player
from support.server import WalletServer
from support.sessions import Play

from wallet.v1 import session_pb2 as pb
from wallet.v1 import session_pb2_grpc, wallet_pb2
from wallet_client import GameSession, WalletClient, WalletError

OPERATIONS = int(os.environ.get("WALLET_TEST_BAD_NETWORK_OPERATIONS", "600"))
SESSIONS = 24
ROUNDS = max(3, OPERATIONS * 3 // (5 * SESSIONS) // 3 * 3)
"""In each session: of three rounds one is won, one is rolled back, one is lost, which is five operations."""
LOCK = 10_000
BATCH_ROUNDS = 30
WITHIN_S = 60 + OPERATIONS // 20

pytestmark = pytest.mark.timeout(2 * WITHIN_S + 60)


@dataclass
class Network:
    target: str
    did: Counter[str] = field(default_factory=Counter)


@contextmanager
def bad_network(server: WalletServer) -> Iterator[Network]:
    """Give an address that leads to the server; what the network did is told at the end."""
    program = [sys.executable, str(ROOT / "tests" / "support" / "bad_network.py"), server.target, "19"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        network = Network(f"127.0.0.1:{process.stdout.readline().strip()}")
        try:
            yield network
            process.stdin.close()
            network.did.update(json.loads(process.stdout.readline()))
        finally:
            process.kill()


@pytest.fixture
def players(studio_server: WalletServer) -> list[Player]:
    wallet = studio_server.wallet()
    return [wallet.fund(Player(currency_network_id=USDC_SOLANA), str(LOCK)) for _ in range(SESSIONS)]


@pytest.mark.usefixtures("sdk_for_node")
def test_the_sdk_for_node_loses_and_doubles_nothing(studio_server: WalletServer, players: list[Player]) -> None:
    plan = [{"userId": str(player.player_id), "rounds": ROUNDS} for player in players]
    with bad_network(studio_server) as network:
        url = f"http://{network.target}"
        written = node.run(
            studio_server, "build/test/flood.js", timeout_s=WITHIN_S, WALLET_FLOOD=json.dumps(plan), WALLET_URL=url
        )
    tokens = [played["sessionToken"] for played in json.loads(written)]
    check(studio_server, players, tokens, network)


async def test_the_python_client_loses_and_doubles_nothing(studio_server: WalletServer, players: list[Player]) -> None:
    key = studio_server.installation.keys["games"]
    with bad_network(studio_server) as network:
        async with asyncio.timeout(WITHIN_S), WalletClient(network.target, key=key, deadline_s=120) as client:
            sessions = await asyncio.gather(
                *(play(client, player, way=number % 3) for number, player in enumerate(players))
            )
    await asyncio.to_thread(check, studio_server, players, [session.token for session in sessions], network)


async def play(client: WalletClient, player: Player, *, way: int) -> GameSession:
    """Play a session call by call, in batches or as a stream."""
    session = await client.open_session(
        player_id=player.player_id, currency_network_id=USDC_SOLANA, game_code="flood", lock_amount_minor=LOCK,
        transaction_id=f"flood-{player.player_id}",
    )  # fmt: skip
    rounds = range(1, ROUNDS + 1)
    if way == 0:
        for number in rounds:
            for request in round_of(session.token, number):
                await client.play(request)
    elif way == 1:
        for first in range(1, ROUNDS + 1, BATCH_ROUNDS):
            played = [round_of(session.token, number) for number in rounds[first - 1 : first - 1 + BATCH_ROUNDS]]
            good(await client.batch([one[0] for one in played]))
            good(await client.batch([end for one in played for end in one[1:]]))
    else:
        operations = (request for number in rounds for request in round_of(session.token, number))
        good([answer async for _, answer in client.stream(operations)])
    await session.settle()
    return session


def round_of(token: str, number: int) -> list[Any]:
    play = Play(token)
    bet = play.bet("2", transaction_id=f"b{number}", round_id=str(number))
    if number % 3 == 0:
        return [bet, play.rollback(bet, transaction_id="")]
    if number % 3 == 1:
        return [bet, play.win("3", of=bet, transaction_id=f"w{number}", round_closed=True)]
    return [bet]


def good(answers: list[Any]) -> None:
    for answer in answers:
        if isinstance(answer, WalletError):
            raise answer


def check(server: WalletServer, players: list[Player], tokens: list[str], network: Network) -> None:
    """Assert that every session's journal is exactly what was played, and that the books are right."""
    ids = sorted(
        [f"b{number}" for number in range(1, ROUNDS + 1)]
        + [f"w{number}" for number in range(1, ROUNDS + 1, 3)]
        + [f"rollback:b{number}" for number in range(3, ROUNDS + 1, 3)]
    )
    net = -2 * ROUNDS + 3 * (ROUNDS // 3) + 2 * (ROUNDS // 3)
    wallet = server.wallet()
    stub: Any = session_pb2_grpc.LedgerSessionServiceStub(wallet.channel())
    assert len(set(tokens)) == SESSIONS
    for token in tokens:
        journal = list(journal_of(stub, wallet.games.credentials, token))
        assert sorted(row.transaction_id for row in journal) == ids
        assert {row.status for row in journal} == {wallet_pb2.OPERATION_STATUS_APPLIED}
        assert sum(int(row.change_minor) for row in journal) == net
    for player in players:
        balance = wallet.balance(player)
        assert (balance.available_minor, balance.session_hold_minor) == (str(LOCK + net), "0")
    verify(server.installation)
    logging.getLogger(__name__).info("%d operations: %s", SESSIONS * len(ids), dict(network.did))
    disturbed = sum(network.did.values()) - network.did["calls"] - network.did["connections"]
    assert disturbed > network.did["calls"] * 0.05


def journal_of(stub: Any, credentials: Any, token: str) -> Iterator[pb.SessionTransaction]:
    page = pb.ListSessionTransactionsResponse(next_page_token="")
    while True:
        request = pb.ListSessionTransactionsRequest(
            session_token=token, page_size=1_000, page_token=page.next_page_token
        )
        page = stub.ListSessionTransactions(request, metadata=credentials, timeout=60)
        yield from page.transactions
        if not page.next_page_token:
            return
