"""Lists of the back office, against all rows of the ledger filtered and sorted here: every page, in every order."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from support.backoffice import BackofficeCaller, backoffice_of
from support.credit import Purse, credit_of
from support.database import Installation
from support.requests import USDT_ETHEREUM, USDT_TRON, Player, fail, fresh_id, settle
from support.server import WalletServer
from support.sessions import sessions_of
from support.wallet import Wallet

from wallet.v1 import backoffice_pb2 as pb
from wallet.v1 import session_pb2, wallet_pb2
from wallet_grpc.rpc.backoffice.pages import write_token

MODES = ("group-commit", "one-a-transaction")
"""One cell, and three."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A transaction as the database has it."""

    tx_id: str
    player_id: int
    owner_version: int
    source: str
    kind: str
    network: int | None
    game: str
    round: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Played:
    """What was played for these tests, by a few players in every kind."""

    backoffice: BackofficeCaller
    installation: Installation
    players: Sequence[Player]
    rounds: Sequence[wallet_pb2.BetRequest]

    def rows(self) -> list[Row]:
        """Read all transactions, of everybody."""
        return [
            Row(
                tx_id=str(tx_id),
                player_id=owner_id,
                owner_version=version,
                source=source,
                kind=kind,
                network=network,
                game=game or "",
                round=round_id or "",
                created_at=created_at,
            )
            for tx_id, owner_id, version, source, kind, network, game, round_id, created_at in self.installation.rows(
                "SELECT tx_id, owner_id, owner_version, source, kind, currency_network_id, game_code, round_id,"
                " created_at FROM ledger_transactions"
            )
        ]


@pytest.fixture(scope="module", params=MODES)
def played(request: pytest.FixtureRequest, shared_servers: Callable[[str], Any]) -> Played:
    """A few players who did something of every kind, among all that other tests left."""
    shared = shared_servers(request.param)
    wallet: Wallet = shared.wallet
    players = [wallet.player("1000") for _ in range(4)]
    rounds = []
    for player in players:
        sessions = sessions_of(wallet)
        bets = [player.bet("3", round_closed=False) for _ in range(5)]
        wallet.games.batch(bets)
        wallet.games.batch([player.win("4", of=bet) for bet in bets[:3]])
        wallet.applied(player.rollback(bets[4]))
        wallet.send(player.rollback("never-seen-" + fresh_id()))
        wallet.applied(player.adjust("5"))
        wallet.applied(player.on(USDT_ETHEREUM).deposit("7"))
        wallet.applied(player.state(wallet_pb2.PLAYER_STATE_BLOCKED))
        wallet.applied(player.state(wallet_pb2.PLAYER_STATE_ACTIVE))
        paid, back, held = (player.reserve("2") for _ in range(3))
        wallet.payments.batch([paid, back, held])
        wallet.applied(settle(paid))
        wallet.applied(fail(back))
        closed, open_one = sessions.open(player, "10"), sessions.open(player, "10")
        sessions.call(closed.bet("1"))
        sessions.call(closed.settle())
        sessions.call(open_one.bet("1"))
        rounds.append(bets[0])
    return Played(backoffice=backoffice_of(wallet), installation=shared.installation, players=players, rounds=rounds)


def expected(rows: Sequence[Row], wanted: dict[str, Any]) -> list[str]:
    """Filter and sort as the contract says it."""
    kinds = {
        wallet_pb2.TransactionKind.Name(kind).removeprefix("TRANSACTION_KIND_") for kind in wanted.get("kinds", ())
    }
    found = [
        row
        for row in rows
        if wanted.get("player_id", row.player_id) == row.player_id
        and wanted.get("source", row.source) == row.source
        and (row.kind in kinds if kinds else row.kind != "TOMBSTONE")
        and wanted.get("currency_network_id", row.network) == row.network
        and wanted.get("game_code", row.game) == row.game
        and wanted.get("round_id", row.round) == row.round
        and ("from" not in wanted or row.created_at >= wanted["from"])
        and ("to" not in wanted or row.created_at < wanted["to"])
    ]
    found.sort(key=lambda row: row.owner_version if "player_id" in wanted else row.tx_id, reverse=True)
    return [row.tx_id for row in found]


def asked(wanted: dict[str, Any], page_size: int) -> pb.ListTransactionsRequest:
    times = {}
    for name in ("from", "to"):
        if name in wanted:
            times[name] = Timestamp()
            times[name].FromDatetime(wanted[name])
    return pb.ListTransactionsRequest(page_size=page_size, **(wanted | times))


def filters(played: Played, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Give what may be asked for: each filter alone, and many together."""
    player, stake = played.players[1], played.rounds[1]
    of_player = [row for row in rows if row.player_id == player.player_id]
    times = sorted(row.created_at for row in of_player)
    some, later = times[3], times[-3]
    kinds = wallet_pb2.TransactionKind
    yield {}
    yield {"player_id": player.player_id}
    yield {"source": "payments"}
    yield {"kinds": [kinds.Value("TRANSACTION_KIND_DEPOSIT"), kinds.Value("TRANSACTION_KIND_ADJUSTMENT")]}
    yield {"kinds": [kinds.Value("TRANSACTION_KIND_WIN"), kinds.Value("TRANSACTION_KIND_ROLLBACK")]}
    yield {"kinds": [kinds.Value("TRANSACTION_KIND_TOMBSTONE")], "player_id": player.player_id}
    yield {"currency_network_id": USDT_ETHEREUM}
    yield {"from": some, "to": later}
    yield {"player_id": player.player_id, "from": some, "to": later}
    yield {"player_id": player.player_id, "from": later + timedelta(days=1), "to": later + timedelta(days=2)}
    yield {"to": some - timedelta(days=1)}
    yield {"round_id": stake.round_id}
    everything = {
        "player_id": player.player_id,
        "source": "games",
        "currency_network_id": USDT_TRON,
        "game_code": stake.game_code,
        "round_id": stake.round_id,
    }
    for size in range(2, len(everything) + 1):
        for names in itertools.combinations(everything, size):
            yield {name: everything[name] for name in names}
    yield everything | {"kinds": [kinds.Value("TRANSACTION_KIND_WIN")]}
    yield everything | {"from": some, "to": later}


def test_transactions_are_those_that_fit_in_their_order(played: Played) -> None:
    rows = played.rows()
    until = max(row.created_at for row in rows) + timedelta(microseconds=1)
    for wanted in filters(played, rows):
        bounded = {"to": until} | wanted  # other tests' workers may post meanwhile
        found = played.backoffice.listed(asked(bounded, 200))
        assert [row.tx_id for row in found] == expected(rows, bounded), wanted


@pytest.mark.parametrize("page_size", [1, 3, 7])
def test_pages_join_without_a_gap_and_without_a_double(played: Played, page_size: int) -> None:
    rows = played.rows()
    player = played.players[0].player_id
    since = min(row.created_at for row in rows if row.player_id == player)
    until = max(row.created_at for row in rows if row.player_id == player)
    for wanted in ({"player_id": player}, {"from": since, "to": until}):
        pages = list(played.backoffice.pages(asked(wanted, page_size)))
        assert all(len(page) <= page_size for page in pages)
        assert [row.tx_id for page in pages for row in page] == expected(rows, wanted)


def test_what_is_listed_has_its_id_its_player_and_its_postings(played: Played) -> None:
    player = played.players[2]
    for listed in played.backoffice.listed(pb.ListTransactionsRequest(player_id=player.player_id)):
        sums: dict[int, int] = {}
        for posting in listed.postings:
            sums[listed.currency_network_id] = sums.get(listed.currency_network_id, 0) + int(posting.amount_minor)
        assert set(sums.values()) <= {0}
        assert listed.tx_id
        assert listed.player_id == player.player_id


def test_players_by_id_and_by_state(played: Played) -> None:
    known = {owner for (owner,) in played.installation.rows("SELECT DISTINCT owner_id FROM ledger_transactions")}
    known = {owner for owner in known if owner > 0}
    states = dict(played.installation.rows("SELECT player_id, state FROM players"))
    listed = played.backoffice.listed(pb.ListPlayersRequest(page_size=50))
    assert [row.player_id for row in listed] == sorted(known | set(states))
    for state in ("ACTIVE", "BLOCKED"):
        number = wallet_pb2.PlayerState.Value(f"PLAYER_STATE_{state}")
        of_state = played.backoffice.listed(pb.ListPlayersRequest(state=number, page_size=50))
        wanted = sorted(one for one in known | set(states) if states.get(one, "ACTIVE") == state)
        assert [row.player_id for row in of_state] == wanted
        assert all(row.state == number for row in of_state)


def test_withdrawals_by_age_state_and_player(played: Played) -> None:
    stored = played.installation.rows(
        "SELECT withdrawal_id, owner_id, state, reserved_at FROM withdrawals"
        ' ORDER BY reserved_at, withdrawal_id COLLATE "C"'
    )
    player = played.players[0].player_id
    for states, of_player, newest_first in itertools.product(
        [(), ("RESERVED",), ("SETTLED", "FAILED")], [0, player], [False, True]
    ):
        wanted = [
            withdrawal_id
            for withdrawal_id, owner_id, state, _ in stored
            if (not states or state in states) and of_player in {0, owner_id}
        ]
        request = pb.ListWithdrawalsRequest(
            states=[pb.WithdrawalState.Value(f"WITHDRAWAL_STATE_{state}") for state in states],
            player_id=of_player,
            newest_first=newest_first,
            page_size=2,
        )
        listed = played.backoffice.listed(request)
        assert [row.withdrawal_id for row in listed] == (wanted[::-1] if newest_first else wanted)
    of_player_rows = {
        row.withdrawal_id: row for row in played.backoffice.listed(pb.ListWithdrawalsRequest(player_id=player))
    }
    endings = {
        reference: str(tx_id)
        for tx_id, reference in played.installation.rows(
            "SELECT tx_id, reference FROM ledger_transactions"
            " WHERE kind IN ('WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE')"
        )
    }
    assert {name: row.ending_tx_id for name, row in of_player_rows.items()} == {
        name: endings.get(name, "") for name in of_player_rows
    }
    assert all(row.reservation_tx_id for row in of_player_rows.values())
    older = pb.ListWithdrawalsRequest(older_than=Duration(seconds=86_400))
    assert played.backoffice.listed(older) == []


def test_sessions_by_player_source_and_status(played: Played) -> None:
    stored = played.installation.rows("SELECT session_id, owner_id, source, state FROM sessions ORDER BY session_id")
    player = played.players[0].player_id
    statuses = {"": None, "OPEN": "OPEN", "SETTLED": "SETTLED"}
    for status, source, of_player, oldest_first in itertools.product(
        statuses, ["", "games", "nobody"], [0, player], [False, True]
    ):
        wanted = [
            str(session_id)
            for session_id, owner_id, of_source, state in stored
            if status in {"", state} and source in {"", of_source} and of_player in {0, owner_id}
        ]
        request = pb.ListSessionsRequest(
            status=session_pb2.SessionStatus.Value(f"SESSION_STATUS_{status}") if status else None,
            source=source,
            player_id=of_player,
            oldest_first=oldest_first,
            page_size=3,
        )
        listed = [row.opening_tx_id for row in played.backoffice.listed(request)]
        if status:  # those of other tests may expire meanwhile
            wanted, listed = [one for one in wanted if one in listed], [one for one in listed if one in wanted]
        assert listed == (wanted if oldest_first else wanted[::-1])


def test_a_page_that_filters_goes_on_where_it_stopped_to_look(
    played: Played, new_server_of: Callable[..., BackofficeCaller]
) -> None:
    """With 200 rows a page to look at, as few as there may be, nothing is left out."""
    few = new_server_of(played.installation, WALLET_BACKOFFICE_SCAN_ROWS_MAX="200")
    rows = played.rows()
    until = max(row.created_at for row in rows) + timedelta(microseconds=1)
    for wanted in (
        {"source": "nobody", "to": until},
        {"currency_network_id": USDT_ETHEREUM, "to": until},
        {"player_id": played.players[3].player_id, "currency_network_id": USDT_ETHEREUM},
    ):
        assert [row.tx_id for row in few.listed(asked(wanted, 5))] == expected(rows, wanted)


@pytest.fixture
def new_server_of() -> Iterator[Callable[..., BackofficeCaller]]:
    """Start servers over a database, with settings of their own."""
    with ExitStack() as running:

        def start(installation: Installation, **settings: str) -> BackofficeCaller:
            server = running.enter_context(WalletServer(installation, **settings))
            return backoffice_of(server.wallet())

        yield start


def test_credit_wallets_and_what_holds_them(shared_servers: Callable[[str], Any]) -> None:
    for mode in MODES:
        wallet = shared_servers(mode).wallet
        backoffice, credit = backoffice_of(wallet), credit_of(wallet)
        ledger_id = credit.ledger()
        purses = [Purse(ledger_id) for _ in range(7)]
        for purse in purses:
            credit.accepted(purse.credit("100"), "100", "100")
        held = purses[0]
        reservations = [credit.call(held.reserve("10", ttl_seconds=ttl)) for ttl in (600, 60, 300)]
        credit.call(held.release(reservations[2]))
        listed = backoffice.listed(pb.ListCreditWalletsRequest(ledger_id=ledger_id, page_size=2))
        assert [row.wallet_key for row in listed] == sorted(purse.key for purse in purses)
        assert {row.wallet_key: (row.balance_minor, row.held_minor, row.available_minor) for row in listed}[
            held.key
        ] == ("100", "20", "80")
        holds = backoffice.listed(pb.ListReservationsRequest(wallet_key=held.key, page_size=1))
        assert [row.reservation_id for row in holds] == [reservations[1].reservation_id, reservations[0].reservation_id]
        assert 0 < holds[0].remaining.seconds <= 60


def test_random_places_in_the_list_of_all(played: Played) -> None:
    """A page that begins after any row is the one that follows it."""
    rows = played.rows()
    player = played.players[0].player_id
    wanted = {"player_id": player}
    order = expected(rows, wanted)
    number = {row.tx_id: row.owner_version for row in rows}
    for tx_id in random.Random(3).sample(order, 5):
        request = pb.ListTransactionsRequest(player_id=player, page_size=4, page_token=write_token((number[tx_id],)))
        found = [row.tx_id for row in played.backoffice.call(request).transactions]
        assert found == order[order.index(tx_id) + 1 :][:4]
