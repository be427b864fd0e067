"""docs/acceptance.md, Reads and rights, through HTTP: cases 48 and 49."""

from collections.abc import Iterator

import pytest
from support.cookies import bad_tokens, token
from support.database import Installation
from support.http_api import BALANCES, OF_PLAYERS, ApiServer, query
from support.requests import ETH_ETHEREUM, USDT_TRON, Player, fresh_player_id, settle
from support.wallet import Wallet

_OWN = fresh_player_id()
_BAD = bad_tokens(_OWN)
_NETWORKS = {USDT_TRON: ("USDT", "TRON"), ETH_ETHEREUM: ("ETH", "ETHEREUM")}
_LEDGER = """
    SELECT made.tx_id::TEXT, made.kind, made.reference, coalesce(sum(entries.amount_minor), 0)::TEXT,
           made.main_balance_after_minor::TEXT
      FROM ledger_transactions AS made
      LEFT JOIN (SELECT * FROM ledger_entries JOIN accounts USING (account_id) WHERE account_type = 'MAIN') AS entries
        ON entries.tx_id = made.tx_id
     WHERE made.owner_id = %s AND made.status = 'APPLIED' AND made.kind <> 'PLAYER_STATE'
     GROUP BY made.tx_id, made.kind, made.reference, made.main_balance_after_minor
     ORDER BY made.tx_id DESC
"""


@pytest.fixture
def api(installation: Installation) -> Iterator[ApiServer]:
    with ApiServer(installation) as server:
        yield server


def test_case_48_who_has_no_good_cookie_sees_nothing(api: ApiServer) -> None:
    for path in OF_PLAYERS:
        for what, cookie in _BAD.items():
            problem = api.ask(path, cookie=cookie).problem(401, "UNAUTHENTICATED")
            assert str(_OWN) not in str(problem), what


def test_case_48_a_player_id_in_the_query_is_ignored(api: ApiServer, wallet: Wallet, player: Player) -> None:
    other = wallet.player("7")
    for name in ("player_id", "player", "playerId", "sub"):
        answer = api.ask(f"{BALANCES}{query({name: other.player_id})}", cookie=token(player.player_id))
        assert answer.status == 200
        assert answer.body == api.ask(BALANCES, cookie=token(player.player_id)).body
        assert answer.json["balances"][0]["available_minor"] == "100"


def test_case_49_balances_and_transactions_are_the_ledgers_right_after_the_answer(
    api: ApiServer, wallet: Wallet, installation: Installation, player: Player
) -> None:
    rich = wallet.fund(player.on(ETH_ETHEREUM), "9" * 38)
    bet, reservation = player.bet("10"), player.reserve("30")
    for request in (
        bet,
        player.win("25", of=bet),
        player.bet_and_win("5", "7"),
        reservation,
        settle(reservation, "1"),
        rich.bet("1" + "0" * 37),
    ):
        done = wallet.applied(request)
        newest = api.page(player.player_id, limit=1)[0][0]
        assert (newest["tx_id"], newest["balance_after_minor"]) == (done.tx_id, done.balance_after_minor)
        shown = api.balances(player.player_id)
        for mine in (player, rich):
            told, item = wallet.balance(mine), shown[_NETWORKS[mine.currency_network_id]]
            for name in ("available_minor", "withdraw_hold_minor", "session_hold_minor", "bonus_minor", "total_minor"):
                assert item[name] == getattr(told, name), name
    history = api.history(player.player_id, limit=3)
    seen = [
        tuple(item[name] for name in ("tx_id", "kind", "transaction_id", "amount_minor", "balance_after_minor"))
        for item in history
    ]
    assert seen == installation.rows(_LEDGER, player.player_id)
