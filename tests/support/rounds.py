"""How often a test repeats what is random in it: `make soak` in full, everybody else less often, to be done sooner."""

import os

_IN_FULL = os.environ.get("WALLET_TEST_ROUNDS") == "all"


def rounds(some: int, *, of: int) -> int:
    """Give how many of its rounds a test has here; all are `of` them."""
    return of if _IN_FULL else some
