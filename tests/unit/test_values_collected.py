"""The garbage collector looks at no value of an operation: they are trees, and a batch holds thousands of them."""

import importlib
import pkgutil
from itertools import chain

import pytest
from msgspec import Struct

import wallet_grpc.domain
from wallet_grpc.engine.tickets import Job

_OF_A_BATCH = {
    "Book",
    "CreditBook",
    "CreditNeeds",
    "Inbox",
    "LedgerBook",
    "LedgerNeeds",
    "Moment",
    "Needs",
    "PlayerBook",
    "PlayerNeeds",
    "SessionBook",
    "SessionNeeds",
    "SharedNeeds",
}
"""What a batch has one of; these hold collections, and cost the collector nothing."""


def _values() -> list[type[Struct]]:
    names = [found.name for found in pkgutil.walk_packages(wallet_grpc.domain.__path__, "wallet_grpc.domain.")]
    classes = chain.from_iterable(vars(importlib.import_module(name)).values() for name in names)
    found = {it for it in classes if isinstance(it, type) and issubclass(it, Struct) and it is not Struct}
    return sorted((it for it in found if it.__name__ not in _OF_A_BATCH), key=lambda it: it.__name__)


@pytest.mark.parametrize("value", [*_values(), Job], ids=lambda value: value.__name__)
def test_the_collector_does_not_look_at_a_value(value: type[Struct]) -> None:
    assert not value.__struct_config__.gc
