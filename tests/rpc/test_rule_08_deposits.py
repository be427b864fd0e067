"""Rule 8: one namespace for the installation; an output of a hash is credited once."""

import secrets

import pytest
from support.database import Installation
from support.ledger import posted
from support.refusals import check_refusal
from support.requests import USDT_ETHEREUM, Player, changed
from support.wallet import Wallet

from wallet.v1 import wallet_pb2 as pb


def fresh_hash() -> str:
    return f"0x{secrets.token_hex(32)}"


def test_a_deposit_moves_house_to_main(wallet: Wallet, installation: Installation) -> None:
    player = wallet.player("0")
    deposit = player.deposit("50", tx_hash=fresh_hash(), output_index=3)
    answer = wallet.applied(deposit)
    assert answer.transaction_id == deposit.deposit_id
    assert (answer.balance_after_minor, answer.current_balance_minor) == ("50", "50")
    assert posted(installation, player) == {"MAIN": 50, "HOUSE": -50}


def test_whoever_calls(wallet: Wallet, player: Player) -> None:
    deposit = player.deposit("50", tx_hash=fresh_hash(), output_index=0)
    first = wallet.applied(deposit, by=wallet.payments)
    wallet.replayed(deposit, first, by=wallet.other_payments)
    wallet.replayed(deposit, first, by=wallet.operator)
    for field, other in (
        ("player_id", wallet.player().player_id),
        ("currency_network_id", USDT_ETHEREUM),
        ("amount_minor", "51"),
    ):
        different = changed(deposit, **{field: other})
        wallet.refused(different, "IDEMPOTENCY_KEY_REUSED", by=wallet.other_payments, field=field)
    assert wallet.main(player) == "150"


@pytest.mark.parametrize("whose", ["the same player", "another player"])
@pytest.mark.parametrize("index", [0, 1, 2**31 - 1])
def test_one_output_is_credited_once(wallet: Wallet, player: Player, whose: str, index: int) -> None:
    deposit = player.deposit("50", tx_hash=fresh_hash(), output_index=index)
    first = wallet.applied(deposit)
    other = player if whose == "the same player" else wallet.player()
    repeated = other.deposit("50", tx_hash=deposit.tx_hash, output_index=index)
    for caller in (wallet.payments, wallet.other_payments):
        wallet.refused(repeated, "IDEMPOTENCY_KEY_REUSED", by=caller, field="tx_hash")
    wallet.replayed(deposit, first)
    # The refusal left the deposit's id free: what was wrong was its output.
    wallet.applied(changed(repeated, tx_hash=fresh_hash()))


DIGITS = "aB3dEf0123456789" * 4


@pytest.mark.parametrize(
    "again",
    [f"0x{DIGITS}", f"0X{DIGITS}", DIGITS.upper(), DIGITS.lower(), f"0x{DIGITS.lower()}"],
    ids=["with 0x", "with 0X", "upper", "lower", "0x and lower"],
)
def test_case_63_the_case_of_a_hash_makes_no_other_output(
    wallet: Wallet, installation: Installation, player: Player, again: str
) -> None:
    index = secrets.randbelow(2**31)
    deposit = player.deposit("50", tx_hash=DIGITS, output_index=index)
    applied = wallet.applied(deposit)
    repeated = player.deposit("50", tx_hash=again, output_index=index)
    wallet.refused(repeated, "IDEMPOTENCY_KEY_REUSED", field="tx_hash")
    (outcome,) = wallet.payments.batch([repeated])
    check_refusal(outcome, "IDEMPOTENCY_KEY_REUSED", field="tx_hash")
    wallet.replayed(changed(deposit, tx_hash=again), applied)
    stored = wallet.payments.call(pb.GetTransactionRequest(tx_id=applied.tx_id))
    assert stored.tx_hash == DIGITS, "it stays as it was sent"
    assert posted(installation, player)["MAIN"] == 150


@pytest.mark.parametrize(
    "tx_hash",
    [DIGITS[1:], DIGITS + "0", "Qm" + DIGITS[2:], f"1x{DIGITS}", f" {DIGITS}", f"0x0x{DIGITS[2:]}"],
    ids=["63 digits", "65 digits", "base58", "another prefix", "a space", "two prefixes"],
)
def test_the_case_of_another_hash_counts(wallet: Wallet, player: Player, tx_hash: str) -> None:
    index = secrets.randbelow(2**31)
    for spelled in (tx_hash, tx_hash.swapcase()):
        wallet.applied(player.deposit("1", tx_hash=spelled, output_index=index))
    assert wallet.main(player) == "102"


@pytest.mark.parametrize("different", ["tx_hash", "output_index", "currency_network_id", "no index", "no hash"])
def test_other_outputs_are_credited(wallet: Wallet, player: Player, different: str) -> None:
    deposit = player.deposit("50", tx_hash=fresh_hash(), output_index=0)
    wallet.applied(deposit)
    again = changed(player.deposit("7"), tx_hash=deposit.tx_hash, output_index=0)
    again = {
        "tx_hash": lambda: changed(again, tx_hash=fresh_hash()),
        "output_index": lambda: changed(again, output_index=1),
        "currency_network_id": lambda: changed(again, currency_network_id=USDT_ETHEREUM),
        "no index": lambda: changed(again, output_index=None),
        "no hash": lambda: changed(again, tx_hash=""),
    }[different]()
    wallet.applied(again)


@pytest.mark.parametrize("missing", ["no index", "no hash"])
def test_what_is_not_all_given_is_not_unique(wallet: Wallet, player: Player, missing: str) -> None:
    given = {"tx_hash": fresh_hash()} if missing == "no index" else {"output_index": 0}
    wallet.applied(player.deposit("1", **given))
    wallet.applied(player.deposit("1", **given))
    assert wallet.main(player) == "102"


def test_a_replay_with_anothers_output_is_a_replay(wallet: Wallet, player: Player) -> None:
    one = player.deposit("5", tx_hash=fresh_hash(), output_index=0)
    two = player.deposit("6", tx_hash=fresh_hash(), output_index=0)
    wallet.applied(one)
    first = wallet.applied(two)
    wallet.replayed(changed(two, tx_hash=one.tx_hash), first)


@pytest.mark.parametrize("way", ["batch", "stream"])
@pytest.mark.parametrize("whose", ["the same player", "another player"])
def test_one_output_twice_in_a_batch(wallet: Wallet, player: Player, way: str, whose: str) -> None:
    other = player if whose == "the same player" else wallet.player()
    tx_hash = fresh_hash()
    first, second = (
        player.deposit("50", tx_hash=tx_hash, output_index=0),
        other.deposit("50", tx_hash=tx_hash, output_index=0),
    )
    outcomes = getattr(wallet.payments, way)([first, second, player.deposit("1")])
    refusals = [outcome for outcome in outcomes if not isinstance(outcome, pb.OperationResult)]
    assert len(refusals) == 1
    if other is player:  # one player's operations take effect in their order
        assert outcomes[1] is refusals[0]
    check_refusal(refusals[0], "IDEMPOTENCY_KEY_REUSED", field="tx_hash")


def test_a_deposits_id_and_a_bets_id_do_not_meet(wallet: Wallet, player: Player) -> None:
    bet = player.bet("10")
    wallet.applied(bet, by=wallet.operator)
    wallet.applied(player.deposit("5", deposit_id=bet.transaction_id), by=wallet.operator)
    # The caller's own source first, then deposits of any.
    ours = wallet.operator.call(pb.GetTransactionRequest(transaction_id=bet.transaction_id))
    theirs = wallet.payments.call(pb.GetTransactionRequest(transaction_id=bet.transaction_id))
    assert (ours.kind, theirs.kind) == (pb.TRANSACTION_KIND_BET, pb.TRANSACTION_KIND_DEPOSIT)
