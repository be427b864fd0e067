"""protos/wallet/v1/service_config.json is the retry policy of all: the Python client, the docs, the table of errors."""

import json
import re
from pathlib import Path
from typing import Any

import grpc
import pytest

from wallet.v1 import backoffice_pb2, credit_wallet_pb2, ledger_pb2, session_pb2, wallet_pb2
from wallet_client.policy import RETRY_POLICY
from wallet_grpc.domain.refusals import Reason, Refusal, Retry, retry_of
from wallet_grpc.rpc.status import status_of

ROOT = Path(__file__).parents[2]
CALLING = (ROOT / "docs" / "calling.md").read_text(encoding="utf-8")
SERVICE_CONFIG: dict[str, Any] = json.loads((ROOT / "protos/wallet/v1/service_config.json").read_text(encoding="utf-8"))
(CONFIG,) = SERVICE_CONFIG["methodConfig"]
SENT_AGAIN = set(CONFIG["retryPolicy"]["retryableStatusCodes"])

LEFT_TO_THE_CALLER = {Reason.OUTCOME_UNKNOWN, Reason.INTERNAL}
"""Safe to send again, but not by gRPC: the deadline, which is the call's, has passed; and a fault may last."""


def test_the_docs_print_it() -> None:
    (printed,) = re.findall(r"```json\n(\{\n  \"methodConfig\".*?\n\})\n```", CALLING, re.DOTALL)
    assert json.loads(printed) == SERVICE_CONFIG


def test_the_python_client_brings_it() -> None:
    assert RETRY_POLICY == SERVICE_CONFIG


def test_it_is_for_every_service() -> None:
    files = (wallet_pb2, session_pb2, credit_wallet_pb2, ledger_pb2, backoffice_pb2)
    services = {service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()}
    assert {name["service"] for name in CONFIG["name"]} == services


@pytest.mark.parametrize("reason", Reason)
def test_it_sends_again_what_the_table_of_errors_allows(reason: Reason) -> None:
    """What shares a status that is sent again is SAME_REQUEST, and the reverse, but for what is left out above."""
    number = status_of(Refusal(reason=reason, message="refused", metadata={"field": "f"}), "request").code
    is_sent_again = next(code.name for code in grpc.StatusCode if code.value[0] == number) in SENT_AGAIN
    assert is_sent_again == (retry_of(reason) is Retry.SAME_REQUEST and reason not in LEFT_TO_THE_CALLER)


def test_the_docs_show_it_for_each_language() -> None:
    section = CALLING[CALLING.index("### The retry policy, by language") :]
    for language in ("Go", "Java", "C#", "Python", "Node"):
        assert re.search(rf"^\*\*{re.escape(language)}", section, re.MULTILINE), language
