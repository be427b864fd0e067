"""What the back office's role sees on a Citus cluster, from whichever node it asks."""

from support.backoffice import backoffice_of
from support.contests import player_of
from support.database import Installation
from support.server import WalletServer

from wallet.v1 import backoffice_pb2 as pb


def test_keys_are_listed_and_a_transaction_is_found_by_its_id(
    citus_installation: Installation, citus_server: WalletServer
) -> None:
    """Keys are told without their hashes, which that role may not read; transactions are looked for under each key."""
    wallet = citus_server.wallet()
    office = backoffice_of(wallet, "backoffice")
    listed = office.call(pb.ListKeysRequest(page_size=100))
    assert {key.source for key in listed.keys} >= {"games", "payments"}
    for cell in range(citus_installation.cells):
        player = wallet.fund(player_of(cell), "100")
        bet = player.bet("1")
        wallet.applied(bet)
        (hit,) = office.find(bet.transaction_id)
        assert (hit.kind, hit.player_id) == (pb.SearchHitKind.SEARCH_HIT_KIND_TRANSACTION, player.player_id)
