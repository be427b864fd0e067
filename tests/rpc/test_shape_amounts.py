"""Shape of amounts: `0|[1-9][0-9]{0,37}`, and zero only where the contract has a use for it."""

import pytest
from support.refusals import Refusal, check_refusal
from support.requests import Player, changed
from support.samples import prepared, sample
from support.wallet import Wallet

# Every amount of every mutation.
MAY_BE_ZERO = [
    ("bet", "amount_minor"),
    ("win", "amount_minor"),
    ("bet_and_win", "amount_minor"),
    ("bet_and_win", "win_amount_minor"),
    ("settle_withdrawal", "fee_minor"),
]
ABOVE_ZERO = [
    ("reserve_withdrawal", "amount_minor"),
    ("apply_deposit_settlement", "amount_minor"),
    ("adjust", "amount_minor"),
]
AMOUNTS = MAY_BE_ZERO + ABOVE_ZERO
NOT_AMOUNTS = {
    "empty": "",
    "negative": "-1",
    "minus zero": "-0",
    "plus": "+1",
    "leading zero": "01",
    "two zeroes": "00",
    "point": "1.0",
    "bare point": "1.",
    "comma": "1,000",
    "underscore": "1_000",
    "exponent": "1e3",
    "hexadecimal": "0x10",
    "space first": " 1",
    "space last": "1 ",
    "newline last": "1\n",
    "zero and newline": "0\n",
    "39 digits": "1" + "0" * 38,
    "5,000 digits": "1" * 5000,  # above what int() of Python takes by default
    "Arabic digits": "\u0661\u0662",
    "fullwidth digits": "\uff11\uff12",
    "superscript": "²",
    "NUL": "1\0",
    "word": "ten",
    "NaN": "NaN",
    "infinity": "Infinity",
    "quotes": '"1"',
}

MODE = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)


@MODE
@pytest.mark.parametrize(("call", "field"), AMOUNTS)
@pytest.mark.parametrize("value", NOT_AMOUNTS.values(), ids=NOT_AMOUNTS)
def test_not_an_amount(wallet: Wallet, player: Player, call: str, field: str, value: str) -> None:
    request = changed(sample(call, player), **{field: value})
    wallet.refused(request, "INVALID_AMOUNT", field=field)
    (outcome,) = wallet.default_caller(request).batch([request])
    check_refusal(outcome, "INVALID_AMOUNT", field=field)


@pytest.mark.parametrize(("call", "field"), MAY_BE_ZERO)
def test_zero_where_it_is_an_amount(wallet: Wallet, player: Player, call: str, field: str) -> None:
    wallet.applied(changed(prepared(wallet, call, player), **{field: "0"}))


@pytest.mark.parametrize(("call", "field"), ABOVE_ZERO)
def test_zero_where_it_is_none(wallet: Wallet, player: Player, call: str, field: str) -> None:
    wallet.refused(changed(sample(call, player), **{field: "0"}), "INVALID_AMOUNT", field=field)


@pytest.mark.parametrize(("call", "field"), AMOUNTS)
def test_38_digits(wallet: Wallet, player: Player, call: str, field: str) -> None:
    request = changed(sample(call, player), **{field: "9" * 38})
    outcome = wallet.attempt(request)
    if isinstance(outcome, Refusal):
        assert outcome.reason in {"INSUFFICIENT_FUNDS", "BET_NOT_FOUND", "WITHDRAWAL_NOT_FOUND"}, outcome
    else:
        expected = {"bet_and_win": 90 + 10**38 - 1}.get(call, 100 + 10**38 - 1)
        assert outcome.balance_after_minor == str(expected)


@pytest.mark.parametrize("times", [200])
def test_balances_grow_past_any_single_amount(wallet: Wallet, times: int) -> None:
    player = Player()
    largest = 10**38 - 1
    outcomes = wallet.payments.batch([player.deposit(str(largest)) for _ in range(times)])
    assert [outcome.balance_after_minor for outcome in outcomes] == [str(n * largest) for n in range(1, times + 1)]
    assert wallet.balance(player).total_minor == str(times * largest)
