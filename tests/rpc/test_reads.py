"""The reads: balances, transactions with their exact postings, rounds, currency networks."""

import uuid

import pytest
from support.requests import ETH_ETHEREUM, GAME, USDT_ETHEREUM, USDT_TRON, Player, changed, fail, fresh_id, settle
from support.wallet import Wallet, expect_error

from wallet.v1 import wallet_pb2 as pb

NOTES = {"table": "7", "dealer": "ana"}


def posting(account: str, amount_minor: str, balance_after_minor: str = "") -> pb.Posting:
    return pb.Posting(account=account, amount_minor=amount_minor, balance_after_minor=balance_after_minor)


def by_account(transaction: pb.Transaction) -> pb.Transaction:
    """Return the transaction with its postings by account and amount: their order is no part of the contract."""
    rows = sorted(transaction.postings, key=lambda row: (row.account, int(row.amount_minor)))
    ordered = pb.Transaction()
    ordered.CopyFrom(transaction)
    del ordered.postings[:]
    ordered.postings.extend(rows)
    return ordered


def check_read(wallet: Wallet, applied: pb.OperationResult, *, source: str, **expected: object) -> pb.Transaction:
    """Read a transaction by each of its ids, and assert that both give just this."""
    caller = wallet.callers[source]
    stored = caller.call(pb.GetTransactionRequest(tx_id=applied.tx_id))
    assert caller.call(pb.GetTransactionRequest(transaction_id=applied.transaction_id)) == stored
    assert wallet.callers["auditor"].call(pb.GetTransactionRequest(tx_id=applied.tx_id)) == stored
    whole = pb.Transaction(
        tx_id=applied.tx_id,
        source=source,
        transaction_id=applied.transaction_id,
        status=pb.OPERATION_STATUS_APPLIED,
        currency_network_id=USDT_TRON,
        created_at=applied.created_at,
        **expected,
    )
    assert by_account(stored) == by_account(whole)
    assert sum(int(row.amount_minor) for row in stored.postings) == 0
    return stored


def test_a_player_never_seen(wallet: Wallet) -> None:
    for network in (USDT_TRON, USDT_ETHEREUM, ETH_ETHEREUM):
        assert wallet.balance(Player().on(network)) == pb.GetBalanceResponse(
            available_minor="0",
            withdraw_hold_minor="0",
            session_hold_minor="0",
            bonus_minor="0",
            total_minor="0",
            state=pb.PLAYER_STATE_ACTIVE,
        )


def test_the_total_is_the_sum(wallet: Wallet, player: Player) -> None:
    wallet.applied(player.reserve("30"))
    wallet.applied(player.bet("20"))
    assert wallet.balance(player) == pb.GetBalanceResponse(
        available_minor="50",
        withdraw_hold_minor="30",
        session_hold_minor="0",
        bonus_minor="0",
        total_minor="80",
        state=pb.PLAYER_STATE_ACTIVE,
    )


def test_currency_networks(wallet: Wallet) -> None:
    answer = wallet.games.call(pb.ListCurrencyNetworksRequest())
    rows = [(row.currency_network_id, row.currency, row.network, row.decimals) for row in answer.currency_networks]
    assert rows[:3] == [  # a test of another kind may have added more
        (USDT_TRON, "USDT", "TRON", 6),
        (USDT_ETHEREUM, "USDT", "ETHEREUM", 6),
        (ETH_ETHEREUM, "ETH", "ETHEREUM", 18),
    ]
    assert rows == sorted(rows)


def test_a_bet_a_win_and_the_wins_rollback(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10", metadata=NOTES)
    win = player.win("25", of=bet, metadata={"n": "2"}, round_closed=True)
    back = player.rollback(win, metadata={"n": "3"})
    placed, won, undone = wallet.applied(bet), wallet.applied(win), wallet.applied(back)
    where = {"player_id": player.player_id, "game_code": GAME, "round_id": bet.round_id}
    check_read(
        wallet,
        placed,
        source="games",
        kind=pb.TRANSACTION_KIND_BET,
        amount_minor="10",
        metadata=NOTES,
        postings=[posting("MAIN", "-10", "90"), posting("HOUSE:WAGER", "10")],
        **where,
    )
    check_read(
        wallet,
        won,
        source="games",
        kind=pb.TRANSACTION_KIND_WIN,
        amount_minor="25",
        metadata={"n": "2"},
        reference_tx_id=placed.tx_id,
        reference_transaction_id=bet.transaction_id,
        win_kind=pb.WIN_KIND_REGULAR,
        round_closed=True,
        reversed_by_tx_id=undone.tx_id,
        postings=[posting("MAIN", "25", "115"), posting("HOUSE:WAGER", "-25")],
        **where,
    )
    stored = wallet.games.call(pb.GetTransactionRequest(tx_id=undone.tx_id))
    assert (stored.kind, stored.amount_minor) == (pb.TRANSACTION_KIND_ROLLBACK, "25")
    assert stored.reverses_tx_id == won.tx_id
    assert stored.reference_transaction_id == win.transaction_id
    assert (stored.player_id, stored.currency_network_id) == (player.player_id, USDT_TRON)
    assert stored.metadata == {"n": "3"}
    assert stored.created_at == undone.created_at
    assert sorted((row.account, row.amount_minor, row.balance_after_minor) for row in stored.postings) == [
        ("HOUSE:WAGER", "25", ""),
        ("MAIN", "-25", "90"),
    ]


@pytest.mark.parametrize("win_minor", ["4", "10", "25", "0"])
def test_a_bet_and_win(wallet: Wallet, player: Player, win_minor: str) -> None:
    spin = player.bet_and_win("10", win_minor)
    done = wallet.applied(spin)
    stored = wallet.games.call(pb.GetTransactionRequest(tx_id=done.tx_id))
    assert (stored.kind, stored.amount_minor, stored.win_amount_minor) == (
        pb.TRANSACTION_KIND_BET_AND_WIN,
        "10",
        win_minor,
    )
    main = [int(row.amount_minor) for row in stored.postings if row.account == "MAIN"]
    wager = [int(row.amount_minor) for row in stored.postings if row.account == "HOUSE:WAGER"]
    assert sum(main) == int(win_minor) - 10 == -sum(wager)
    # Both legs, as the contract's table says, and not their net.
    assert sorted(main) == sorted([-10, int(win_minor)] if win_minor != "0" else [-10])
    last = [row.balance_after_minor for row in stored.postings if row.account == "MAIN"]
    assert done.balance_after_minor in last


def test_a_withdrawal_settled(wallet: Wallet, player: Player) -> None:
    reservation = player.reserve("40", metadata=NOTES)
    settlement = settle(reservation, "1", tx_hash="0xabc", metadata={"n": "2"})
    held, paid = wallet.applied(reservation), wallet.applied(settlement)
    stored = wallet.payments.call(pb.GetTransactionRequest(tx_id=held.tx_id))
    assert by_account(stored) == by_account(
        pb.Transaction(
            tx_id=held.tx_id,
            source="payments",
            transaction_id=reservation.withdrawal_id,
            kind=pb.TRANSACTION_KIND_WITHDRAWAL_RESERVATION,
            status=pb.OPERATION_STATUS_APPLIED,
            player_id=player.player_id,
            currency_network_id=USDT_TRON,
            amount_minor="40",
            postings=[posting("MAIN", "-40", "60"), posting("WITHDRAW_HOLD", "40", "40")],
            metadata=NOTES,
            created_at=held.created_at,
        )
    )
    stored = wallet.payments.call(pb.GetTransactionRequest(tx_id=paid.tx_id))
    assert by_account(stored) == by_account(
        pb.Transaction(
            tx_id=paid.tx_id,
            source="payments",
            transaction_id=stored.transaction_id,
            kind=pb.TRANSACTION_KIND_WITHDRAWAL_SETTLEMENT,
            status=pb.OPERATION_STATUS_APPLIED,
            player_id=player.player_id,
            currency_network_id=USDT_TRON,
            amount_minor="40",
            reference_tx_id=held.tx_id,
            reference_transaction_id=stored.reference_transaction_id,
            fee_minor="1",
            tx_hash="0xabc",
            postings=[posting("WITHDRAW_HOLD", "-40", "0"), posting("HOUSE", "39"), posting("HOUSE:FEES", "1")],
            metadata={"n": "2"},
            created_at=paid.created_at,
        )
    )


def test_a_withdrawal_failed(wallet: Wallet, player: Player) -> None:
    reservation = player.reserve("40")
    held = wallet.applied(reservation)
    failed = wallet.applied(fail(reservation, reason="no such address"), by=wallet.other_payments)
    stored = wallet.payments.call(pb.GetTransactionRequest(tx_id=failed.tx_id))
    assert (stored.kind, stored.source) == (pb.TRANSACTION_KIND_WITHDRAWAL_FAILURE, "other-payments")
    assert (stored.reference_tx_id, stored.reason, stored.amount_minor) == (held.tx_id, "no such address", "40")
    assert sorted((row.account, row.amount_minor, row.balance_after_minor) for row in stored.postings) == [
        ("MAIN", "40", "100"),
        ("WITHDRAW_HOLD", "-40", "0"),
    ]


@pytest.mark.parametrize("output", [{"tx_hash": "0xfeed", "output_index": 0}, {"tx_hash": "0xbeef"}, {}])
def test_a_deposit(wallet: Wallet, output: dict[str, object]) -> None:
    player = Player()
    if output.get("tx_hash"):
        output = output | {"tx_hash": fresh_id("0x")}
    done = wallet.applied(player.deposit("50", metadata=NOTES, **output))
    stored = check_read(
        wallet,
        done,
        source="payments",
        kind=pb.TRANSACTION_KIND_DEPOSIT,
        player_id=player.player_id,
        amount_minor="50",
        metadata=NOTES,
        postings=[posting("HOUSE", "-50"), posting("MAIN", "50", "50")],
        **output,
    )
    assert stored.HasField("output_index") == ("output_index" in output)


@pytest.mark.parametrize(
    ("direction", "sign", "after"), [(pb.DIRECTION_CREDIT, 1, "105"), (pb.DIRECTION_DEBIT, -1, "95")]
)
def test_an_adjustment(wallet: Wallet, player: Player, direction: pb.Direction, sign: int, after: str) -> None:
    request = player.adjust("5", direction)
    done = wallet.applied(request)
    check_read(
        wallet,
        done,
        source="backoffice",
        kind=pb.TRANSACTION_KIND_ADJUSTMENT,
        player_id=player.player_id,
        amount_minor="5",
        direction=direction,
        reason=request.reason,
        actor=request.actor,
        postings=[posting("HOUSE", str(-5 * sign)), posting("MAIN", str(5 * sign), after)],
    )


def test_whose_transactions_are_found_by_their_callers_id(wallet: Wallet, player: Player) -> None:
    bet, deposit, reservation = player.bet("1"), player.deposit("1"), player.reserve("1")
    for request in (bet, deposit, reservation):
        wallet.applied(request)
    adjustment = wallet.applied(player.adjust("1"))
    for name in (bet.transaction_id, adjustment.transaction_id):
        read = pb.GetTransactionRequest(transaction_id=name)
        expect_error(lambda read=read: wallet.other_games.call(read), "TRANSACTION_NOT_FOUND")
    for name in (deposit.deposit_id, reservation.withdrawal_id):
        read = pb.GetTransactionRequest(transaction_id=name)
        expect_error(lambda read=read: wallet.games.call(read), "TRANSACTION_NOT_FOUND")
        found = wallet.other_payments.call(read)
        assert (found.source, found.transaction_id) == ("payments", name)


@pytest.mark.parametrize(
    "read", [{"tx_id": str(uuid.uuid4())}, {"transaction_id": "unseen"}, {"transaction_id": "rollback:unseen"}]
)
def test_no_such_transaction(wallet: Wallet, read: dict[str, str]) -> None:
    wallet.refused(pb.GetTransactionRequest(**read), "TRANSACTION_NOT_FOUND")


def test_a_refused_mutation_left_nothing_to_read(wallet: Wallet, player: Player) -> None:
    bet = player.bet("101")
    wallet.refused(bet, "INSUFFICIENT_FUNDS")
    wallet.refused(
        pb.GetTransactionRequest(transaction_id=bet.transaction_id), "TRANSACTION_NOT_FOUND", by=wallet.games
    )


def test_ids_of_the_wallet_are_uuids_of_version_7_in_order(wallet: Wallet, player: Player) -> None:
    tx_ids = [uuid.UUID(wallet.applied(player.bet("1")).tx_id) for _ in range(20)]
    assert {tx_id.version for tx_id in tx_ids} == {7}
    times_ms = [tx_id.int >> 80 for tx_id in tx_ids]
    assert times_ms == sorted(times_ms)


def test_times_do_not_run_backwards(wallet: Wallet, player: Player) -> None:
    bets = [player.bet("1") for _ in range(20)]
    times = [wallet.applied(bet).created_at.ToNanoseconds() for bet in bets[:10]]
    times += [outcome.created_at.ToNanoseconds() for outcome in wallet.games.batch(bets[10:])]
    assert times == sorted(times)


def test_a_round_of_another_network_is_another_round(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet)
    wallet.refused(changed(player.round(bet), currency_network_id=USDT_ETHEREUM), "ROUND_NOT_FOUND")
