"""The server when its database is slow, full, spoiled or gone: an honest answer in time, and recovery by itself."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import pytest
from support.database import Installation, create_installation, own_installation
from support.ledger import check_invariants, transactions_stored, verify
from support.load import Load
from support.refusals import Refusal, check_refusal, refusal_of_call
from support.requests import Player
from support.server import ENGINE_MODES, WalletServer
from support.waiting import BUSY_S, wait_until
from support.wallet import Wallet, expect_error

from wallet.v1 import wallet_pb2 as pb

New = Callable[..., Installation]
Served = tuple[WalletServer, Wallet]

DEADLINE_S = 3.0
"""What a caller of ours waits for; the wallet's own wait for a database that is gone is a second."""
PATIENCE_S = 30.0
LOCK_TIMEOUT_S = 0.1
"""Of a server that soon gives up what others hold."""
NO_HASTE = {"WALLET_LOCK_TIMEOUT_MS": "20000", "WALLET_DATABASE_TIMEOUT_MS": "30000"}
"""So that who waits for tables that a test holds waits as long as the test does, on a slow machine as well."""


@contextmanager
def tables_held(installation: Installation) -> Iterator[None]:
    """Hold the tables that every mutation must write, so that nothing commits meanwhile."""
    with installation.connect() as connection:
        connection.execute("LOCK TABLE ledger_transactions IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


@contextmanager
def poisoned(installation: Installation) -> Iterator[None]:
    """Have the database refuse an amount of 666."""
    with installation.connect() as connection:
        connection.execute(
            "ALTER TABLE ledger_entries ADD CONSTRAINT poison CHECK (abs(amount_minor) <> 666) NOT VALID"
        )
    try:
        yield
    finally:
        with installation.connect() as connection:
            connection.execute("ALTER TABLE ledger_entries DROP CONSTRAINT poison")


@contextmanager
def serving(installation: Installation, **settings: str) -> Iterator[Served]:
    with WalletServer(installation, **settings) as server:
        wallet = server.wallet()
        yield server, wallet
        server.stop()
        server.check_log_holds_no_secrets()  # errors are where they would leak
    check_invariants(installation)


@pytest.fixture(scope="module", params=ENGINE_MODES.values(), ids=ENGINE_MODES)
def served(request: pytest.FixtureRequest, template: Installation) -> Iterator[Served]:
    """A server of each engine mode, for tests that leave its database as it was."""
    with own_installation(template) as installation, serving(installation, **request.param) as made:
        yield made


@pytest.fixture(scope="module", params=ENGINE_MODES.values(), ids=ENGINE_MODES)
def impatient(request: pytest.FixtureRequest, template: Installation) -> Iterator[Served]:
    """The same, of servers that soon give up what others hold."""
    settings = request.param | {"WALLET_LOCK_TIMEOUT_MS": f"{LOCK_TIMEOUT_S * 1000:.0f}", "WALLET_ATTEMPTS_MAX": "3"}
    with own_installation(template) as installation, serving(installation, **settings) as made:
        yield made


@pytest.fixture(scope="module", params=ENGINE_MODES.values(), ids=ENGINE_MODES)
def on_own_cluster(request: pytest.FixtureRequest, own_cluster: tuple) -> Iterator[Served]:
    """The same, on a PostgreSQL that goes away and comes back."""
    _, _, template = own_cluster
    with serving(create_installation(template), **request.param) as made:
        yield made


def test_a_deadline_that_has_passed_moves_at_most_once(new_installation: New) -> None:
    installation = new_installation()
    with serving(installation) as (_, wallet):
        player = wallet.player("100")
        bets = [player.bet("1") for _ in range(40)]
        for count, bet in enumerate(bets):
            outcome = wallet.games.attempt(bet, timeout_s=0.0005 * (count % 8 + 1))
            if isinstance(outcome, Refusal):
                assert outcome.status is grpc.StatusCode.DEADLINE_EXCEEDED
        for bet in bets:
            wallet.games.call(bet)
        assert wallet.main(player) == "60"
        assert transactions_stored(installation, "games", *(bet.transaction_id for bet in bets)) == 40


def test_a_database_that_does_not_answer(served: Served) -> None:
    server, wallet = served
    player = wallet.player("100")
    bet = player.bet("10")
    with tables_held(server.installation):
        started = time.monotonic()
        outcome = wallet.games.attempt(bet, timeout_s=DEADLINE_S)
        assert time.monotonic() - started < DEADLINE_S + BUSY_S
    assert isinstance(outcome, Refusal)
    if outcome.reason:
        assert outcome.reason in {"OUTCOME_UNKNOWN", "DATABASE_UNAVAILABLE", "CONFLICT"}
        check_refusal(outcome, outcome.reason)
    else:
        assert outcome.status is grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: not isinstance(wallet.games.attempt(bet), Refusal), what="the bet is applied")
    assert wallet.main(player) == "90"
    assert transactions_stored(server.installation, "games", bet.transaction_id) == 1


def test_the_servers_own_time_limit_is_told_as_outcome_unknown(new_installation: New) -> None:
    installation = new_installation()
    with serving(installation, WALLET_REQUEST_TIMEOUT_MS="800") as (_, wallet):
        player = wallet.player("100")
        bet = player.bet("10")
        with tables_held(installation):
            started = time.monotonic()
            expect_error(lambda: wallet.games.call_once(bet, timeout_s=PATIENCE_S), "OUTCOME_UNKNOWN")
            assert time.monotonic() - started < 0.8 + BUSY_S
        wait_until(lambda: not isinstance(wallet.games.attempt(bet), Refusal), what="the bet is applied")
        assert wallet.main(player) == "90"


def test_a_full_queue(new_installation: New) -> None:
    """Calls of one operation fill the queue; a batch that does not fit is refused whole, and nothing of it moves."""
    installation = new_installation()
    with serving(installation, WALLET_QUEUE_OPERATIONS_MAX="1000", **NO_HASTE) as (_, wallet):
        players = [wallet.player("1000") for _ in range(4)]
        sent = [[player.bet("1") for _ in range(700)] for player in players]
        outcomes: dict[int, object] = {}

        def send(index: int) -> None:
            try:
                outcomes[index] = wallet.games.batch(sent[index], timeout_s=PATIENCE_S)
            except grpc.RpcError as error:
                outcomes[index] = refusal_of_call(error)

        threads = [threading.Thread(target=send, args=(index,)) for index in range(len(sent))]
        with tables_held(installation):
            for thread in threads:
                thread.start()
            wait_until(lambda: len(outcomes) == 3, what="three batches are refused", timeout_s=10)
        for thread in threads:
            thread.join()
        refused = [index for index, outcome in outcomes.items() if isinstance(outcome, Refusal)]
        assert len(refused) == 3
        for index, player in enumerate(players):
            names = [bet.transaction_id for bet in sent[index]]
            if index in refused:
                check_refusal(outcomes[index], "QUEUE_FULL")
                assert transactions_stored(installation, "games", *names) == 0
                assert wallet.main(player) == "1000"
                again = wallet.games.batch(sent[index])
                assert {outcome.status for outcome in again} == {pb.OPERATION_STATUS_APPLIED}
            assert wallet.main(player) == "300"


def test_a_stream_that_outruns_the_wallet_is_read_more_slowly(new_installation: New) -> None:
    installation = new_installation()
    bounds = {"WALLET_QUEUE_OPERATIONS_MAX": "1000", "WALLET_STREAM_WINDOW_OPERATIONS": "100"}
    with serving(installation, **bounds, **NO_HASTE) as (_, wallet):
        players = [wallet.player("1000") for _ in range(3)]
        sent = {player.player_id: [player.bet("1") for _ in range(1000)] for player in players}
        outcomes: dict[int, list[object]] = {}

        def send(player: Player) -> None:
            outcomes[player.player_id] = wallet.games.stream(sent[player.player_id], timeout_s=60)

        threads = [threading.Thread(target=send, args=(player,)) for player in players]
        with tables_held(installation):
            for thread in threads:
                thread.start()
            time.sleep(0.5)  # long enough for all 3,000 to be read, were there no limit; nothing else shows it
        for thread in threads:
            thread.join()
        for player in players:
            reasons = {getattr(outcome, "reason", "") for outcome in outcomes[player.player_id]}
            assert reasons == {""}
            assert wallet.main(player) == "0"


@pytest.mark.parametrize("way", ["calls", "batch", "stream"])
def test_one_command_that_breaks_its_batch(served: Served, way: str) -> None:
    """It alone gets the error; the others of the batch succeed."""
    server, wallet = served
    with poisoned(server.installation):
        players = [wallet.player("10000") for _ in range(5)]
        poison = players[2].bet("666")
        sent = [*(player.bet("1") for player in players), poison, *(player.bet("1") for player in players)]
        outcomes = wallet.at_once(*sent) if way == "calls" else getattr(wallet.games, way)(sent)
        for request, outcome in zip(sent, outcomes, strict=True):
            if request is poison:
                refusal = check_refusal(outcome, "INTERNAL")
            else:
                assert isinstance(outcome, pb.OperationResult), outcome
        # The cause is in the log under the request id, never in the answer.
        request_id = refusal.metadata["request_id"]
        assert "poison" not in str(refusal)
        assert "ledger_entries" not in str(refusal)
        wait_until(lambda: request_id in server.log, what="the request id is in the log")
        lines = [line for line in server.log.splitlines() if request_id in line]
        assert any("poison" in line for line in lines)
        assert [wallet.main(player) for player in players] == ["9998"] * 5
    wallet.applied(poison)  # the error left its id free


@pytest.mark.parametrize("way", ["calls", "batch"])
def test_a_player_who_is_held_elsewhere(impatient: Served, way: str) -> None:
    """A session of somebody else sits on a player's balance: CONFLICT, nothing moved, and the others go on."""
    server, wallet = impatient
    held, others = wallet.player("100"), [wallet.player("100") for _ in range(8)]
    bet = held.bet("1")
    with server.installation.connect() as connection:
        connection.execute(
            "SELECT 1 FROM account_balances JOIN accounts USING (account_id) WHERE player_id = %s FOR UPDATE",
            (held.player_id,),
        )
        sent = [bet, *(player.bet("1") for player in others)]
        outcome, *answers = wallet.at_once(*sent) if way == "calls" else wallet.games.batch(sent)
        connection.rollback()
    check_refusal(outcome, "CONFLICT")
    assert not [answer for answer in answers if isinstance(answer, Refusal)]
    assert wallet.main(held) == "100"
    wallet.applied(bet)


@pytest.mark.parametrize("impatient", [ENGINE_MODES["group-commit"]], indirect=True, ids=["group-commit"])
def test_much_of_a_player_who_is_held_elsewhere(impatient: Served) -> None:
    """All his operations of a batch are waited for as one."""
    server, wallet = impatient
    held, other = wallet.player("1000"), wallet.player("100")
    with server.installation.connect() as connection:
        connection.execute(
            "SELECT 1 FROM account_balances JOIN accounts USING (account_id) WHERE player_id = %s FOR UPDATE",
            (held.player_id,),
        )
        began = time.monotonic()
        *refused, applied = wallet.games.batch([*(held.bet("1") for _ in range(300)), other.bet("1")])
        took_s = time.monotonic() - began
        connection.rollback()
    for outcome in refused:
        check_refusal(outcome, "CONFLICT")
    assert not isinstance(applied, Refusal)
    assert took_s < 300 * LOCK_TIMEOUT_S / 2
    assert wallet.main(held) == "1000"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_database_that_is_gone_and_comes_back(on_own_cluster: Served, own_cluster: tuple, how: str) -> None:
    _, postgres, _ = own_cluster
    server, wallet = on_own_cluster
    player = wallet.player("100")
    wallet.applied(player.bet("1"))
    bet = player.bet("10")
    postgres.stop("fast") if how == "stop" else postgres.kill()
    try:
        for request, caller in ((bet, wallet.games), (player.balance(), wallet.games)):
            started = time.monotonic()
            outcome = caller.attempt(request, timeout_s=PATIENCE_S)
            assert time.monotonic() - started < DEADLINE_S + BUSY_S
            check_refusal(outcome, "DATABASE_UNAVAILABLE")
        check_refusal(wallet.games.attempt(player.bet("1"), timeout_s=PATIENCE_S), "DATABASE_UNAVAILABLE")
        assert server.process.poll() is None
    finally:
        postgres.start()
    wait_until(lambda: not isinstance(wallet.games.attempt(bet), Refusal), what="recovery")
    assert wallet.main(player) == "89"
    with server.channel() as channel:
        wait_until(lambda: server.health(channel) == "SERVING", what="healthy again")


def test_a_database_that_is_killed_under_load(own_cluster: tuple) -> None:
    """What was answered is there, what was not answered is applied at most once."""
    _, postgres, template = own_cluster
    installation = create_installation(template)
    with serving(installation) as (_, wallet):
        players = [wallet.player("100000") for _ in range(4)]
        with Load(wallet, players, threads=16, pause_s=0.02) as load:
            for _ in range(2):
                postgres.kill()
                postgres.start()
                load.goes_on()
        assert transactions_stored(installation, "games", *load.answered) == len(load.answered)
        for bet in load.unanswered:
            assert wallet.games.call(bet).status == pb.OPERATION_STATUS_APPLIED
        total = sum(int(wallet.main(player)) for player in players)
        assert total == 400_000 - len(load.answered) - len(load.unanswered)
    verify(installation)
