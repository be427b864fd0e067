"""The SDK for Node as its callers have it: built once, run as a process with the addresses and keys of a wallet."""

import os
import shutil
import subprocess

import pytest

from support.database import ROOT
from support.server import WalletServer

SDK = ROOT / "clients" / "typescript"
BUILT = SDK / "build"
_BUILT_WITHIN_S = 280


def build() -> None:
    """Compile the SDK, its tests and its examples, unless they are; `make check` has done it before."""
    if shutil.which("npm") is None:
        pytest.skip("the SDK for Node is built by npm, which is not here: install nodejs and npm")
    subprocess.run(["make", "-s", "clients/typescript/build/.stamp"], cwd=ROOT, check=True, timeout=_BUILT_WITHIN_S)


def run(server: WalletServer, *arguments: str, timeout_s: float = 60, **variables: str) -> str:
    """Run Node in the SDK's folder to its good end, and return what it wrote."""
    keys = server.installation.keys
    environment = os.environ | {
        "WALLET_URL": f"http://{server.target}",
        "WALLET_SECRET_KEY": keys["games"],
        "IAMGAME_WALLET_SECRET_KEY": keys["games"],  # as the studios' page names it
        "WALLET_OTHER_KEY": keys["other-games"],
        "WALLET_PAYMENTS_KEY": keys["payments"],
    }
    done = subprocess.run(
        ["node", *arguments],
        cwd=SDK,
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"node {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
