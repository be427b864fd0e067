"""JSON as the gateway reads it: what a stranger sends is looked through in a time that grows with its length alone."""

import json
import time

import pytest

from wallet_gateway.json_requests import read_object
from wallet_gateway.refusals import RefusedError

_NAMES = 200_000


@pytest.mark.timeout(60)
def test_a_double_among_many_names_is_found_in_one_walk() -> None:
    names = ", ".join(f'"{number}": 0' for number in range(_NAMES))
    body = f'{{{names}, "{_NAMES - 1}": 0}}'.encode()
    began = time.process_time()
    with pytest.raises(RefusedError, match=f"{_NAMES - 1} is given twice"):
        read_object(body)
    assert time.process_time() - began < 10  # seconds; where each name is compared with each, it is an hour


def test_names_may_come_again_in_other_objects() -> None:
    given = {"a": {"a": [{"a": 1}, {"a": 2}]}}
    assert read_object(json.dumps(given).encode()) == given
