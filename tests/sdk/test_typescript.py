"""The SDK for Node on a real wallet: its own tests, by Node's runner, and its examples, as they are printed."""

import json
import os
import re
from pathlib import Path

import pytest
from support import node
from support.ledger import verify
from support.requests import USDC_SOLANA, Player
from support.server import WalletServer

from wallet_grpc.domain.refusals import Reason, retry_of

pytestmark = pytest.mark.usefixtures("sdk_for_node")

TESTS = sorted(file.stem for file in (node.SDK / "test").glob("*.test.ts"))
EXAMPLES = {
    "session": "locked 50000000, paid out 50800000",
    "errors": "refused: INSUFFICIENT_FUNDS, there is 1000000",
    "batch": "settled: 1800000\nsettled: 600000\nsettled: 600000",
    "stream": "200 applied, net -5000",
    "players": "won 1900",
}
"""What each writes, with a player who has 100 USDC."""
PAGE = Path(os.environ.get("WALLET_TEST_STUDIO_PAGE", Path(__file__).parent / "studio_page.txt"))


@pytest.mark.parametrize("name", TESTS)
def test_its_own_tests_are_good(studio_server: WalletServer, name: str) -> None:
    retries = json.dumps({reason.value: retry_of(reason).value for reason in Reason})
    node.run(studio_server, "--test", f"build/test/{name}.js", WALLET_RETRIES=retries)


def test_the_books_are_right_afterwards(studio_server: WalletServer) -> None:
    verify(studio_server.installation)


def test_every_example_is_run() -> None:
    assert sorted(EXAMPLES) == sorted(file.stem for file in (node.SDK / "examples").glob("*.ts"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_writes_what_it_should(studio_server: WalletServer, name: str) -> None:
    player = studio_server.wallet().fund(Player(currency_network_id=USDC_SOLANA), "100000000")
    written = node.run(studio_server, f"build/examples/{name}.js", WALLET_USER_ID=str(player.player_id))
    assert written.strip() == EXAMPLES[name]


def test_the_page_for_studios_is_the_first_example_but_for_import_and_url() -> None:
    """The page's own text: kept here, or the file that WALLET_TEST_STUDIO_PAGE names."""
    found = re.search(
        r"^import \{.*?settleSession\(s\.sessionToken\);", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE
    )
    assert found
    theirs = [line.strip() for line in found[0].splitlines()]
    ours = [line.strip() for line in (node.SDK / "examples" / "session.ts").read_text().splitlines()]
    changed = {
        'import { IAMGameWalletServer } from "@iamgame/wallet-sdk-server";': (
            'import { WalletServer as IAMGameWalletServer } from "@wallet/sdk-server";'
        ),
        'baseUrl: "https://api-wallet.iamgame.com/v1",': "baseUrl: process.env.WALLET_URL!,",
    }
    assert changed.keys() <= set(theirs)
    # What a program around it adds is its player, and what it says at the end.
    around = {
        ours[0],
        "",
        "const userId = process.env.WALLET_USER_ID!;",
        "console.log(`locked ${s.lockedBalance}, paid out ${payout}`);",
    }
    assert [changed.get(line, line) for line in theirs] == [line for line in ours if line not in around]
