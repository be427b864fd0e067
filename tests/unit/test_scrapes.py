"""What a supervised worker answers its supervisor: it goes on, whatever went wrong with one question."""

import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from wallet_grpc.app.probes import LIVENESS, Probes
from wallet_grpc.app.scrapes import answer_supervisor

METRICS = "/metrics"


class Breaking(Collector):
    """A metric that cannot be told at times."""

    breaks = False

    def collect(self) -> Iterator[Metric]:
        if self.breaks:
            raise RuntimeError("dictionary changed size during iteration")
        yield Metric("wallet_told", "That it is told", "gauge")


@pytest.fixture
def breaking() -> Breaking:
    return Breaking()


@pytest.fixture
def line(breaking: Breaking) -> Iterator[socket.socket]:
    """The supervisor's end of a line to a worker."""
    registry = CollectorRegistry()
    line, workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    registry.register(breaking)
    answer_supervisor(workers.detach(), registry, Probes(hung_after_ms=60_000))
    with line:
        yield line


def answered(line: socket.socket, path: str) -> bytes:
    comes, goes = socket.socketpair()
    with comes:
        with goes:
            socket.send_fds(line, [path.encode()], [goes.fileno()])
        comes.settimeout(20)
        return comes.recv(65_536)


def test_a_question_that_came_without_its_descriptor_is_no_end(line: socket.socket) -> None:
    """As Linux delivers it to a process that has as many as it may."""
    line.send(LIVENESS.encode())
    assert answered(line, LIVENESS) == b"200"


def test_metrics_that_could_not_be_told_once_are_told_again(line: socket.socket, breaking: Breaking) -> None:
    breaking.breaks = True
    assert answered(line, METRICS) == b""
    breaking.breaks = False
    assert b"wallet_told" in answered(line, METRICS)
