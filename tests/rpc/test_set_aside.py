"""What a worker cannot do is set aside, told and tried again; the rest, and every call, goes on."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from support.credit import ENTRY_NOT_POSTED, CreditCaller, Purse, credit_of, wait_until_posted
from support.database import Installation
from support.ledger import verify
from support.poison import poisoned
from support.server import WalletServer
from support.sessions import Play, open_session, sessions_of
from support.waiting import wait_until
from support.wallet import Wallet

from devstack.servers.ports import free_port
from wallet_grpc.domain.credit.state import wallet_address

New = Callable[[], Installation]
HASTY = {
    "WALLET_POSTING_INTERVAL_MS": "100",
    "WALLET_RESERVATION_SWEEP_POLL_MS": "100",
    "WALLET_SESSION_EXPIRY_POLL_MS": "100",
    "WALLET_SESSION_EXPIRY_GRACE_MS": "0",
}


class Watched:
    """A server, and what its metrics say of its workers."""

    def __init__(self, server: WalletServer, metrics: str) -> None:
        self.server = server
        self.wallet: Wallet = server.wallet()
        self.installation = server.installation
        self._metrics = metrics

    def metric(self, name: str, worker: str = "") -> float:
        label = re.escape(f'{{worker="{worker}"}}') if worker else ""
        with urlopen(f"http://{self._metrics}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name}{label} (\S+)$", answer.read().decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def sets_aside(self, items: int, worker: str) -> None:
        wait_until(
            lambda: self.metric("wallet_set_aside", worker) == items,
            what=f"{items} set aside by {worker}",
            timeout_s=60,
        )

    def told(self, **named: str) -> bool:
        """Whether a log line tells of something that was set aside."""
        lines = [json.loads(line) for line in self.server.log.splitlines() if line.startswith("{")]
        return any(line["event"] == "set_aside" and named.items() <= line.items() for line in lines)


@contextmanager
def watched(installation: Installation, **settings: str) -> Iterator[Watched]:
    metrics = f"127.0.0.1:{free_port()}"
    with WalletServer(installation, WALLET_METRICS_ADDRESS=metrics, **HASTY, **settings) as server:
        yield Watched(server, metrics)
        assert server.runs


def wallet_id(purse: Purse) -> str:
    address = wallet_address(purse.key)
    assert address is not None
    return address.wallet_id


def posted(installation: Installation) -> int:
    ((count,),) = installation.rows("SELECT count(DISTINCT wallet_id) FROM wallet_postings")
    return int(count)


def stuck(installation: Installation) -> list[str]:
    """Return what `wallet verify` finds to be stuck; the ledger is whole all the same."""
    return [told["subject"] for told in json.loads(installation.command("verify", "--json"))["stuck"]]


def test_a_wallet_that_cannot_be_posted(new_installation: New) -> None:
    installation = new_installation()
    with watched(installation) as it:
        credit = credit_of(it.wallet)
        ledger_id = credit.ledger()
        purses = [Purse(ledger_id) for _ in range(20)]
        poison = purses[7]
        with poisoned(installation, "wallet_postings", "INSERT", f"NEW.wallet_id = '{wallet_id(poison)}'"):
            credit.batch([purse.credit("5" * 38) for purse in purses])
            it.sets_aside(1, "poster")
            assert it.told(worker="poster", wallet_id=wallet_id(poison))
            wait_until(lambda: installation.rows(ENTRY_NOT_POSTED) == [(1,)], what="the others are posted")
            for _ in range(3):
                credit.batch([purse.credit("1") for purse in purses])
                for _ in range(5):
                    credit.call(poison.credit("1"))
                wait_until(lambda: installation.rows(ENTRY_NOT_POSTED) == [(1,)], what="the others are posted")
            other = Purse(credit.ledger())
            credit.call(other.credit("1"))
            wait_until(lambda: posted(installation) == 20, what="another ledger is posted")
            assert it.metric("wallet_posting_lag_seconds") > 0
            assert it.wallet.main(it.wallet.player("100")) == "100"
        wait_until_posted(installation, timeout_s=120)
        it.sets_aside(0, "poster")
        wait_until(lambda: installation.rows("SELECT count(*) FROM posting_queue") == [(0,)], what="an empty queue")
        assert it.metric("wallet_worker_failures_total", "poster") >= 1
    verify(installation)


def test_many_wallets_that_cannot_be_posted(new_installation: New) -> None:
    installation = new_installation()
    with watched(installation, WALLET_POSTING_QUEUE_ROWS_MAX="3") as it:
        credit = credit_of(it.wallet)
        with poisoned(installation, "wallet_postings", "INSERT", "NEW.wallet_id::TEXT < 'd'"):
            ledger_id = credit.ledger()
            purses = [Purse(ledger_id) for _ in range(60)]
            good = [purse for purse in purses if wallet_id(purse) >= "d"]
            for purse in purses:  # a row of the queue each, more than a round looks at
                credit.call(purse.credit("1"))
            wait_until(lambda: posted(installation) == len(good), what="the good ones are posted", timeout_s=60)
            it.sets_aside(len(purses) - len(good), "poster")
            assert stuck(installation) == []  # nothing is old yet
            with installation.connect() as connection:
                connection.execute("UPDATE posting_queue SET queued_at = queued_at - interval '1 hour'")
            assert stuck(installation) == [f"ledger {ledger_id}"]


def test_a_ledger_that_cannot_be_posted(new_installation: New) -> None:
    installation = new_installation()
    with watched(installation) as it:
        credit = credit_of(it.wallet)
        ledger_id = credit.ledger()
        with poisoned(installation, "posting_rounds", "INSERT OR UPDATE", f"NEW.ledger_id = '{ledger_id}'"):
            credit.call(Purse(ledger_id).credit("1"))
            it.sets_aside(1, "poster")
            credit.call(Purse(credit.ledger()).credit("1"))
            wait_until(lambda: posted(installation) == 1, what="another ledger is posted")
        wait_until_posted(installation, timeout_s=60)
    verify(installation)


def test_sessions_that_cannot_be_settled(new_installation: New) -> None:
    installation = new_installation()
    with (
        poisoned(installation, "sessions", "UPDATE", "NEW.state = 'SETTLED' AND NEW.game_code = 'poison'"),
        watched(installation, WALLET_BATCH_OPERATIONS_MAX="4") as it,
    ):
        games = sessions_of(it.wallet)
        player = it.wallet.player("1000")
        opened = games.batch([open_session(player, "1", ttl_seconds=1, game_code="poison") for _ in range(20)])
        assert len({session.session_token for session in opened}) == 20
        last = Play(games.call(open_session(player, "100", ttl_seconds=1)).session_token)
        wait_until(lambda: it.wallet.main(player) == "980", what="the last one is settled", timeout_s=60)
        assert games.call(last.settle()).replayed
        it.sets_aside(20, "expiry")
        assert it.wallet.main(it.wallet.player("100")) == "100"
        with installation.connect() as connection:
            connection.execute("UPDATE sessions SET expires_at = expires_at - interval '1 hour'")
        assert {subject.partition(" ")[0] for subject in stuck(installation)} == {"session"}
    with watched(installation) as it:
        wait_until(lambda: it.wallet.main(player) == "1000", what="all are settled", timeout_s=60)
        it.sets_aside(0, "expiry")
    verify(installation)


def reserve_shortly(credit: CreditCaller, purse: Purse) -> None:
    credit.call(purse.credit("10"))
    credit.call(purse.reserve("10", ttl_seconds=1))


def test_a_wallet_that_cannot_be_swept(new_installation: New) -> None:
    installation = new_installation()
    with watched(installation, WALLET_RESERVATION_SWEEP_CHUNK_MAX="2") as it:
        credit = credit_of(it.wallet)
        ledger_id = credit.ledger()
        poison, *purses = [Purse(ledger_id) for _ in range(6)]
        expired = "SELECT count(*) FROM reservations WHERE state = 'EXPIRED'"
        with poisoned(installation, "reservations", "UPDATE", f"NEW.wallet_id = '{wallet_id(poison)}'"):
            reserve_shortly(credit, poison)
            for purse in purses:
                reserve_shortly(credit, purse)
            wait_until(lambda: installation.rows(expired) == [(5,)], what="the others are swept")
            it.sets_aside(1, "sweeper")
        wait_until(lambda: installation.rows(expired) == [(6,)], what="it is swept as well", timeout_s=120)
        it.sets_aside(0, "sweeper")
    verify(installation)


def test_a_worker_that_fails_as_a_whole_goes_on(new_installation: New) -> None:
    installation = new_installation()
    with watched(installation) as it:
        with installation.connect() as connection:
            connection.execute("REVOKE SELECT ON posting_rounds FROM wallet_service")
        wait_until(lambda: it.metric("wallet_worker_failures_total", "poster") >= 2, what="the poster fails twice")
        credit = credit_of(it.wallet)
        credit.call(Purse(credit.ledger()).credit("1"))
        wait_until(lambda: it.metric("wallet_posting_lag_seconds") > 5, what="the lag grows", timeout_s=60)
        with installation.connect() as connection:
            connection.execute("GRANT SELECT ON posting_rounds TO wallet_service")
        wait_until_posted(installation, timeout_s=60)
        wait_until(lambda: it.metric("wallet_posting_lag_seconds") < 5, what="no lag")
    verify(installation)
