"""A cell that hangs, seen from what reaches over all cells: payment events, reads without an owner, lists."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.broker import Broker, new_vhost
from support.contests import player_of
from support.database import Installation, own_installation
from support.events import NAMES, Bus, Published, Worker, deposit_settled
from support.ledger import verify
from support.refusals import check_refusal
from support.requests import fresh_id
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

PREFETCH = 5
STATEMENT_MS = "20000"
WITHOUT_THE_HUNG_CELL_S = 15.0
"""Less than a statement may take: who waits for the cell that hangs is answered later."""
STATES = "SELECT state, reason, attempts FROM inbox_events WHERE event_id = ANY(%s)"


@pytest.fixture(scope="module")
def installation(template_of_cells: Installation) -> Iterator[Installation]:
    with own_installation(template_of_cells) as made:
        yield made
        verify(made)


@pytest.fixture(scope="module")
def wallet(installation: Installation) -> Iterator[Wallet]:
    with WalletServer(installation, WALLET_DATABASE_TIMEOUT_MS=STATEMENT_MS) as server:
        yield server.wallet()


@contextmanager
def hanging_cell(installation: Installation) -> Iterator[None]:
    """Have cell 0 answer nothing."""
    with installation.connect() as connection:
        connection.execute("LOCK TABLE cell_0.accounts, cell_0.ledger_transactions IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def test_more_events_than_a_consumer_holds_keep_no_other_cells_events(
    installation: Installation, wallet: Wallet, broker: Broker
) -> None:
    amqp_url = new_vhost(broker)
    hung, served = [player_of(0) for _ in range(PREFETCH + 1)], [player_of(1) for _ in range(3)]
    to_hung, to_served = ([deposit_settled(player.deposit("50")) for player in some] for some in (hung, served))

    def told(events: list[Published]) -> set[tuple[str, str | None, int]]:
        return set(installation.rows(STATES, [event.message_id for event in events]))

    with (
        Bus(amqp_url) as bus,
        Worker("consume", installation, amqp_url, WALLET_CONSUMER_PREFETCH=str(PREFETCH)) as consumer,
    ):
        with hanging_cell(installation):
            bus.publish(*to_hung)
            bus.publish(*to_served)
            wait_until(lambda: [wallet.main(player) for player in served] == ["50"] * 3, what="the others are applied")
            waiting = {("WAITING", "DATABASE_UNAVAILABLE", 0)}
            wait_until(lambda: told(to_hung) == waiting, what="the inbox keeps those of the cell", timeout_s=30)
        wait_until(lambda: bus.waiting(NAMES.payments_queue) == 0, what="the queue is empty")
        with installation.connect() as connection:
            connection.execute("UPDATE inbox_events SET due_at = now() WHERE state = 'WAITING'")
        wait_until(lambda: told(to_hung) == {("APPLIED", None, 0)}, what="they are applied", timeout_s=30)
        assert [wallet.main(player) for player in hung] == ["50"] * len(hung)
        assert consumer.stop() == 0, consumer.log


def test_a_transaction_of_another_cell_is_found_at_once(installation: Installation, wallet: Wallet) -> None:
    deposit, reserving = player_of(1).deposit("50"), wallet.fund(player_of(2), "50").reserve("20")
    deposited, reserved = wallet.applied(deposit), wallet.applied(reserving)
    wanted = {
        deposited.tx_id: pb.GetTransactionRequest(transaction_id=deposit.deposit_id, namespace=pb.NAMESPACE_DEPOSIT),
        reserved.tx_id: pb.GetTransactionRequest(
            transaction_id=reserving.withdrawal_id, namespace=pb.NAMESPACE_WITHDRAWAL
        ),
    }
    with hanging_cell(installation):
        for tx_id, request in wanted.items():
            for _ in range(20):  # more than there are connections for reads: none stays behind in the cell that hangs
                found = wallet.payments.call(request, timeout_s=WITHOUT_THE_HUNG_CELL_S)
                assert found.tx_id == tx_id
        asked = pb.GetTransactionRequest(transaction_id=fresh_id("deposit"), namespace=pb.NAMESPACE_DEPOSIT)
        told = wallet.payments.attempt(asked, timeout_s=WITHOUT_THE_HUNG_CELL_S)
        check_refusal(told, "DATABASE_UNAVAILABLE", cells="0")
    check_refusal(wallet.payments.attempt(asked), "TRANSACTION_NOT_FOUND")


def test_a_senders_own_id_is_looked_for_in_a_cell_that_hangs_for_two_seconds(
    installation: Installation, wallet: Wallet
) -> None:
    bet = wallet.fund(player_of(1), "50").bet("1")
    placed = wallet.applied(bet)
    missing = pb.GetTransactionRequest(transaction_id=fresh_id("bet"))
    with hanging_cell(installation):
        asked = pb.GetTransactionRequest(transaction_id=bet.transaction_id)
        assert wallet.games.call(asked, timeout_s=WITHOUT_THE_HUNG_CELL_S).tx_id == placed.tx_id
        told = wallet.games.attempt(missing, timeout_s=WITHOUT_THE_HUNG_CELL_S)
        check_refusal(told, "DATABASE_UNAVAILABLE", cells="0")
    check_refusal(wallet.games.attempt(missing), "TRANSACTION_NOT_FOUND")


def test_lists_name_the_cell_that_hangs_and_tell_of_the_others(installation: Installation, wallet: Wallet) -> None:
    wallet.fund(player_of(0), "50")
    listed = {str(wallet.fund(player_of(cell), "50").player_id): cell for cell in (1, 2)}
    with hanging_cell(installation):
        cells = json.loads(installation.command("cells", "list", "--json"))
        outbox = installation.run("outbox", "list", "--limit", "10000", "--json")
    assert [(row["cell"], row["answers"], row["owners"] is not None) for row in cells] == [
        (0, False, False),
        (1, True, True),
        (2, True, True),
    ]
    told = {row["player_id"]: row["cell"] for row in json.loads(outbox.stdout)}
    assert listed.items() <= told.items()
    assert 0 not in told.values()
    assert outbox.returncode == 1
    assert "no answer from cell 0" in outbox.stderr
