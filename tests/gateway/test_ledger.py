"""`/v1/ledger/*`: sessions in a studio's words, as the seed's page has them."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from support.database import Installation
from support.gateway import GatewayServer, HttpAnswer
from support.requests import USDT_ETHEREUM, Player, fresh_id
from support.wallet import Wallet

Ask = Callable[..., HttpAnswer]


@pytest.fixture
def ask(gateway: GatewayServer, wallet: Wallet) -> Ask:
    """Ask `/v1/ledger/{call}` under the games' key, unless another one is given."""
    key = wallet.keys["games"]
    return lambda call, body=None, **given: gateway.ask(f"/v1/ledger/{call}", body, **({"key": key} | given))


def opening(player: Player, amount: str = "50", **fields: Any) -> dict[str, Any]:
    return {
        "transactionId": fresh_id("open"),
        "userId": str(player.player_id),
        "gameCode": "momentum",
        "currency": "USDT",
        "network": "TRON",
        "lock": {"amount": amount},
    } | fields


def test_a_session_from_its_opening_to_its_settlement(ask: Ask, wallet: Wallet, player: Player) -> None:
    opened = ask("openSession", opening(player)).good
    assert (opened["lockedBalance"], opened["balance"], opened["status"]) == ("50", "50", "OPEN")
    assert (opened["userId"], opened["gameCode"]) == (str(player.player_id), "momentum")
    token = opened["sessionToken"]
    left_out = {"roundClosed": None, "metadata": None}
    bet = ask("bet", {"sessionToken": token, "transactionId": "r1", "round": "1", "amount": "10"} | left_out).good
    assert bet == {
        "transactionId": "r1", "status": "APPLIED", "balance": "40", "balanceAfter": "40", "replayed": False,
        "late": False,
    }  # fmt: skip
    win = {
        "sessionToken": token, "transactionId": "r1-w", "referenceTransactionId": "r1", "round": "1", "amount": "18",
        "roundClosed": True,
    }  # fmt: skip
    assert ask("win", win).good["balance"] == "58"
    assert ask("win", win).good["replayed"] is True
    assert ask("balance", {"sessionToken": token}).good["balance"] == "58"
    settled = ask("settleSession", {"sessionToken": token, "requireClosedRounds": True}).good
    assert (settled["payout"], settled["net"], settled["openRounds"], settled["replayed"]) == ("58", "8", 0, False)
    assert ask("settleSession", {"sessionToken": token}).good == settled | {"replayed": True}
    assert wallet.games.call(player.balance()).available_minor == "108"


def test_an_opening_that_is_sent_again_locks_once(ask: Ask, wallet: Wallet, player: Player) -> None:
    request = opening(player)
    one, again = ask("openSession", request).good, ask("openSession", request).good
    assert (one["sessionToken"], one["replayed"], again["replayed"]) == (again["sessionToken"], False, True)
    assert wallet.games.call(player.balance()).available_minor == "50"


def test_a_rollback_before_its_bet_voids_it(ask: Ask, player: Player) -> None:
    token = ask("openSession", opening(player)).good["sessionToken"]
    back = ask("rollback", {"sessionToken": token, "referenceTransactionId": "r1"}).good
    assert (back["status"], back["transactionId"]) == ("VOIDED", "rollback:r1")
    bet = {"sessionToken": token, "transactionId": "r1", "round": "1", "amount": "10"}
    ask("bet", bet).refused(400, "failed_precondition", "TRANSACTION_VOIDED")
    assert ask("balance", {"sessionToken": token}).good["balance"] == "50"


def test_a_win_of_an_unseen_bet_is_rejected(ask: Ask, player: Player) -> None:
    token = ask("openSession", opening(player)).good["sessionToken"]
    win = {
        "sessionToken": token, "transactionId": "w", "referenceTransactionId": "never", "round": "1", "amount": "1",
    }  # fmt: skip
    error = ask("win", win).refused(404, "not_found", "BET_NOT_FOUND")
    assert error["retry"] == "AFTER_CHANGE"
    assert ask("win", win | {"winKind": "JACKPOT"}).good["balance"] == "51"


@pytest.mark.parametrize(
    ("call", "body", "reason", "field"),
    [
        ("openSession", {}, "MISSING_FIELD", "transactionId"),
        ("openSession", {"transactionId": "x"}, "MISSING_FIELD", "userId"),
        ("openSession", {"transactionId": "x", "userId": 1.5}, "INVALID_FIELD", "userId"),
        ("openSession", {"transactionId": "x", "userId": "0"}, "INVALID_FIELD", "userId"),
        ("openSession", {"transactionId": "x", "userId": 1}, "MISSING_FIELD", "currency"),
        ("openSession", {"transactionId": "x", "userId": 1, "currency": 5}, "INVALID_FIELD", "currency"),
        ("bet", {"sessionToken": "s", "transactionId": "x"}, "INVALID_AMOUNT", "amount"),
        ("bet", {"sessionToken": "s", "transactionId": "x", "amount": 10}, "INVALID_AMOUNT", "amount"),
        ("bet", {"sessionToken": "s", "transactionId": "x", "amount": "10"}, "MISSING_FIELD", "round"),
        (
            "bet",
            {"sessionToken": "s", "transactionId": "x", "amount": "10", "round": "1", "roundClosed": 1},
            "INVALID_FIELD",
            "roundClosed",
        ),
        (
            "bet",
            {"sessionToken": "s", "transactionId": "x", "amount": "10", "round": "1", "closed": True},
            "INVALID_FIELD",
            "closed",
        ),
        (
            "win",
            {"sessionToken": "s", "transactionId": "x", "amount": "1", "winKind": "BIG"},
            "INVALID_FIELD",
            "winKind",
        ),
        ("balance", {}, "MISSING_FIELD", "sessionToken"),
        ("settleSession", [], "INVALID_FIELD", "request"),
        ("settleSession", b"{", "INVALID_FIELD", "request"),
        ("settleSession", b'{"sessionToken": "a", "sessionToken": "b"}', "INVALID_FIELD", "sessionToken"),
        ("balance", b'{"sessionToken": "\\ud800"}', "INVALID_FIELD", "request"),
        ("balance", b'{"\\ud800": 1, "\\ud800": 2}', "INVALID_FIELD", "request"),
        ("openSession", {"transactionId": "x", "userId": "9007199254740993.0"}, "INVALID_FIELD", "userId"),
        ("openSession", {"transactionId": "x", "userId": 2**63}, "INVALID_FIELD", "userId"),
    ],
)
def test_fields_are_checked_and_named(ask: Ask, call: str, body: Any, reason: str, field: str) -> None:
    error = ask(call, body).refused(400, "invalid_argument", reason, field=field)
    assert (error["field"], error["retry"]) == (field, "NEVER")


def test_the_wallet_checks_the_rest(ask: Ask, player: Player) -> None:
    error = ask("openSession", opening(player, "1.5")).refused(400, "invalid_argument", "INVALID_AMOUNT")
    assert error["field"] == "lock.amount"
    assert error["message"].startswith("lock.amount: ")
    (violated,) = (detail["debug"] for detail in error["details"] if detail["type"] == "google.rpc.BadRequest")
    assert [violation["field"] for violation in violated["fieldViolations"]] == ["lock.amount"]
    ask("openSession", opening(player, "101")).refused(400, "failed_precondition", "INSUFFICIENT_FUNDS")
    ask("balance", {"sessionToken": "nobody's"}).refused(404, "not_found", "SESSION_NOT_FOUND")
    ask("openSession", opening(player), key="sk_test_wrong").refused(401, "unauthenticated", "CALLER_UNKNOWN")
    ask("openSession", opening(player), key=None).refused(401, "unauthenticated", "CALLER_UNKNOWN")


def test_an_id_that_is_used_again_names_the_field_in_these_words(ask: Ask, player: Player) -> None:
    request = opening(player)
    token = ask("openSession", request).good["sessionToken"]
    again = ask("openSession", request | {"gameCode": "another"}).refused(
        409, "already_exists", "IDEMPOTENCY_KEY_REUSED"
    )
    assert again["field"] == "gameCode"
    bet = {"sessionToken": token, "transactionId": "r1", "round": "1", "amount": "10"}
    assert ask("bet", bet).good
    for field, value in (("amount", "11"), ("round", "2")):
        error = ask("bet", bet | {field: value}).refused(409, "already_exists", "IDEMPOTENCY_KEY_REUSED")
        assert error["field"] == field


def test_a_token_is_its_sources(ask: Ask, wallet: Wallet, player: Player) -> None:
    token = ask("openSession", opening(player)).good["sessionToken"]
    other = ask("balance", {"sessionToken": token}, key=wallet.keys["other-games"])
    other.refused(404, "not_found", "SESSION_NOT_FOUND")


def test_the_gateways_own_questions_take_nothing_of_a_keys_rate(
    wallet: Wallet, used_installations: dict[str, Installation], player: Player
) -> None:
    installation = used_installations["group-commit"]
    with GatewayServer(wallet.target) as fresh:
        _, key = installation.create_key("slow-games", ["game"], "--rate-per-s", "1")
        assert fresh.ask("/v1/ledger/openSession", opening(player), key=key).good["status"] == "OPEN"
        _, key = installation.create_key("slow-bets", ["game"], "--rate-per-s", "1")
        bet = MessageToDict(player.bet("1"))
        assert fresh.ask("/wallet.v1.WalletService/Bet", bet, key=key).good["currentBalanceMinor"] == "49"
    assert wallet.main(player) == "49"


def test_currencies_are_known_by_name(ask: Ask, wallet: Wallet) -> None:
    player = wallet.player("100", currency_network_id=USDT_ETHEREUM)
    opened = ask("openSession", opening(player, network="ETHEREUM")).good
    assert wallet.games.call(player.balance()).session_hold_minor == opened["lockedBalance"]
    several = ask("openSession", opening(player, network=""))
    several.refused(400, "invalid_argument", "MISSING_FIELD", field="network")
    unknown = ask("openSession", opening(player, currency="DOGE"))
    unknown.refused(400, "invalid_argument", "UNKNOWN_CURRENCY_NETWORK", field="currency")
    unknown = ask("openSession", opening(player, network="MARS"))
    unknown.refused(400, "invalid_argument", "UNKNOWN_CURRENCY_NETWORK", field="network")
