"""What the benchmark reads of a server's metrics: of one process, and of several whose supervisor tells of them all."""

import pytest

from bench.servers.wallet_server import _by_worker

ALONE = """\
# TYPE wallet_batch_retries counter
wallet_batch_retries_total 3.0
# TYPE wallet_calls counter
wallet_calls_total{method="SubmitBet"} 9.0
"""
SUPERVISED = """\
# TYPE wallet_worker_process_up gauge
wallet_worker_process_up{worker_number="0"} 1.0
wallet_worker_process_up{worker_number="1"} 1.0
# TYPE wallet_batch_retries counter
wallet_batch_retries_total{worker_number="0"} 3.0
wallet_batch_retries_total{worker_number="1"} 4.0
wallet_calls_total{method="SubmitBet",worker_number="0"} 9.0
"""


@pytest.mark.parametrize(("text", "retries"), [(ALONE, [3.0]), (SUPERVISED, [3.0, 4.0])], ids=["alone", "supervised"])
def test_each_workers_counters_are_found(text: str, retries: list[float]) -> None:
    found = _by_worker(text, len(retries))
    assert [each["wallet_batch_retries_total"] for each in found] == retries
    assert all("wallet_calls_total" not in each for each in found)
