"""The wheel is whole: in an empty environment, on an empty database, it migrates, serves and takes a bet.

It is built as `uv build` builds it in a fresh clone: a source distribution first, and the wheel out of that. Its
environment holds the distributions of requirements/run.txt, linked one by one to those of this environment, and
nothing else: neither the checkout nor what the checkout's own environment has beside them.
"""

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.database import ROOT, Cluster, Installation, create_empty_installation, drop_database, let_service_log_in
from support.migrations import names_of_migrations
from support.requests import USDT_TRON
from support.server import WalletServer

_UV = Path(sys.executable).parent / "uv"
_LEFT_BEHIND = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "node_modules", "out")
_SHIPPED = {
    "wallet",
    "wallet_api",
    "wallet_certify",
    "wallet_cli",
    "wallet_client",
    "wallet_console",
    "wallet_gateway",
    "wallet_grpc",
}
_WHERE = (
    "import json, sys, wallet_cli, wallet_grpc;"
    "print(json.dumps([wallet_cli.__file__, wallet_grpc.__file__, *sys.path]))"
)
_COMMAND_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A virtual environment that has the wheel."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def wallet(self) -> str:
        """The command that the wheel brings."""
        return str(self.folder / "bin" / "wallet")


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelInstallation(Installation):
    """A database whose commands are the wheel's."""

    program: tuple[str, ...] = field(default=())

    def settings(self) -> dict[str, str]:
        inherited = Installation.settings(self)
        return {name: value for name, value in inherited.items() if not name.startswith("PYTHON")}

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.program, *arguments],
            cwd="/",
            env=self.settings() | settings,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )


class WheelServer(WalletServer):
    """`wallet serve` of the wheel."""

    folder = Path("/")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone, made = tmp_path_factory.mktemp("clone") / "wallet", tmp_path_factory.mktemp("made")
    shutil.copytree(ROOT, clone, symlinks=True, ignore=_LEFT_BEHIND)
    uv(["build", "--python", sys.executable, "--no-build-isolation", "--out-dir", str(made)], cwd=clone)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    made = Environment(folder=tmp_path_factory.mktemp("environment") / "venv")
    uv(["venv", "--python", sys.executable, str(made.folder)])
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(made.folder)}))
    for line in (ROOT / "requirements" / "run.txt").read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            link(Requirement(line.removesuffix("\\").strip()), packages)
    uv(["pip", "install", "--python", made.python, "--no-deps", str(wheel)])
    return made


@pytest.fixture
def installation(cluster: Cluster, environment: Environment) -> Iterator[WheelInstallation]:
    """An empty database of the wheel's."""
    empty = create_empty_installation(cluster)
    yield WheelInstallation(cluster=cluster, database=empty.database, program=(environment.wallet,))
    drop_database(empty)


def test_it_holds_the_product_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as held:
        names = held.namelist()
        tops = {name.partition("/")[0] for name in names}
        assert {top for top in tops if not top.endswith(".dist-info")} == _SHIPPED
        shipped = {name: held.read(name) for name in names if name.startswith("wallet_grpc/migrations/")}
    folder = ROOT / "migrations"
    released = {f"wallet_grpc/migrations/{file.relative_to(folder)}": file for file in folder.glob("*/*.sql")}
    assert shipped == {name: file.read_bytes() for name, file in released.items()}


def test_its_environment_has_what_it_requires_and_no_checkout(environment: Environment) -> None:
    uv(["pip", "check", "--python", environment.python])
    told = subprocess.run([environment.python, "-c", _WHERE], cwd="/", check=True, capture_output=True, text=True)
    cli, grpc, *path = json.loads(told.stdout)
    assert Path(cli).is_relative_to(environment.folder), cli
    assert Path(grpc).is_relative_to(environment.folder), grpc
    assert not [entry for entry in path if Path(entry or "/").is_relative_to(ROOT)], path


def test_an_empty_database_is_migrated_and_served(installation: WheelInstallation) -> None:
    behind = installation.run("serve", WALLET_DATABASE_URL=installation.admin_dsn)
    assert "migrations are behind" in behind.stderr
    assert installation.command("migrate").splitlines() == [f"applied {name}" for name in names_of_migrations()]
    let_service_log_in(installation.cluster)
    installation.command("currencies", "add", "USDT", "TRON", "--decimals", "6", "--id", str(USDT_TRON))
    for role, source in (("game", "games"), ("payments", "payments")):
        _, installation.keys[source] = installation.create_key(source, (role,))
    server = WheelServer(installation)
    server.program = installation.program
    with server:
        wallet = server.wallet()
        player = wallet.player("100")
        assert wallet.applied(player.bet("30")).balance_after_minor == "70"
        assert server.stop() == 0, server.log
    assert "the ledger is whole" in installation.command("verify")


def test_a_wheel_without_its_migrations_says_so(installation: WheelInstallation, environment: Environment) -> None:
    """An empty list of migrations would pass for a database that lacks nothing, an empty one too."""
    (folder,) = environment.folder.glob("lib/python*/site-packages/wallet_grpc/migrations")
    away = folder.with_name("taken_away")
    folder.rename(away)
    try:
        for command in ("migrate", "serve"):
            told = installation.run(command, WALLET_DATABASE_URL=installation.admin_dsn)
            assert told.returncode != 0
            assert "there are no migrations in" in told.stderr
    finally:
        away.rename(folder)


def test_the_command_and_the_module_are_one(environment: Environment) -> None:
    for command in ([environment.wallet], [environment.python, "-m", "wallet_cli"]):
        told = subprocess.run([*command, "--version"], cwd="/", check=True, capture_output=True, text=True)
        assert told.stdout.startswith(f"wallet {distribution('wallet').version} (commit unknown, schema shared/")


def uv(arguments: list[str], *, cwd: Path = ROOT) -> None:
    """Run the environment's own uv. What it needs is here, so it asks no registry."""
    done = subprocess.run(
        [_UV, "--offline", "--no-progress", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"uv {arguments[0]}:\n{done.stdout}\n{done.stderr}"


def link(locked: Requirement, packages: Path) -> None:
    """Put a locked distribution of this environment into another one's packages."""
    if locked.marker is not None and not locked.marker.evaluate():
        return
    found = distribution(locked.name)
    assert locked.specifier.contains(found.version), f"{locked.name} is {found.version} here, not {locked.specifier}"
    assert found.files is not None
    for top in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
        here, there = Path(str(found.locate_file(top))), packages / top
        if top.endswith(".dist-info"):
            shutil.copytree(here, there)  # uv does not follow a link to what it takes for its own record
        elif not there.exists():
            there.symlink_to(here)
