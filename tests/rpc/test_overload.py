"""More calls at once than a worker holds: each gets an honest status, and what was refused has not moved."""

from collections import Counter
from collections.abc import Callable

import grpc
from support.database import Installation
from support.ledger import check_invariants
from support.refusals import check_refusal, refusal_of_call
from support.server import WalletServer

CALLS = 6_000


def test_a_burst_is_answered_or_refused_but_never_dropped(new_installation: Callable[..., Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation, WALLET_CONCURRENT_CALLS_MAX="50") as server:
        wallet = server.wallet()
        player = wallet.player(str(CALLS))
        caller = wallet.games
        bets = [caller.stub.Bet.future(player.bet("1"), metadata=caller.credentials, timeout=60) for _ in range(CALLS)]
        statuses = Counter(bet.code() for bet in bets)
        for bet in bets:
            if bet.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                check_refusal(refusal_of_call(bet.exception()), "QUEUE_FULL")
        assert statuses.keys() <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert statuses[grpc.StatusCode.OK] > 0
        assert wallet.main(player) == str(CALLS - statuses[grpc.StatusCode.OK])
    check_invariants(installation)
