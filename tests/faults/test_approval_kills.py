"""kill -9 of the server while adjustments are approved: each is there with its decision and its row, or not at all."""

import random
import threading
import time
from collections.abc import Callable

import grpc
from support.approvals import approve, proposal
from support.backoffice import BackofficeCaller, backoffice_of
from support.database import Installation
from support.ledger import verify
from support.server import WalletServer
from support.waiting import wait_until

from wallet.v1 import backoffice_pb2 as pb

KILLS = 5
_KILLED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
PROPOSALS = 60
WHAT_STANDS = """
    SELECT
        (SELECT count(*) FROM ledger_transactions WHERE kind = 'ADJUSTMENT'),
        (SELECT count(*) FROM adjustment_decisions),
        (SELECT count(*) FROM operator_actions WHERE kind = 'APPROVAL')
"""


def approve_until_answered(person: BackofficeCaller, made: list[pb.Proposal], answered: list[pb.Proposal]) -> None:
    """Approve one after the other, each again and again until there is an answer."""
    for it in made:
        while True:
            try:
                answered.append(person.call(approve(it), timeout_s=5))
                break
            except grpc.RpcError as error:
                if error.code() not in _KILLED:
                    raise


def test_the_server_is_killed_while_adjustments_are_approved(
    new_installation: Callable[[], Installation],
) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        wallet = server.wallet()
        ann = backoffice_of(wallet, "backoffice")
        player = wallet.player("100")
        made = [ann.call(proposal(player, "1")) for _ in range(PROPOSALS)]
        answered: list[pb.Proposal] = []
        parts = [made[:30], made[30:], made[::2], made[::-1]]
        people = [backoffice_of(wallet, "operator") for _ in parts]
        threads = [
            threading.Thread(target=approve_until_answered, args=(person, part, answered))
            for person, part in zip(people, parts, strict=True)
        ]
        for thread in threads:
            thread.start()
        for kill in range(KILLS):
            wait_until(lambda seen=kill * 8: len(answered) > seen, what="approvals go on")
            time.sleep(random.uniform(0, 0.1))
            server.process.kill()
            server.process.wait(10)
            (counts,) = installation.rows(WHAT_STANDS)
            assert len(set(counts)) == 1, "something is half there"
            server.start()
        for thread in threads:
            thread.join()
        assert len({it.tx_id for it in answered}) == PROPOSALS
        assert wallet.main(player) == str(100 + PROPOSALS)
        assert installation.rows(WHAT_STANDS) == [(PROPOSALS,) * 3]
        verify(installation)
