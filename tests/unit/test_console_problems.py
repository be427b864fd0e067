"""What the console says where the wallet gave no result: never that nothing was changed where nobody knows."""

import grpc
import pytest

from wallet_client import WalletError
from wallet_console.problems import page_error
from wallet_grpc.domain.refusals import Reason

KNOWN_TO_NOBODY = {"OUTCOME_UNKNOWN", "INTERNAL"}
"""Of the wallet's reasons: docs/calling.md, Errors."""
NEVER_DONE = {"OK", "UNIMPLEMENTED"}
"""Of gRPC's own, where the wallet says nothing: those that a server or a proxy says before anything is done."""
REFUSED_BY_CODE = {
    "ALREADY_EXISTS",
    "FAILED_PRECONDITION",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
}


def error(reason: str) -> WalletError:
    return WalletError(reason=reason, message=f"{reason}: why", metadata={}, retryable=False)


@pytest.mark.parametrize("reason", [reason.name for reason in Reason])
def test_after_a_change_it_says_what_the_wallets_reason_means(reason: str) -> None:
    told = page_error(error(reason), is_change=True)
    assert told.may_be_done is (reason in KNOWN_TO_NOBODY)
    assert ("Nothing was changed" in told.advice) is not told.may_be_done or reason.endswith("NOT_FOUND")


@pytest.mark.parametrize("code", [code.name for code in grpc.StatusCode])
def test_without_a_word_of_the_wallet_a_change_may_have_been_made(code: str) -> None:
    told = page_error(error(code), is_change=True)
    assert told.may_be_done is (code not in NEVER_DONE | REFUSED_BY_CODE)


@pytest.mark.parametrize("reason", [*[reason.name for reason in Reason], *[code.name for code in grpc.StatusCode]])
def test_of_a_page_that_only_reads_it_says_nothing_of_changes(reason: str) -> None:
    told = page_error(error(reason), is_change=False)
    assert not told.may_be_done
    assert "changed" not in told.advice
