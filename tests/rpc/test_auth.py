"""Keys, roles and environments: who may send what; health and reflection need no key."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from support.database import Installation
from support.refusals import check_refusal, refusal_of_call, refusal_of_status
from support.requests import Player, method_of
from support.samples import CALLS_OF_ROLE, prepared, sample
from support.server import SERVICE
from support.waiting import BUSY_S
from support.wallet import Caller, Wallet, expect_error

from wallet.v1 import wallet_pb2 as pb
from wallet.v1 import wallet_pb2_grpc

REVOKED_WITHIN_S = 5.0 + BUSY_S
ROLE_AND_CALL = [
    (role, call)
    for role, (other, calls) in itertools.product(CALLS_OF_ROLE, CALLS_OF_ROLE.items())
    if role != other
    for call in calls
]
ROLES_CALLER = {"game": "games"} | {role: role for role in CALLS_OF_ROLE if role != "game"}
MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


def reads(player: Player) -> list[Any]:
    return [player.balance(), pb.ListCurrencyNetworksRequest(), player.round(player.bet()), pb.GetTransactionRequest()]


@pytest.mark.parametrize(("role", "call"), ROLE_AND_CALL)
def test_a_role_that_may_not(wallet: Wallet, player: Player, role: str, call: str) -> None:
    caller = wallet.callers[ROLES_CALLER[role]]
    request = sample(call, player)
    wallet.refused(request, "CALL_NOT_ALLOWED", by=caller)
    for outcome in caller.batch([request]) + caller.stream([request]):
        check_refusal(outcome, "CALL_NOT_ALLOWED")


@pytest.mark.parametrize(("role", "call"), [(role, call) for role, calls in CALLS_OF_ROLE.items() for call in calls])
def test_a_role_that_may(wallet: Wallet, player: Player, role: str, call: str) -> None:
    request = prepared(wallet, call, player)
    wallet.applied(request, by=wallet.callers[ROLES_CALLER[role]])
    wallet.applied(prepared(wallet, call, player, by=wallet.operator), by=wallet.operator)


@MODE
@pytest.mark.parametrize("role", CALLS_OF_ROLE)
def test_all_roles_may_ask(wallet: Wallet, player: Player, role: str) -> None:
    """What they see is rights_to_read's."""
    caller = wallet.callers[ROLES_CALLER[role]]
    assert caller.call(pb.ListCurrencyNetworksRequest()).currency_networks
    check_refusal(caller.attempt(player.round(player.bet())), "ROUND_NOT_FOUND")
    check_refusal(caller.attempt(pb.GetTransactionRequest(transaction_id="unseen")), "TRANSACTION_NOT_FOUND")


@MODE
@pytest.mark.parametrize("role", CALLS_OF_ROLE)
def test_batches_and_streams_themselves_need_no_role(wallet: Wallet, role: str) -> None:
    caller = wallet.callers[ROLES_CALLER[role]]
    (outcome,) = caller.batch([pb.Operation()])
    check_refusal(outcome, "MISSING_FIELD", field="operation")
    assert caller.stream([]) == []


@MODE
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer sk_test_0123456789abcdef0123456789abcdef",
        "Bearer 0123456789abcdef0123456789abcdef",
        "Basic {key}",
        "{key}",
        "Bearer {key}x",
        "Bearer {key} {key}",
        "Bearer x{key}",
        "Bearer sk_test_",
        "Bearer sk_nowhere_abc",
        "Bearer sk_test_" + "x" * 4_000,
        "Bearer " * 500,
    ],
)
def test_no_key_that_is_known(wallet: Wallet, player: Player, authorization: str | None) -> None:
    nobody = wallet.caller(None)
    if authorization is not None:
        nobody.credentials = (("authorization", authorization.format(key=wallet.keys["games"])),)
    for request in [player.bet("1"), player.deposit("1"), player.adjust("1"), *reads(player)]:
        wallet.refused(request, "CALLER_UNKNOWN", by=nobody)
    expect_error(lambda: nobody.batch([player.bet("1")]), "CALLER_UNKNOWN")
    expect_error(lambda: nobody.stream([player.bet("1")]), "CALLER_UNKNOWN")
    assert wallet.main(player) == "100"


@MODE
@pytest.mark.parametrize("altered", ["first letters", "last letter", "case"])
def test_a_key_is_known_as_a_whole(wallet: Wallet, altered: str) -> None:
    key = wallet.keys["games"]
    assert key.startswith("sk_test_")
    other = {
        "first letters": key[:-4],
        "last letter": key[:-1] + ("a" if key[-1] != "a" else "b"),
        "case": key.swapcase(),
    }[altered]
    wallet.refused(Player().bet("1"), "CALLER_UNKNOWN", by=wallet.caller(other))


@MODE
def test_a_live_key_at_a_test_installation(wallet: Wallet, player: Player) -> None:
    live = wallet.caller(wallet.keys["games"].replace("sk_test_", "sk_live_"))
    for request in (player.bet("1"), player.balance()):
        wallet.refused(request, "ENVIRONMENT_MISMATCH", by=live)
    expect_error(lambda: live.batch([player.bet("1")]), "ENVIRONMENT_MISMATCH")


@MODE
def test_a_revoked_key_stops_working(wallet: Wallet, installation: Installation, player: Player) -> None:
    key_id, key = installation.create_key("revoked-source", ["game"])
    caller = wallet.caller(key)
    bet = player.bet("1")
    first = wallet.applied(bet, by=caller)

    installation.command("keys", "revoke", key_id)
    deadline = time.monotonic() + REVOKED_WITHIN_S
    while not hasattr(outcome := caller.attempt(player.balance()), "reason"):
        assert time.monotonic() < deadline, "a revoked key still reads"
        time.sleep(0.05)
    check_refusal(outcome, "CALLER_UNKNOWN")
    wallet.refused(bet, "CALLER_UNKNOWN", by=caller)  # a replay is a call as well

    # A new key of the same source finds its transactions.
    _, again = installation.create_key("revoked-source", ["game"])
    wallet.replayed(bet, first, by=wallet.caller(again))


@MODE
def test_a_revoked_key_stops_in_an_open_stream(wallet: Wallet, installation: Installation, player: Player) -> None:
    key_id, key = installation.create_key("streaming-source", ["game"])
    caller = wallet.caller(key)
    is_over = threading.Event()

    def operations() -> Iterator[pb.Operation]:
        while not is_over.wait(0.1):
            yield pb.Operation(bet=player.bet("0"))

    outcomes = caller.stub.Execute(operations(), metadata=caller.credentials, timeout=30)
    try:
        assert next(outcomes).HasField("result")
        installation.command("keys", "revoke", key_id)
        deadline = time.monotonic() + REVOKED_WITHIN_S
        reason = ""
        while not reason:
            outcome = next(outcomes)  # those of the time of the command come first
            reason = refusal_of_status(outcome.error).reason if outcome.HasField("error") else ""
            assert reason or time.monotonic() < deadline, "a revoked key still bets"
    except grpc.RpcError as error:
        reason = refusal_of_call(error).reason
    finally:
        is_over.set()
        outcomes.cancel()
    assert reason == "CALLER_UNKNOWN"


@MODE
def test_no_field_names_another_source(wallet: Wallet, player: Player) -> None:
    bet = player.bet("1", metadata={"source": "other-games"})
    applied = wallet.applied(bet)
    credentials = (*wallet.games.credentials, ("source", "other-games"), ("x-source", "other-games"))
    spoofing = Caller(wallet.channel(), None)
    spoofing.credentials = credentials
    wallet.replayed(bet, applied, by=spoofing)
    assert wallet.games.call(pb.GetTransactionRequest(tx_id=applied.tx_id)).source == "games"


@MODE
@pytest.mark.parametrize("service", ["", SERVICE])
def test_health_needs_no_key(shared: Any, service: str) -> None:
    with shared.server.channel() as channel:
        assert shared.server.health(channel, service) == "SERVING"
        assert shared.server.health(channel, "wallet.v1.NoService") == "NOT_FOUND"


@MODE
def test_reflection_needs_no_key(wallet: Wallet) -> None:
    reflection = ProtoReflectionDescriptorDatabase(wallet.channel())
    services = set(reflection.get_services())
    assert {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} <= services
    described = reflection.FindFileContainingSymbol(SERVICE)
    (service,) = [service for service in described.service if service.name == "WalletService"]
    ours = pb.DESCRIPTOR.services_by_name["WalletService"].methods_by_name
    assert {method.name for method in service.method} == set(ours)
    assert {method_of(request) for request in reads(Player())} <= set(ours)
    assert all(hasattr(wallet_pb2_grpc.WalletServiceServicer, name) for name in ours)
