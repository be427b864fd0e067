"""What operators look up one by one: search, players, chains, events that are not done, how things stand."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from support.backoffice import CALLS, BackofficeCaller, backoffice_of
from support.credit import CreditCaller, credit_of
from support.database import Installation
from support.refusals import check_refusal
from support.requests import USDT_ETHEREUM, USDT_TRON, fresh_id, settle
from support.server import WalletServer
from support.sessions import sessions_of
from support.wallet import Wallet

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import wallet_pb2
from wallet_grpc.domain.cells import ONLY_CELL, Cell, cell_of_owner, schema_of

KIND = pb.SearchHitKind
READS = sorted(
    name
    for name in CALLS.values()
    if name.startswith(("Get", "List", "Search"))
    and name not in {"ListOperatorActions", "GetProposal", "ListProposals"}
    and name not in {"GetTrialBalance", "GetLiabilities", "GetGamingRevenue", "GetStatement"}
)
REQUESTS = {call: pb.DESCRIPTOR.services_by_name["BackofficeService"].methods_by_name[call] for call in CALLS.values()}


@pytest.fixture
def backoffice(wallet: Wallet) -> BackofficeCaller:
    return backoffice_of(wallet)


@pytest.fixture
def credit(wallet: Wallet) -> CreditCaller:
    return credit_of(wallet)


def kinds(hits: list[pb.SearchHit]) -> list[str]:
    return [KIND.Name(hit.kind).removeprefix("SEARCH_HIT_KIND_") for hit in hits]


def cell_of(installation: Installation, owner_id: int) -> Cell:
    return ONLY_CELL if installation.cells == 1 else cell_of_owner(owner_id, installation.cells)


@contextmanager
def in_cell(installation: Installation, owner_id: int) -> Iterator[psycopg.Connection]:
    """Connect as the superuser to the cell of an owner."""
    with installation.connect(autocommit=True) as connection:
        schema = sql.Identifier(schema_of(cell_of(installation, owner_id)))
        connection.execute(sql.SQL("SET search_path = {}, public").format(schema))
        yield connection


# -------------------------------------------------------------------------------------------------------------- player


def test_a_player_with_all_that_stands_and_is_under_way(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    player = wallet.player("100")
    wallet.applied(player.on(USDT_ETHEREUM).deposit("7"))
    play = sessions_of(wallet).open(player, "20")
    held = player.reserve("5")
    wallet.applied(held)
    wallet.applied(player.bet("3"))
    state = player.state(wallet_pb2.PLAYER_STATE_BLOCKED, reason="asked by court", actor="ann")
    wallet.applied(state)
    found = backoffice.call(pb.GetPlayerRequest(player_id=player.player_id))
    assert (found.seen, found.state, found.state_reason, found.state_actor, found.state_source) == (
        True, wallet_pb2.PLAYER_STATE_BLOCKED, "asked by court", "ann", "backoffice",
    )  # fmt: skip
    assert found.HasField("state_since")
    by_network = {balance.currency_network_id: balance for balance in found.balances}
    mine = by_network[USDT_TRON]
    assert (mine.available_minor, mine.withdraw_hold_minor, mine.session_hold_minor, mine.total_minor) == (
        "72", "5", "20", "97",
    )  # fmt: skip
    assert by_network[USDT_ETHEREUM].total_minor == "7"
    assert [row.session_token for row in found.open_sessions] == [play.token]
    assert [row.withdrawal_id for row in found.withdrawals_under_way] == [held.withdrawal_id]
    totals = {(total.currency_network_id, total.kind): total for total in found.today}
    bets = totals[USDT_TRON, wallet_pb2.TRANSACTION_KIND_BET]
    assert (bets.transactions, bets.amount_minor) == (1, "3")
    assert not found.today_truncated
    assert found.last_tx_id


# --------------------------------------------------------------------------------------------------------------- chain


def links(chain: pb.GetTransactionChainResponse) -> dict[str, str]:
    return {it.transaction.tx_id: pb.ChainLink.Name(it.link).removeprefix("CHAIN_LINK_") for it in chain.transactions}


def test_the_chain_of_a_bet_its_wins_and_their_rollbacks(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    player = wallet.player("100")
    bet = player.bet("10")
    win, second = player.win("4", of=bet), player.win("6", of=bet)
    back = player.rollback(win)
    ids = [wallet.applied(request).tx_id for request in (bet, win, second, back)]
    chain = backoffice.call(pb.GetTransactionChainRequest(tx_id=ids[0]))
    assert links(chain) == dict(zip(ids, ("ASKED", "REFERRER", "REFERRER", "ROLLBACK"), strict=True))
    assert [it.transaction.tx_id for it in chain.transactions] == ids
    from_the_end = backoffice.call(pb.GetTransactionChainRequest(tx_id=ids[3]))
    assert links(from_the_end) == dict(zip(ids, ("REFERENCE", "REVERSED", "REFERRER", "ASKED"), strict=True))
    assert chain.transactions[1].transaction.reversed_by_tx_id == ids[3]
    assert [posting.amount_minor for posting in chain.transactions[0].transaction.postings] == ["-10", "10"]
    (event,) = chain.transactions[0].events
    assert (event.event_id, event.event_type) == (f"{ids[0]}-1", "wallet.bet.placed")
    assert event.state == pb.PUBLICATION_STATE_WAITING  # no relay runs here


def test_the_chain_of_a_session_and_of_a_withdrawal(wallet: Wallet, backoffice: BackofficeCaller) -> None:
    games, player = sessions_of(wallet), wallet.player("100")
    play = games.open(player, "20")
    settled = games.call(play.settle()).tx_id
    assert sorted(links(backoffice.call(pb.GetTransactionChainRequest(tx_id=settled))).values()) == [
        "ASKED", "REFERENCE",
    ]  # fmt: skip
    reservation = player.reserve("5")
    held, ended = wallet.applied(reservation).tx_id, wallet.applied(settle(reservation)).tx_id
    assert links(backoffice.call(pb.GetTransactionChainRequest(tx_id=held))) == {held: "ASKED", ended: "REFERRER"}


def test_events_that_are_published_and_parked(
    wallet: Wallet, backoffice: BackofficeCaller, installation: Installation
) -> None:
    player = wallet.player("100")
    gone, parked = (wallet.applied(player.bet("1")).tx_id for _ in range(2))
    with in_cell(installation, player.player_id) as connection:
        connection.execute("DELETE FROM outbox_events WHERE tx_id = %s", [gone])  # as a relay does it
        connection.execute(
            "UPDATE outbox_events SET parked_at = now(), failure = 'no queue' WHERE tx_id = %s", [parked]
        )
    states = {
        it.transaction.tx_id: (it.events[0].state, it.events[0].failure)
        for tx_id in (gone, parked)
        for it in backoffice.call(pb.GetTransactionChainRequest(tx_id=tx_id)).transactions
    }
    assert states == {
        gone: (pb.PUBLICATION_STATE_PUBLISHED, ""),
        parked: (pb.PUBLICATION_STATE_PARKED, "no queue"),
    }
    (hit,) = backoffice.find(f"{parked}-1")
    assert hit.kind == KIND.SEARCH_HIT_KIND_PARKED_EVENT
    shown = backoffice.call(pb.GetParkedEventRequest(event_ref=hit.event_ref))
    assert (shown.tx_id, shown.event_type, shown.reason) == (parked, "wallet.bet.placed", "no queue")
    assert json.loads(shown.body_json)["txId"] == parked
    listed = backoffice.listed(pb.ListParkedEventsRequest(direction=pb.EVENT_DIRECTION_PUBLISHED, page_size=1))
    assert hit.event_ref in [event.event_ref for event in listed]
    with in_cell(installation, player.player_id) as connection:
        connection.execute("DELETE FROM outbox_events WHERE tx_id = %s", [parked])


def test_no_such_transaction(backoffice: BackofficeCaller) -> None:
    no_one = "01890000-0000-7000-8000-00000000dead"
    backoffice.refused(pb.GetTransactionChainRequest(tx_id=no_one), "TRANSACTION_NOT_FOUND")
    backoffice.refused(pb.GetTransactionChainRequest(tx_id="x"), "INVALID_FIELD", field="tx_id")
    backoffice.refused(pb.GetTransactionChainRequest(), "MISSING_FIELD", field="tx_id")


# ------------------------------------------------------------------------------------------------- how things stand


@dataclass(frozen=True, kw_only=True)
class Received:
    """A row of the inbox that a test has put there."""

    inbox_id: int
    event_id: str


@pytest.fixture
def received(installation: Installation) -> Iterator[Mapping[str, Received]]:
    """A payment event of each state, removed afterwards."""
    made = {}
    body = json.dumps({"depositId": "d-1", "playerId": 7, "currencyNetworkId": 1, "amountMinor": "50"})
    with installation.connect(autocommit=True) as connection:
        for state in ("PARKED", "WAITING", "APPLIED"):
            event_id = fresh_id("event")
            (inbox_id,) = connection.execute(
                "INSERT INTO inbox_events (key_hash, source, event_id, event_type, body_hash, body, state, reason,"
                " detail, due_at, received_at, changed_at) VALUES (gen_random_uuid(), '/payments', %s,"
                " 'payments.deposit.settled', gen_random_uuid(), %s, %s, 'INVALID_FIELD', 'why',"
                " CASE %s WHEN 'WAITING' THEN now() + '1 hour' END, now(), now()) RETURNING inbox_id",
                [event_id, body, state, state],
            ).fetchone() or (0,)
            made[state] = Received(inbox_id=inbox_id, event_id=event_id)
        yield made
        connection.execute("DELETE FROM inbox_events WHERE inbox_id = ANY(%s)", [[it.inbox_id for it in made.values()]])


def test_received_events_that_are_not_done(backoffice: BackofficeCaller, received: Mapping[str, Received]) -> None:
    for state in ("PARKED", "WAITING"):
        asked = pb.ListParkedEventsRequest(
            state=pb.EventState.Value(f"EVENT_STATE_{state}"), direction=pb.EVENT_DIRECTION_RECEIVED, page_size=1
        )
        refs = [event.event_ref for event in backoffice.listed(asked)]
        assert f"in-{received[state].inbox_id}" in refs
        assert f"in-{received['APPLIED'].inbox_id}" not in refs
        (hit,) = backoffice.find(received[state].event_id)
        assert hit.event_ref == f"in-{received[state].inbox_id}"
    assert backoffice.find(received["APPLIED"].event_id) == []
    shown = backoffice.call(pb.GetParkedEventRequest(event_ref=f"in-{received['PARKED'].inbox_id}"))
    assert (shown.event_id, shown.reason, shown.detail, shown.player_id) == (
        received["PARKED"].event_id, "INVALID_FIELD", "why", 7,
    )  # fmt: skip
    assert "credits 50 minor units of currency network 1 to player 7" in shown.replay_effect
    done = f"in-{received['APPLIED'].inbox_id}"
    for ref in (done, "in-999999999", "out-0-999999999", "out-900-1"):
        backoffice.refused(pb.GetParkedEventRequest(event_ref=ref), "EVENT_NOT_FOUND")
    backoffice.refused(pb.GetParkedEventRequest(event_ref="x"), "INVALID_FIELD", field="event_ref")


def test_the_overview_counts_what_waits(
    wallet: Wallet, backoffice: BackofficeCaller, installation: Installation, received: Mapping[str, Received]
) -> None:
    del received
    player = wallet.player("100")
    wallet.applied(player.reserve("5"))
    sessions_of(wallet).open(player, "5")
    found = backoffice.call(pb.GetOverviewRequest())
    stored = {
        name: installation.rows(f"SELECT count(*) FROM {where}")[0][0]
        for name, where in {
            "outbox_waiting": "outbox_events WHERE parked_at IS NULL",
            "outbox_parked": "outbox_events WHERE parked_at IS NOT NULL",
            "inbox_parked": "inbox_events WHERE state = 'PARKED'",
            "inbox_waiting": "inbox_events WHERE state = 'WAITING'",
            "withdrawals_under_way": "withdrawals WHERE state IN ('RESERVED', 'BROADCASTED')",
        }.items()
    }
    assert {name: getattr(found, name) for name in stored} == stored
    assert found.sessions_open > 0
    assert (found.environment, found.cells) == ("test", installation.cells)
    assert found.HasField("oldest_withdrawal_age")
    assert found.HasField("outbox_oldest_age") == (stored["outbox_waiting"] > 0)
    assert 0 <= found.outbox_oldest_age.seconds < 3_600


@pytest.mark.parametrize("shared", ["group-commit"], indirect=True)
def test_the_last_verification_is_told(backoffice: BackofficeCaller, installation: Installation) -> None:
    installation.command("verify", "--json")
    found = backoffice.call(pb.GetLastVerificationRequest()).verification
    assert (found.clean, list(found.findings), found.findings_left_out) == (True, [], 0)
    assert found.transactions == installation.rows("SELECT count(*) FROM ledger_transactions")[0][0]
    assert {check.findings for check in found.checks} == {0}
    seen = backoffice.call(pb.GetOverviewRequest())
    assert (seen.last_verified_at, seen.last_verification_clean) == (found.ended_at, True)


def test_what_verify_finds_is_told(new_installation: Callable[[], Installation]) -> None:
    installation = new_installation()
    with WalletServer(installation) as server:
        player = server.wallet().player("100")
        with installation.connect() as connection:
            connection.execute("UPDATE account_balances SET balance_minor = 7 WHERE owner_id = %s", [player.player_id])
        assert installation.run("verify").returncode == 1
        found = backoffice_of(server.wallet()).call(pb.GetLastVerificationRequest()).verification
        assert not found.clean
        assert "balances_equal_postings" in [finding.check for finding in found.findings]
        assert {check.check: check.findings for check in found.checks}["balances_equal_postings"] == 1


def test_keys_are_told_without_their_secrets(backoffice: BackofficeCaller, installation: Installation) -> None:
    listed = backoffice.listed(pb.ListKeysRequest(page_size=3, revoked=True))
    stored = dict(installation.rows("SELECT key_id, source FROM api_keys"))
    assert {key.key_id: key.source for key in listed} == stored
    assert [key.key_id for key in listed] == sorted(stored)
    games = backoffice.listed(pb.ListKeysRequest(source="games"))
    assert {(tuple(key.roles), key.speaks_for_logins) for key in games} == {(("game",), False)}
    installation.create_key("logins", ["backoffice"], "--speaks-for-logins")
    assert [key.speaks_for_logins for key in backoffice.listed(pb.ListKeysRequest(source="logins"))] == [True]


# ------------------------------------------------------------------------------------------------- rights and limits


def request_of(call: str) -> Any:
    kind = REQUESTS[call].input_type._concrete_class
    return kind(player_id=1) if call == "GetPlayer" else kind()


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("shared", ["group-commit"], indirect=True)
def test_who_may_ask(wallet: Wallet, call: str) -> None:
    for name in ("games", "payments", "credit"):
        backoffice_of(wallet, name).refused(request_of(call), "CALL_NOT_ALLOWED")
    for name in ("backoffice", "auditor", "operator"):
        answer = backoffice_of(wallet, name).attempt(request_of(call))
        if hasattr(answer, "reason"):  # the request lacks what it needs, which is looked at after the right
            assert answer.reason in {"MISSING_FIELD", "INVALID_FIELD"}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ListTransactionsRequest(page_token="x"), "page_token"),
        (pb.ListTransactionsRequest(page_token="WzFd"), "page_token"),
        (pb.ListTransactionsRequest(page_size=1_001), "page_size"),
        (pb.ListTransactionsRequest(kinds=[99]), "kinds"),  # type: ignore[list-item]
        (pb.ListTransactionsRequest(player_id=-1), "player_id"),
        (pb.ListWithdrawalsRequest(page_token="WyJ4IiwgInkiXQ"), "page_token"),
        (pb.ListSessionsRequest(status=9), "status"),  # type: ignore[arg-type]
        (pb.ListParkedEventsRequest(page_token="in-x"), "page_token"),
        (pb.ListReservationsRequest(wallet_key="x"), "wallet_key"),
        (pb.ListPlayersRequest(page_token="W10"), "page_token"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("shared", ["group-commit"], indirect=True)
def test_a_bad_field_is_named(backoffice: BackofficeCaller, request_: Any, field: str) -> None:
    check_refusal(backoffice.attempt(request_), "INVALID_FIELD", field=field)


def test_a_look_up_that_takes_too_long_ends_and_bets_go_on(new_installation: Callable[[], Installation]) -> None:
    """Somebody holds the table of withdrawals: who looks them up is told so in time, and bets are not."""
    installation = new_installation()
    with WalletServer(installation, WALLET_BACKOFFICE_QUERY_TIMEOUT_MS="300") as server:
        wallet = server.wallet()
        backoffice = backoffice_of(wallet)
        player = wallet.player("100")
        with installation.connect() as holder:
            holder.execute("LOCK TABLE withdrawals IN ACCESS EXCLUSIVE MODE")
            refusals = backoffice.at_once(*[pb.ListWithdrawalsRequest()] * 6)
            assert {refusal.reason for refusal in refusals} <= {"DATABASE_UNAVAILABLE", "QUEUE_FULL"}
            wallet.applied(player.bet("1"))
            assert wallet.games.call(player.balance()).available_minor == "99"
        assert backoffice.listed(pb.ListWithdrawalsRequest()) == []
