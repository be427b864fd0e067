"""`make imports`: what a package may load is a list, so that an import which nobody thought of is red as well."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("wallet_grpc", "wallet_api", "wallet_cli", "wallet_client", "wallet", "tools")
SERVICE, API = "pyproject.toml", "importlinter_api.ini"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the linter reads, to be spoilt."""
    folder = tmp_path_factory.mktemp("imports")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "*.sql")
        )
    for config in (SERVICE, API):
        shutil.copy(ROOT / config, folder)
    return folder


def lint(folder: Path, config: str) -> subprocess.CompletedProcess[str]:
    linter = [Path(sys.executable).with_name("lint-imports"), "--config", config, "--no-cache"]
    return subprocess.run(linter, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("config", [SERVICE, API])
def test_the_packages_as_they_are_keep_their_contracts(copy: Path, config: str) -> None:
    done = lint(copy, config)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("config", "importer", "imported"),
    [
        (API, "wallet_api/reader.py", "wallet_grpc.store.batch.columns"),
        (API, "wallet_api/reader.py", "wallet_client"),
        (API, "wallet_api/reader.py", "aio_pika"),
        (API, "wallet_grpc/settings.py", "wallet_grpc.tasks"),
        (API, "wallet_grpc/store/__init__.py", "wallet_grpc.store.connection.arrays"),
        (API, "wallet_grpc/app/server.py", "wallet_api.settings"),
        (API, "wallet_grpc/app/server.py", "wallet_cli.console"),
        (API, "wallet_api/app.py", "wallet_cli.console"),
        (SERVICE, "wallet_grpc/rpc/sessions/answers.py", "wallet_grpc.rpc.players.answers"),
        (SERVICE, "wallet_grpc/store/connection/arrays.py", "wallet_grpc.engine.turns"),
        (SERVICE, "wallet_grpc/messaging/letters.py", "wallet_grpc.rpc.status"),
        (SERVICE, "wallet_grpc/domain/amounts.py", "structlog"),
        (SERVICE, "wallet_client/errors.py", "wallet_grpc.domain.refusals"),
    ],
)
def test_an_import_that_no_contract_allows_is_red(copy: Path, config: str, importer: str, imported: str) -> None:
    file = copy / importer
    before = file.read_text()
    file.write_text(f"{before}\nimport {imported}\n")
    try:
        done = lint(copy, config)
    finally:
        file.write_text(before)
    assert done.returncode == 1
    assert imported in done.stdout
