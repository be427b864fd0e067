"""Rule 10: one player's operations take effect in the order of the requests, one by one or in any batch or stream.

Random scripts are compared with the reference model, answer by answer: whatever the engine merges, groups or retries,
the answers are those of running the requests one after the other.
"""

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from model.comparing import check
from model.wallet import Model
from support.database import CURRENCY_NETWORKS
from support.refusals import Refusal, check_refusal
from support.requests import USDT_ETHEREUM, USDT_TRON, Player, fresh_id, neighbour_id
from support.rounds import rounds
from support.scripts import Script
from support.wallet import Wallet, check_replay

from wallet.v1 import wallet_pb2 as pb

SEEDS = range(rounds(4, of=12))
LENGTH = 120


SOURCE = "operator"


def new_model() -> Model:
    networks = {number: (currency, network) for number, (currency, network, _) in CURRENCY_NETWORKS.items()}
    return Model.at(datetime.now(UTC), networks)


def check_answer(model: Model, request: Message, answer: Any) -> None:
    """Hold an answer against the model's, which executes the request now."""
    expected = model.send(SOURCE, request)
    try:
        check(model, expected, answer)
    except AssertionError as error:
        raise AssertionError(
            f"{error}\n{type(request).__name__}:\n{request}\nexpected {expected}\ngot {answer}"
        ) from error


def check_end(wallet: Wallet, model: Model, players: list[Player]) -> None:
    """Assert that balances, states and rounds are those of the model."""
    for player in (player.on(network) for player in players for network in (USDT_TRON, USDT_ETHEREUM)):
        check(model, model.players.balance((player.player_id, player.currency_network_id)), wallet.balance(player))
    for key in model.players.rounds():
        _, player_id, network, game_code, round_id = key
        where = {"player_id": player_id, "currency_network_id": network, "game_code": game_code, "round_id": round_id}
        check(model, model.players.round(key), wallet.operator.call(pb.GetRoundRequest(**where)))


def run(wallet: Wallet, players: list[Player], requests: list[Message], *, way: str, size: int) -> None:
    model = new_model()
    requests = [player.deposit("100") for player in players] + requests
    for start in range(0, len(requests), size):
        part = requests[start : start + size]
        if way == "calls":
            answers = [wallet.attempt(request, by=wallet.operator) for request in part]
        else:
            answers = getattr(wallet.operator, way)(part)
        for request, answer in zip(part, answers, strict=True):
            check_answer(model, request, answer)
    check_end(wallet, model, players)


@pytest.mark.parametrize("seed", SEEDS)
def test_calls_one_after_the_other(wallet: Wallet, seed: int) -> None:
    one = Player()
    players = [one, Player(player_id=neighbour_id(one.player_id))]
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
    model = new_model()  # of all players: none of them names another's ids
    for (_, request), answer in zip(sent, answers, strict=True):
        check_answer(model, request, answer)
    check_end(wallet, model, players)


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


@pytest.mark.parametrize("shared", ["group-commit"], indirect=True)
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
        one = wallet.player("100")
        two = wallet.neighbour(one)
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
