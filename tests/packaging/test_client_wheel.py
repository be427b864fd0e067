"""The Python client is a wheel of its own: with the stubs, without the service, and it needs nothing else of it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

from support.copies import ROOT
from support.requests import USDT_TRON, Player
from support.wallet import Wallet

_UV = Path(sys.executable).parent / "uv"
_PLAYS = """
import json, sys
from wallet_client import BlockingWalletClient
target, key, player, network = sys.argv[1:]
with BlockingWalletClient(target, key=key) as wallet:
    whose = {"player_id": int(player), "currency_network_id": int(network)}
    bet = wallet.bet(**whose, amount_minor=10, game_code="g", round_id="1")
ours = sorted({name.split(".")[0] for name in sys.modules if name.startswith("wallet")})
print(json.dumps([bet.balance_after_minor, ours, sys.modules["wallet_client"].__file__]))
"""
_TIMEOUT_S = 60


def test_it_plays_from_a_folder_of_its_own(wallet: Wallet, player: Player, tmp_path: Path) -> None:
    clean = tmp_path / "source"
    for part in ("wallet", "wallet_client", "clients/python"):
        _copy(ROOT / part, clean / part)
    made = tmp_path / "made"
    subprocess.run(
        [_UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--offline", "--python", sys.executable,
         "--out-dir", made, clean / "clients" / "python"],
        check=True, timeout=_TIMEOUT_S,
    )  # fmt: skip
    (wheel,) = made.glob("wallet_client-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as held:
        assert {name.split("/")[0].split("-")[0] for name in held.namelist()} == {"wallet", "wallet_client"}
        assert {"wallet_client/py.typed", "wallet/v1/session_pb2.pyi"} <= set(held.namelist())
        held.extractall(installed)
    done = subprocess.run(
        [sys.executable, "-c", _PLAYS, wallet.target, wallet.keys["games"], str(player.player_id), str(USDT_TRON)],
        cwd=installed, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    balance, ours, file = json.loads(done.stdout)
    assert (balance, ours) == (90, ["wallet", "wallet_client"])
    assert Path(file).is_relative_to(installed)


def _copy(source: Path, target: Path) -> None:
    for file in source.rglob("*"):
        is_made = {"build", "__pycache__"} & set(file.relative_to(source).parts) or ".egg-info" in str(file)
        if file.is_file() and not is_made:
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
