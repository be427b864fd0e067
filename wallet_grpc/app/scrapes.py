"""One address for the metrics and probes of several workers: that of their supervisor, which asks them.

Each worker has one end of a socket pair, and a thread that answers there. Who asks sends a socket to answer on along
with the question, so an answer that comes too late comes to nobody, and a worker that hangs holds up no scrape for
longer than a bound. What a worker shows is told apart from the others' by its number: counters begin anew with each
process, so they are not summed here.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus

import structlog
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from .probes import LIVENESS, READINESS, Probes

FILE_DESCRIPTOR = "WALLET_WORKER_SCRAPES"
"""Tells a worker where it is asked."""

_METRICS = "/metrics"
_NUMBER = "worker_number"
_PATH_BYTES_MAX = 64
_ANSWERED_WITHIN_S = 2.0
"""For all workers together."""
_PAUSE_S = 0.1
"""Before the next question, where one could not be answered: what fails at each of them must not take a processor."""
_READ_BYTES = 65_536
_ANSWER_BYTES_MAX = 16 * 1024 * 1024
_READY = str(HTTPStatus.OK.value).encode()

_log = structlog.get_logger(__name__)


def answer_supervisor(descriptor: int, registry: CollectorRegistry, probes: Probes) -> None:
    """Answer what the supervisor asks, by a thread that ends with the process."""
    line = socket.socket(fileno=descriptor)
    threading.Thread(target=_answer, args=(line, registry, probes), name="metrics and probes", daemon=True).start()


def _answer(line: socket.socket, registry: CollectorRegistry, probes: Probes) -> None:
    """Answer until the supervisor is gone: whatever fails, the next question may have its answer."""
    while True:
        try:
            path, descriptors, _, _ = socket.recv_fds(line, _PATH_BYTES_MAX, 1)
            if not path:
                return  # the supervisor is gone
            if descriptors:  # where this process has as many as it may, the question comes without
                _answer_one(socket.socket(fileno=descriptors[0]), path.decode(), registry, probes)
        except Exception:  # noqa: BLE001 - one answer that fails is no reason to give none any more
            _log.exception("scrape_failed", hint="the supervisor goes on asking")
            time.sleep(_PAUSE_S)


def _answer_one(asked: socket.socket, path: str, registry: CollectorRegistry, probes: Probes) -> None:
    with asked:
        status = probes.answer(path)
        answer = generate_latest(registry) if status is None else str(status.value).encode()
        with suppress(OSError):  # it may have given up
            asked.settimeout(_ANSWERED_WITHIN_S)
            asked.sendall(answer)


class WorkerLine:
    """The supervisor's end of what leads to a worker."""

    def __init__(self) -> None:
        self._asking, self.answering = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        """`answering` is for the worker to inherit."""
        self._asking.settimeout(0)  # a worker that hangs takes no questions

    def worker_has_it(self) -> None:
        """Close the worker's end here, so that it is the worker's alone."""
        self.answering.close()

    def ask(self, path: str) -> socket.socket | None:
        """Ask the worker; gives where the answer comes, which is to be closed, or None if it takes no questions."""
        comes, goes = socket.socketpair()
        with goes:
            try:
                socket.send_fds(self._asking, [path.encode()], [goes.fileno()])
            except OSError:
                comes.close()
                return None
        return comes

    def close(self) -> None:
        """Ask no more."""
        self._asking.close()


Lines = Callable[[], Mapping[int, WorkerLine]]
"""Gives what leads to each of the workers that there are now, by number."""


def _answers(lines: Mapping[int, WorkerLine], path: str) -> Iterator[tuple[int, bytes | None]]:
    """Ask all workers at once; gives the answers by number, None of those that do not give one in time."""
    ends_at = time.monotonic() + _ANSWERED_WITHIN_S
    asked = [(number, line.ask(path)) for number, line in lines.items()]
    for number, comes in asked:
        if comes is None:
            yield number, None
            continue
        with comes:
            yield number, _read(comes, ends_at)


def _read(comes: socket.socket, ends_at: float) -> bytes | None:
    """Read an answer to its end; None if that does not come in time."""
    read = bytearray()
    try:
        while len(read) <= _ANSWER_BYTES_MAX:
            comes.settimeout(max(0.001, ends_at - time.monotonic()))
            part = comes.recv(_READ_BYTES)
            if not part:
                return bytes(read) or None
            read += part
    except OSError:
        pass
    return None


class WorkerScrapes(Collector):
    """Shows what all workers show, each with its number."""

    def __init__(self, lines: Lines, registry: CollectorRegistry) -> None:
        self._lines = lines
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Ask the workers, and give what they show."""
        up = GaugeMetricFamily(
            "wallet_worker_process_up", "Whether a worker answers its supervisor in time", labels=[_NUMBER]
        )
        families: dict[str, Metric] = {}
        for number, text in _answers(self._lines(), _METRICS):
            up.add_metric([str(number)], float(text is not None))
            for family in text_string_to_metric_families((text or b"").decode()):
                shown = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                shown.samples += [
                    sample._replace(labels={**sample.labels, _NUMBER: str(number)}) for sample in family.samples
                ]
        yield up
        yield from families.values()


class WorkerProbes:
    """What the probes of a supervisor are told: it lives, and is ready as long as one of its workers is.

    A worker that hangs is replaced by the supervisor, so no probe has to end all of them for it.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def answer(self, path: str) -> HTTPStatus | None:
        """Answer a probe; None where the path is none."""
        if path == LIVENESS:
            return HTTPStatus.OK
        if path != READINESS:
            return None
        answers = dict(_answers(self._lines(), path))
        return HTTPStatus.OK if _READY in answers.values() else HTTPStatus.SERVICE_UNAVAILABLE
