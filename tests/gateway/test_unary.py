"""Unary calls over HTTP: the same keys, rights and errors as over gRPC, in JSON and in protobuf."""

import json
import threading
from collections.abc import Callable

import pytest
from support.gateway import GatewayServer, HttpAnswer
from support.requests import USDT_TRON, Player, fresh_id
from support.server import WalletServer
from support.waiting import wait_until
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb

BET = "/wallet.v1.WalletService/Bet"
BALANCE = "/wallet.v1.WalletService/GetBalance"
BATCH = "/wallet.v1.WalletService/ExecuteBatch"

Ask = Callable[..., HttpAnswer]


@pytest.fixture
def ask(gateway: GatewayServer, wallet: Wallet) -> Ask:
    """Ask under the games' key, unless another one is given."""
    return lambda path, body=None, **given: gateway.ask(path, body, **({"key": wallet.keys["games"]} | given))


def bet(player: Player, amount_minor: str = "10", **fields: object) -> dict[str, object]:
    return {
        "transactionId": fresh_id("bet"),
        "playerId": str(player.player_id),
        "currencyNetworkId": player.currency_network_id,
        "amountMinor": amount_minor,
        "gameCode": "g",
        "roundId": "1",
    } | fields


def test_a_bet_in_json_is_the_bet_over_grpc(ask: Ask, wallet: Wallet, player: Player) -> None:
    request = bet(player, "30")
    result = ask(BET, request).good
    assert (result["transactionId"], result["balanceAfterMinor"]) == (request["transactionId"], "70")
    assert (result["status"], result["replayed"]) == ("OPERATION_STATUS_APPLIED", False)
    over_grpc = wallet.games.call(
        player.bet("30", transaction_id=str(request["transactionId"]), game_code="g", round_id="1")
    )
    assert (over_grpc.replayed, over_grpc.tx_id) == (True, result["txId"])
    assert ask(BET, request).good["replayed"] is True


def test_a_bet_in_protobuf(ask: Ask, player: Player) -> None:
    request = player.bet("30")
    answer = ask(BET, request.SerializeToString(), content_type="application/proto")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/proto")
    result = pb.OperationResult.FromString(answer.body)
    assert (result.transaction_id, result.balance_after_minor) == (request.transaction_id, "70")


def test_names_of_the_protos_are_read_as_well(ask: Ask, player: Player) -> None:
    told = ask(BALANCE, {"player_id": player.player_id, "currency_network_id": USDT_TRON})
    assert told.good["availableMinor"] == "100"
    assert told.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"amountMinor": "101"}, "failed_precondition", {"reason": "INSUFFICIENT_FUNDS", "balance_minor": "100"}),
        ({"amountMinor": "1.5"}, "invalid_argument", {"reason": "INVALID_AMOUNT", "field": "amount_minor"}),
        ({"gameCode": ""}, "invalid_argument", {"reason": "MISSING_FIELD", "field": "game_code"}),
        ({"currencyNetworkId": 999}, "invalid_argument", {"reason": "UNKNOWN_CURRENCY_NETWORK"}),
    ],
)
def test_refusals_say_what_they_say_over_grpc(
    ask: Ask, player: Player, change: dict[str, object], code: str, told: dict[str, str]
) -> None:
    ask(BET, bet(player) | change).refused(400, code, **told)


def test_an_id_that_is_used_again_names_the_field(ask: Ask, player: Player) -> None:
    request = bet(player)
    assert ask(BET, request).good
    error = ask(BET, request | {"amountMinor": "11"}).refused(409, "already_exists", "IDEMPOTENCY_KEY_REUSED")
    assert (error["field"], error["retry"]) == ("amount_minor", "NEVER")


def test_what_is_not_there_is_not_found(ask: Ask) -> None:
    asked = {"transactionId": fresh_id("never")}
    ask("/wallet.v1.WalletService/GetTransaction", asked).refused(404, "not_found", "TRANSACTION_NOT_FOUND")


def test_keys_and_rights_are_the_wallets(ask: Ask, wallet: Wallet, player: Player) -> None:
    request = bet(player)
    ask(BET, request, key=None).refused(401, "unauthenticated", "CALLER_UNKNOWN")
    ask(BET, request, key="sk_test_wrong").refused(401, "unauthenticated", "CALLER_UNKNOWN")
    ask(BET, request, authorization="Bearer sk_test_é").refused(401, "unauthenticated", "CALLER_UNKNOWN")
    live = ask(BET, request, key="sk_live_wrong")
    live.refused(403, "permission_denied", "ENVIRONMENT_MISMATCH")
    refused = ask(BET, request, key=wallet.keys["payments"])
    refused.refused(403, "permission_denied", "CALL_NOT_ALLOWED", role="game")
    assert ask(BET, request).good["replayed"] is False


def test_who_is_logged_in_is_told_to_the_wallet(ask: Ask, wallet: Wallet, player: Player) -> None:
    """The key may not speak for others, and the wallet has to see that it tries to."""
    request = {
        "transactionId": fresh_id("adjust"), "playerId": str(player.player_id), "currencyNetworkId": USDT_TRON,
        "amountMinor": "1", "direction": "DIRECTION_CREDIT", "reason": "test", "actor": "anna",
    }  # fmt: skip
    adjust, key = "/wallet.v1.WalletService/Adjust", wallet.keys["backoffice"]
    refused = ask(adjust, request, key=key, wallet_operator="anna")
    refused.refused(403, "permission_denied", "CALL_NOT_ALLOWED")
    assert ask(adjust, request, key=key).good["replayed"] is False


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"bet"', b"\xff\xfe", b"{} {}", b"[" * 50_000, b'{"playerId": NaN}',
        b'{"playerId": ' + b"9" * 5_000 + b"}", b'{"gameCode": "\\ud800"}', b'{"\\ud800": "1"}',
    ],
)  # fmt: skip
def test_what_is_no_json_of_the_call_is_refused(ask: Ask, body: bytes) -> None:
    ask(BET, body).refused(400, "invalid_argument", "INVALID_FIELD", field="request")


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("playerId", 9007199254740993.0, "player_id"),  # a float: it has been rounded to another player
        ("playerId", "9007199254740993.0", "player_id"),
        ("playerId", "9007199254740993e0", "player_id"),
        ("playerId", 2**63, "player_id"),
        ("playerId", "1_000", "player_id"),
        ("playerId", "+1", "player_id"),
        ("playerId", True, "player_id"),
        ("player_id", 2, "player_id"),  # beside playerId
        ("currencyNetworkId", 2**31, "currency_network_id"),
        ("amountMinor", 10, "amount_minor"),
        ("roundClosed", "true", "round_closed"),
        ("metadata", {"a": 1}, "metadata"),
        ("metadata", ["a"], "metadata"),
        ("rounId", "1", "rounId"),
        ("x" * 1_000, "1", "x" * 64),
    ],
)
def test_a_field_that_is_wrong_in_json_is_named(ask: Ask, player: Player, field: str, value: object, told: str) -> None:
    request = bet(player, "1") | {field: value}
    ask(BET, request).refused(400, "invalid_argument", "INVALID_FIELD", field=told)
    within = {"operations": [{"bet": bet(player, "0")}, {"bet": request}]}
    ask(BATCH, within).refused(400, "invalid_argument", "INVALID_FIELD", field=f"operations[1].bet.{told}")


def test_a_name_that_is_given_twice_is_refused(ask: Ask) -> None:
    doubled = b'{"amountMinor": "1", "amountMinor": "2"}'
    ask(BET, doubled).refused(400, "invalid_argument", "INVALID_FIELD", field="amountMinor")
    ask(BET, {"winKind": "BIG"}).refused(400, "invalid_argument", "INVALID_FIELD", field="winKind")
    win = "/wallet.v1.WalletService/Win"
    ask(win, {"winKind": "BIG"}).refused(400, "invalid_argument", "INVALID_FIELD", field="win_kind")
    ask(win, {"winKind": 1.0}).refused(400, "invalid_argument", "INVALID_FIELD", field="win_kind")
    ask(win, {"playerId": None}).refused(400, "invalid_argument", "MISSING_FIELD", field="transaction_id")


def test_garbage_in_protobuf_is_refused_by_the_wallet(ask: Ask) -> None:
    answer = ask(BET, b"\xff\xff", content_type="application/proto")
    answer.refused(400, "invalid_argument", "INVALID_FIELD", field="request")


def test_there_are_no_other_paths_methods_and_types(ask: Ask, wallet: Wallet) -> None:
    ask("/wallet.v1.WalletService/Nothing", {}).refused(404, "unimplemented", None)
    ask("/", {}).refused(404, "unimplemented", None)
    backoffice = ask("/wallet.v1.BackofficeService/GetPlayer", {"playerId": 1}, key=wallet.keys["backoffice"])
    backoffice.refused(404, "unimplemented", None)
    answer = ask(BET, method="GET")
    answer.refused(405, "unimplemented", None)
    assert answer.headers["allow"] == "POST"
    answer = ask(BET, b"a=b", content_type="application/x-www-form-urlencoded")
    answer.refused(415, "unimplemented", None)
    assert answer.headers["accept-post"] == "application/json, application/proto"
    ask(BET, {}, content_encoding="gzip").refused(501, "unimplemented", None)
    ask(BET, {}, connect_protocol_version="2").refused(400, "invalid_argument", "INVALID_FIELD")
    assert ask(BALANCE, {"playerId": 1, "currencyNetworkId": 1}, content_type="application/json; charset=utf-8").good


def test_a_deadline_is_the_callers(ask: Ask, player: Player) -> None:
    asked = {"playerId": player.player_id, "currencyNetworkId": USDT_TRON}
    assert ask(BALANCE, asked, connect_timeout_ms="10000").good
    ask(BALANCE, asked, connect_timeout_ms="0").refused(504, "deadline_exceeded", "OUTCOME_UNKNOWN")
    ask(BALANCE, asked, connect_timeout_ms="soon").refused(400, "invalid_argument", "INVALID_FIELD")


def test_a_request_id_is_the_callers_or_a_new_one(ask: Ask, player: Player) -> None:
    asked = {"playerId": player.player_id, "currencyNetworkId": USDT_TRON}
    assert ask(BALANCE, asked, x_request_id="mine-1").headers["x-request-id"] == "mine-1"
    one, other = (ask(BALANCE, asked).headers["x-request-id"] for _ in range(2))
    assert one != other


def test_a_batch_and_its_refusals(ask: Ask, player: Player) -> None:
    outcomes = ask(BATCH, {"operations": [{"bet": bet(player, "60")}, {"bet": bet(player, "60")}]}).good["outcomes"]
    assert outcomes[0]["result"]["balanceAfterMinor"] == "40"
    (info,) = (detail for detail in outcomes[1]["error"]["details"] if "ErrorInfo" in detail["@type"])
    assert (info["reason"], info["metadata"]["balance_minor"]) == ("INSUFFICIENT_FUNDS", "40")


def test_long_requests_are_for_known_keys(ask: Ask, player: Player) -> None:
    operations = [{"bet": bet(player, "0", metadata={"note": "x" * 500})} for _ in range(500)]
    body = json.dumps({"operations": operations}).encode()
    assert len(body) > 4 * 64 * 1024
    ask(BATCH, body, key="sk_test_wrong").refused(401, "unauthenticated", "CALLER_UNKNOWN")
    outcomes = ask(BATCH, body).good["outcomes"]
    assert {outcome["result"]["status"] for outcome in outcomes} == {"OPERATION_STATUS_APPLIED"}
    too_long = b" " * (3 * 1024 * 1024)
    ask(BATCH, too_long).refused(429, "resource_exhausted", None)


def test_calls_at_once(ask: Ask, player: Player) -> None:
    answers: list[HttpAnswer] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(BET, bet(player, "2")))) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [answer for answer in answers if answer.status == 200]
    assert len(good) == 50
    for answer in answers:
        if answer.status != 200:
            answer.refused(400, "failed_precondition", "INSUFFICIENT_FUNDS")


def test_health_and_readiness(gateway: GatewayServer) -> None:
    assert gateway.ask("/healthz", method="GET").json == {"status": "ok"}
    assert gateway.ask("/readyz", method="GET").status == 200


def test_a_wallet_that_is_away(new_installation: Callable[[], object]) -> None:
    """Its calls may have arrived: they are to be sent again, and the gateway tells that it is not ready."""
    with WalletServer(new_installation()) as server, GatewayServer(server.target) as gateway:  # type: ignore[arg-type]
        wallet = server.wallet()
        player = wallet.player("100")
        key = wallet.keys["games"]
        request = bet(player)
        assert gateway.ask(BET, request, key=key).good["replayed"] is False
        server.kill()
        error = gateway.ask(BET, request, key=key).refused(503, "unavailable", "OUTCOME_UNKNOWN")
        assert error["retry"] == "SAME_REQUEST"
        assert gateway.ask("/readyz", method="GET").status == 503
        assert gateway.ask("/healthz", method="GET").status == 200
        server.start()
        wait_until(lambda: gateway.ask("/readyz", method="GET").status == 200, what="the gateway is ready")
        assert gateway.ask(BET, request, key=key).good["replayed"] is True
