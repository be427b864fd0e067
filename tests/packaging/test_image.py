"""The image: what the Dockerfile copies is let through to it, and what its steps make migrates, serves and stops.

Where a Docker engine answers, it builds the image; elsewhere the steps are done in a folder (`support/image.py`), by
root. Either takes a minute, most of it pip's, so the image is made in CI, and where WALLET_TEST_IMAGE says so.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator

import pytest
from support.copies import ROOT
from support.database import Cluster, Installation, create_empty_installation, drop_database, let_service_log_in
from support.image import Image, build, steps
from support.waiting import wait_until

from devstack.servers.ports import free_port

IS_MADE = bool(os.environ.get("CI") or os.environ.get("WALLET_TEST_IMAGE"))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if not IS_MADE:
        pytest.skip("the image takes a minute: WALLET_TEST_IMAGE=1")
    with build(tmp_path_factory.mktemp("image")) as made:
        yield made


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Installation]:
    made = create_empty_installation(cluster)
    yield made
    drop_database(made)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_it_holds_what_is_locked_and_the_wallet(image: Image) -> None:
    held = image.execute(["pip", "list", "--format=freeze"], {}).stdout.split()
    locked = (ROOT / "requirements" / "run.txt").read_text().split()
    names = {canonical(line) for line in locked if re.match(r"\w[\w.\[\]-]*==", line)}
    of_python = {"pip", "setuptools", "wheel"}
    assert {canonical(line) for line in held} - of_python <= names | {"wallet"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"wallet=={project['version']}" in held
    needed = {canonical(re.split(r"[>=\[ ]", it)[0] + "==") for it in project["dependencies"]}
    assert needed <= {canonical(line) for line in held}


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_nobody_can_write_to_it_and_it_is_not_root(image: Image) -> None:
    assert image.execute(["id", "-u"], {}).stdout.strip() == "10001"
    assert image.execute(["touch", "/usr/local/x"], {}).returncode != 0
    assert image.execute(["touch", "/tmp/x"], {}).returncode == 0  # noqa: S108 - the container's own


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_it_migrates_serves_is_healthy_and_stops(image: Image, empty: Installation) -> None:
    """With the entry point, the command, the health check and the signal that it names."""
    database = {
        "WALLET_ADMIN_DATABASE_URL": empty.admin_dsn,
        "WALLET_DATABASE_URL": empty.service_dsn,
        "WALLET_GRPC_ADDRESS": f"0.0.0.0:{free_port()}",
        "WALLET_LAME_DUCK_MS": "1",
    }
    migration = image.run(["migrate"], database)
    told, wrong = migration.communicate(timeout=120)
    assert migration.returncode == 0, wrong
    assert "applied" in told
    let_service_log_in(empty.cluster)
    server = image.run([], database)
    try:
        healthy: Callable[[], bool] = lambda: image.execute(image.health, database).returncode == 0  # noqa: E731
        wait_until(lambda: server.poll() is not None or healthy(), what="the image is healthy")
        assert server.poll() is None, server.communicate()[1]
    finally:
        server.send_signal(image.stop_signal)
        _, log = server.communicate(timeout=120)
    assert server.returncode == 0, log
    assert '"stopped"' in log


def test_what_is_copied_is_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert copied() == let_through
    assert not [name for name in let_through if not (ROOT / name).exists()]


def test_every_package_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip(".*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert {"pyproject.toml", "migrations", *packages} <= copied()


def copied() -> set[str]:
    """Give what the Dockerfile takes out of the checkout."""
    copies = [step for step in steps((ROOT / "Dockerfile").read_text()) if step.instruction == "COPY"]
    return {name for step in copies if step.text is None for name in step.words[:-1]}


def canonical(requirement: str) -> str:
    """Give the name alone, as the index has it."""
    name = re.split(r"==|\[", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
