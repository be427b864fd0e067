"""More calls at once than a worker holds: each gets an honest status, and what was refused has not moved."""

import time
from collections import Counter
from collections.abc import Callable

import grpc
from support.credit import credit_of
from support.database import Installation
from support.ledger import check_invariants
from support.refusals import check_refusal, refusal_of_call
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import TIMEOUT_S

from wallet.v1 import wallet_pb2 as pb

CALLS = 6_000
READS_WAIT_S = 20.0
"""How long the server lets a read wait for the database."""
UNDISTURBED_WITHIN_S = READS_WAIT_S / 4


def test_a_burst_is_answered_or_refused_but_never_dropped(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation, WALLET_CONCURRENT_CALLS_MAX="50") as server:
        wallet = server.wallet()
        player = wallet.player(str(CALLS))
        caller = wallet.games
        bets = [caller.stub.Bet.future(player.bet("1"), metadata=caller.credentials, timeout=120) for _ in range(CALLS)]
        statuses = Counter(bet.code() for bet in bets)
        for bet in bets:
            if bet.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                check_refusal(refusal_of_call(bet.exception()), "QUEUE_FULL")
        assert statuses.keys() <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert statuses[grpc.StatusCode.OK] > 0
        assert wallet.main(player) == str(CALLS - statuses[grpc.StatusCode.OK])
    check_invariants(installation)


def test_more_readers_than_there_is_room_for_keep_nobody_else_from_working(
    new_installation: Callable[..., Installation],
) -> None:
    """250 reads that wait for their table: QUEUE_FULL for readers alone, while keys, endings and mutations go on."""
    installation = new_installation()
    with WalletServer(installation, WALLET_DATABASE_TIMEOUT_MS=f"{READS_WAIT_S * 1000:.0f}") as server:
        wallet = server.wallet()
        player = wallet.player("100")
        reservation = player.reserve("40")
        wallet.applied(reservation)
        credit = credit_of(wallet)
        purse = credit.purse("100")
        with installation.connect() as held:
            held.execute("LOCK TABLE credit_wallets IN ACCESS EXCLUSIVE MODE")
            reads = [
                credit.wallets.GetWallet.future(purse.read(), metadata=credit.credentials, timeout=TIMEOUT_S)
                for _ in range(250)
            ]
            wait_until(lambda: sum(read.done() for read in reads) >= 46, what="readers are refused")
            _, key = installation.create_key("came-late", ["game"])
            began = time.monotonic()
            wallet.applied(player.bet("1"), by=wallet.caller(key))
            wallet.applied(pb.SettleWithdrawalRequest(withdrawal_id=reservation.withdrawal_id, fee_minor="0"))
            assert time.monotonic() - began < UNDISTURBED_WITHIN_S
            held.rollback()
        refused = [refusal_of_call(read) for read in reads if read.exception() is not None]
        assert len(refused) >= 46
        for refusal in refused:
            check_refusal(refusal, "QUEUE_FULL")
        assert len(refused) < len(reads)
        assert wallet.main(player) == "59"
        assert "database_unavailable" not in server.log
    check_invariants(installation)
