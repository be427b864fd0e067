"""Rule 10: one player's operations take effect in the order of the requests, one by one or in any batch or stream.

Random scripts are compared with `support.oracle`, answer by answer: whatever the engine merges, groups or retries, the
answers are those of running the requests one after the other.
"""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from support.oracle import Expected, Oracle
from support.refusals import Refusal, check_refusal
from support.requests import USDT_ETHEREUM, USDT_TRON, Player, fresh_id, id_of
from support.scripts import Script
from support.wallet import Wallet, check_replay

from wallet.v1 import wallet_pb2 as pb

SEEDS = range(12)
LENGTH = 120


class Comparison:
    """Holds answers against the oracle's, and each tx_id against the transaction that it must stand for."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle
        self._tx_ids: dict[int, str] = {0: ""}
        self._times: dict[int, Timestamp] = {}

    def check(self, request: Message, answer: Any) -> None:
        expected = self._oracle.expect(request)
        try:
            self._check(request, expected, answer)
        except AssertionError as error:
            raise AssertionError(f"{type(request).__name__}:\n{request}\nexpected {expected}\ngot {answer}") from error

    def _check(self, request: Message, expected: Expected, answer: Any) -> None:
        if expected.reason:
            refusal = check_refusal(answer, expected.reason, **expected.metadata)
            assert not expected.differing or refusal.metadata["field"] in expected.differing
            return
        assert not isinstance(answer, Refusal)
        tx_id = self._tx_ids.setdefault(expected.number, answer.tx_id)
        assert len(set(self._tx_ids.values())) == len(self._tx_ids)
        created_at = (
            self._times.setdefault(expected.number, answer.created_at) if expected.number else answer.created_at
        )
        assert created_at.seconds > 0
        assert answer == pb.OperationResult(
            tx_id=tx_id,
            transaction_id=id_of(request),
            status=expected.status,
            replayed=expected.replayed,
            balance_after_minor=expected.balance_after,
            current_balance_minor=expected.current,
            created_at=created_at,
        )


def check_end(wallet: Wallet, oracle: Oracle, players: list[Player]) -> None:
    """Assert that balances, states and rounds are those of the oracle."""
    for player in (player.on(network) for player in players for network in (USDT_TRON, USDT_ETHEREUM)):
        owner = (player.player_id, player.currency_network_id)
        balance = wallet.balance(player)
        assert balance.available_minor == str(oracle.main[owner])
        assert balance.withdraw_hold_minor == str(oracle.hold[owner])
        assert balance.total_minor == str(oracle.main[owner] + oracle.hold[owner])
        assert balance.state == oracle.states[player.player_id]
    for (player_id, network, game_code, round_id), totals in oracle.rounds.items():
        if not totals["transactions"]:
            continue
        where = {"player_id": player_id, "currency_network_id": network, "game_code": game_code, "round_id": round_id}
        stored = wallet.operator.call(pb.GetRoundRequest(**where))
        assert stored == pb.GetRoundResponse(
            closed=totals["closers"] > 0,
            bets_minor=str(totals["bets"]),
            wins_minor=str(totals["wins"]),
            rolled_back_bets_minor=str(totals["rolled_back_bets"]),
            rolled_back_wins_minor=str(totals["rolled_back_wins"]),
            transactions=totals["transactions"],
        )


def run(wallet: Wallet, players: list[Player], requests: list[Message], *, way: str, size: int) -> None:
    oracle = Oracle()
    comparison = Comparison(oracle)
    requests = [player.deposit("100") for player in players] + requests
    for start in range(0, len(requests), size):
        part = requests[start : start + size]
        if way == "calls":
            answers = [wallet.attempt(request, by=wallet.operator) for request in part]
        else:
            answers = getattr(wallet.operator, way)(part)
        for request, answer in zip(part, answers, strict=True):
            comparison.check(request, answer)
    check_end(wallet, oracle, players)


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_one_after_the_other(wallet: Wallet, seed: int) -> None:
    players = [Player(), Player()]
    run(wallet, players, Script(seed, players).requests(LENGTH), way="calls", size=LENGTH)


@pytest.mark.parametrize("way", ["batch", "stream"])
@pytest.mark.parametrize("size", [2, 9, 1000])
@pytest.mark.parametrize("seed", SEEDS)
def test_batches_and_streams(wallet: Wallet, seed: int, way: str, size: int) -> None:
    player = Player()
    run(wallet, [player], Script(seed + 1000 * size, [player]).requests(LENGTH), way=way, size=size)


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_many_players_interleaved(wallet: Wallet, way: str) -> None:
    players = [Player() for _ in range(12)]
    scripts = [[player.deposit("100"), *Script(seed, [player]).requests(60)] for seed, player in enumerate(players)]
    sent = [
        (player, request) for row in zip(*scripts, strict=True) for player, request in zip(players, row, strict=True)
    ]
    answers = list(
        itertools.chain.from_iterable(
            getattr(wallet.operator, way)([request for _, request in sent[start : start + 500]])
            for start in range(0, len(sent), 500)
        )
    )
    oracles = {player.player_id: Oracle() for player in players}
    comparisons = {player_id: Comparison(oracle) for player_id, oracle in oracles.items()}
    for (player, request), answer in zip(sent, answers, strict=True):
        comparisons[player.player_id].check(request, answer)
    for player in players:
        check_end(wallet, oracles[player.player_id], [player])


def test_a_stream_is_answered_while_it_is_open(wallet: Wallet, player: Player) -> None:
    """Each operation is sent only after the one before was answered: nothing waits for the stream's end."""
    balances: list[str] = []
    answered = threading.Semaphore(value=1)

    def operations() -> Iterator[pb.Operation]:
        for _ in range(5):
            assert answered.acquire(timeout=10)
            yield pb.Operation(bet=player.bet("1"))

    for outcome in wallet.games.stub.Execute(operations(), metadata=wallet.games.credentials, timeout=20):
        balances.append(outcome.result.balance_after_minor)
        answered.release()
    assert balances == ["99", "98", "97", "96", "95"]


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_more_players_than_a_transaction_may_lock(wallet: Wallet, way: str) -> None:
    players = [Player() for _ in range(1000)]
    send = getattr(wallet.operator, way)
    funded = send([player.deposit("10") for player in players])
    placed = send([player.bet("4") for player in reversed(players)])
    assert [outcome.balance_after_minor for outcome in funded] == ["10"] * 1000
    assert [outcome.balance_after_minor for outcome in placed] == ["6"] * 1000


@pytest.mark.parametrize("way", ["batch", "stream"])
def test_one_id_of_two_players_in_a_batch(wallet: Wallet, way: str) -> None:
    """Nothing is promised of the order across players; one of the two has the id."""
    for _ in range(5):
        one, two = wallet.player("100"), wallet.player("100")
        name, voided = fresh_id("shared"), fresh_id("voided")
        first, second, void, bet = getattr(wallet.games, way)(
            [
                one.bet("10", transaction_id=name),
                two.bet("10", transaction_id=name),
                one.rollback(voided),
                two.bet("1", transaction_id=voided),
            ]
        )
        applied, refused = (first, second) if isinstance(second, Refusal) else (second, first)
        check_refusal(refused, "IDEMPOTENCY_KEY_REUSED", field="player_id")
        assert applied.balance_after_minor in {"90", "89"}
        if isinstance(bet, Refusal):
            check_refusal(bet, "TRANSACTION_VOIDED")
            assert void.status == pb.OPERATION_STATUS_VOIDED
        else:
            check_refusal(void, "PLAYER_MISMATCH")


def test_a_stream_that_is_broken_off(wallet: Wallet, player: Player) -> None:
    """What has no answer is sent again, and everything is applied once."""
    wallet.fund(player, "900")
    bets = [player.bet("1") for _ in range(1000)]
    outcomes = wallet.games.stub.Execute(
        iter([pb.Operation(bet=bet) for bet in bets]), metadata=wallet.games.credentials, timeout=30
    )
    answered = [next(outcomes).result for _ in range(10)]
    outcomes.cancel()
    again = wallet.games.batch(bets)
    assert {outcome.status for outcome in again} == {pb.OPERATION_STATUS_APPLIED}
    for first, second in zip(answered, again, strict=False):
        check_replay(second, first)
    assert wallet.main(player) == "0"


def test_an_empty_stream(wallet: Wallet) -> None:
    assert wallet.games.stream([]) == []


def test_a_batch_after_a_stream_of_another_connection(wallet: Wallet, player: Player) -> None:
    """An acknowledged operation is seen by whatever is sent after it, on any connection."""
    for count in range(1, 11):
        caller = wallet.caller(wallet.keys["games"]) if count % 5 == 0 else wallet.games
        assert caller.call(player.bet("1")).balance_after_minor == str(100 - count)
        assert wallet.main(player) == str(100 - count)
