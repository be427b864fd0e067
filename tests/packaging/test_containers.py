"""The containers that the chart describes do what is asked of them.

Each command is run here with its own arguments, variables and secret files, its ports on this machine instead of a
pod, and asked what the kubelet and Prometheus would ask.
"""

import json
import os
import urllib.request
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from support.console import LINK_SECRET, SESSION_SECRET
from support.database import Installation
from support.process import WalletProcess
from support.resources import (
    ALL,
    SECRETS,
    Resource,
    arguments,
    asked,
    component,
    environment,
    of_kind,
    pod_of,
    ports,
)
from support.waiting import wait_until

from devstack.servers.ports import free_port
from tools import manifests

pytestmark = pytest.mark.usefixtures("helm")

New = Callable[..., Installation]


def test_the_containers_do_what_they_are_asked(new_installation: New, tmp_path: Path) -> None:
    """Each with its own arguments, variables and secret files, its ports on this machine instead of a pod."""
    everything = manifests.render(*ALL)
    installation = new_installation()
    _, key = installation.create_key("console", ["backoffice"], "--speaks-for-logins")
    secrets = {
        "wallet-database/url": installation.service_dsn,
        "wallet-admin-database/url": installation.admin_dsn,
        "wallet-api-database/url": installation.api_dsn,
        "wallet-broker/url": f"amqp://guest:guest@127.0.0.1:{free_port()}/",  # away: both start all the same
        "wallet-cookies/keys.json": json.dumps({"keys": [{"kty": "oct", "alg": "HS256", "kid": "1", "k": "a" * 43}]}),
        "wallet-console/key": key,
        "wallet-console/auditor-key": installation.keys["auditor"],
        "wallet-console/session-secret": SESSION_SECRET,
        "wallet-console/oidc-client-secret": "secret",
    }
    for path, value in secrets.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(value)
    here = {port: free_port() for it in of_kind(everything, "Deployment") for port in ports(it).values()}
    processes = [Contained(workload, tmp_path, here) for workload in of_kind(everything, "Deployment")]
    (migration,) = of_kind(everything, "Job")
    migrate = WalletProcess(*arguments(migration), environment=given_here(migration, tmp_path, here))
    migrate.start()
    assert migrate.wait() == 0, migrate.log
    try:
        for contained in processes:
            contained.launch()
        for contained in processes:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                contained.is_well(probe)
        for monitored in (it for it in processes if it.name != "console"):
            assert monitored.scrape().startswith("# HELP")
        assert {process.stop() for process in processes} == {0}
    finally:
        for process in processes:
            process.end()


class Contained(WalletProcess):
    """A container's process, outside of a container."""

    def __init__(self, workload: Resource, secrets: Path, here: dict[int, int]) -> None:
        self.name = component(workload)
        # Several processes have port 9464 in pods of their own.
        self._here = dict(here) | {port: free_port() for port in ports(workload).values() if port == METRICS}
        (self._container,) = pod_of(workload)["containers"]
        super().__init__(*arguments(workload), environment=given_here(workload, secrets, self._here))
        self._metrics = self._here[METRICS if METRICS in ports(workload).values() else ports(workload)["http"]]

    def is_well(self, probe: str) -> None:
        kind, port, what = asked(self._container[probe])
        look = partial(health if kind == "grpc" else status, self._here[port], what)
        wait_until(lambda: not self.runs or look(), what=f"{self.name}: {probe}\n{self.log}")
        assert self.runs, self.log

    def scrape(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._metrics}/metrics", timeout=10) as page:
            return str(page.read().decode())


METRICS = 9464


def health(port: int, service: str) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=2)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def status(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (HTTPError, HTTPException, OSError):
        return False


def given_here(workload: Resource, secrets: Path, here: dict[int, int]) -> dict[str, str]:
    """Give a container's environment with this machine's folders and ports in place of a pod's."""

    def fit(value: str) -> str:
        host, _, port = value.rpartition(":")
        if host in {"0.0.0.0", "wallet"}:  # noqa: S104 - as it stands in the manifest
            return f"127.0.0.1:{here[int(port)]}"
        return value.replace(SECRETS, str(secrets))

    of_container = {name: fit(value) for name, value in environment(workload).items()}
    of_test = {"WALLET_CONSOLE_LINK_SECRET": LINK_SECRET} if component(workload) == "console" else {}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WALLET_", "PG"))}
    return inherited | of_container | of_test
