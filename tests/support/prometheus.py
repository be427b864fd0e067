"""Debian's Prometheus: its programs, and a server that scrapes for the length of a test."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from devstack.servers.ports import free_port
from support.waiting import wait_until

_ENDED_WITHIN_S = 20.0


class Programs(NamedTuple):
    """Where they are."""

    prometheus: Path
    promtool: Path


def prometheus_programs() -> Programs:
    """Find them; without them the test is skipped. `.ci/run` installs Debian's package."""
    found = [shutil.which(name) for name in Programs._fields]
    if None in found:
        pytest.skip("there is no Prometheus: apt-get install prometheus")
    return Programs(*(Path(str(path)) for path in found))


class Prometheus:
    """A server that scrapes addresses every second, and evaluates what it is asked."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives now: of an alert's, for what it is true."""
        with urlopen(f"http://{self._address}/api/v1/query?query={quote(expression)}", timeout=30) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        result: list[dict[str, Any]] = told["data"]["result"]
        return result

    def answers(self) -> bool:
        try:
            with urlopen(f"http://{self._address}/-/ready", timeout=5):
                return True
        except (URLError, OSError):
            return False


@contextmanager
def scraping(jobs: Mapping[str, str]) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes each job's address; its data goes with it."""
    programs = prometheus_programs()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prometheus.yml"
        scrapes = [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in jobs.items()]
        file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": scrapes}))
        address = f"127.0.0.1:{free_port()}"
        process = subprocess.Popen(
            [
                programs.prometheus,
                f"--config.file={file}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={address}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]},
        )
        try:
            server = Prometheus(address)
            wait_until(server.answers, what="Prometheus answers", timeout_s=60)
            yield server
        finally:
            process.terminate()
            process.wait(_ENDED_WITHIN_S)
