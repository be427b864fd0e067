"""The retry policy that the docs print is the one that the client brings and the tests of restarts use."""

import json
import re
from pathlib import Path

from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2
from wallet_client.policy import RETRY_POLICY

CALLING = Path(__file__).parents[2] / "docs" / "calling.md"


def test_the_docs_print_it() -> None:
    (printed,) = re.findall(r"```json\n(\{.*?\n\})\n```", CALLING.read_text(encoding="utf-8"), re.DOTALL)
    assert json.loads(printed) == RETRY_POLICY


def test_it_is_for_every_service() -> None:
    (config,) = RETRY_POLICY["methodConfig"]
    files = (wallet_pb2, session_pb2, credit_wallet_pb2, ledger_pb2)
    services = {service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()}
    assert {name["service"] for name in config["name"]} == services
