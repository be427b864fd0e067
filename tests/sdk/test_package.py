"""The tarball of the SDK for Node: what is in it, and a studio's first hour with it, as docs/studios.md tells."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from support import node
from support.database import ROOT
from support.requests import USDC_SOLANA, Player
from support.server import WalletServer

pytestmark = pytest.mark.usefixtures("sdk_for_node")

GUIDE = (ROOT / "docs" / "studios.md").read_text()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, sdk_for_node: None) -> Path:
    """A studio's project, into which the tarball was installed."""
    del sdk_for_node
    folder = tmp_path_factory.mktemp("studio")
    subprocess.run(["make", "-s", "sdk-typescript"], cwd=ROOT, check=True, timeout=240)
    (folder / "package.json").write_text('{"name": "studio", "private": true, "type": "module"}')
    tarball = ROOT / "dist" / "wallet-sdk-server-0.1.0.tgz"
    install = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", str(tarball)]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


def test_the_guide_leads_to_a_settled_session(project: Path, studio_server: WalletServer) -> None:
    program, written, *_ = re.findall(r"^```(?:js|text)\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    player = studio_server.wallet().fund(Player(currency_network_id=USDC_SOLANA), "100000000")
    assert "userId: 42" in program
    (project / "first.js").write_text(program.replace("userId: 42", f"userId: {player.player_id}n"))
    assert node.run(studio_server, str(project / "first.js")) == written


def test_it_is_required_as_well(project: Path, studio_server: WalletServer) -> None:
    (project / "old.cjs").write_text(
        'const { WalletServer, WalletError } = require("@wallet/sdk-server");'
        "console.log(WalletServer.name, WalletError.name);"
    )
    assert node.run(studio_server, str(project / "old.cjs")).split() == ["WalletServer", "WalletError"]


def test_a_browser_gets_an_error(project: Path, studio_server: WalletServer) -> None:
    (project / "page.js").write_text(
        'import("@wallet/sdk-server").then(() => console.log("loaded"), (error) => console.log(error.message));'
    )
    said = node.run(studio_server, "--conditions=browser", str(project / "page.js"))
    assert said.strip() == "@wallet/sdk-server runs on backends only: the secret key must never reach a browser."


def test_no_type_is_any(project: Path) -> None:
    types = project / "node_modules" / "@wallet" / "sdk-server" / "dist" / "esm"
    told = [file for file in types.glob("*.d.ts") if re.search(r"\bany\b", _without_comments(file.read_text()))]
    assert (types / "index.d.ts").exists()
    assert told == []


def test_only_what_runs_is_in_it(project: Path) -> None:
    inside = project / "node_modules" / "@wallet" / "sdk-server"
    assert sorted(path.name for path in inside.iterdir()) == ["README.md", "dist", "package.json"]


def test_the_lock_names_no_registry() -> None:
    lock = (node.SDK / "package-lock.json").read_text()
    assert "://" not in re.sub(r'"(?:url|funding)": (?:"[^"]*"|\{[^}]*\})', "", lock)
    assert all("integrity" in package for name, package in json.loads(lock)["packages"].items() if name)


def _without_comments(code: str) -> str:
    return re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
