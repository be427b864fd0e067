"""What all cells share is written from whichever node a cell is on."""

from support.approvals import approved_adjustment, proposal, refuse
from support.backoffice import backoffice_of
from support.contests import player_of
from support.credit import Purse, credit_of
from support.database import Installation
from support.ledger import verify
from support.server import WalletServer

from wallet.v1 import backoffice_pb2 as pb
from wallet_grpc.domain.cells import cell_of_owner

_LEDGERS_MAX = 100


def test_ledgers_are_created_in_every_cell(citus_installation: Installation, citus_server: WalletServer) -> None:
    wallet = citus_server.wallet()
    credit = credit_of(wallet, "credit")
    cells: set[int] = set()
    for _ in range(_LEDGERS_MAX):
        if len(cells) == citus_installation.cells:
            break
        ledger_id = credit.ledger()
        credit.call(Purse(ledger_id).credit("5"))
        ((owner_id,),) = citus_installation.rows("SELECT owner_id FROM public.ledgers WHERE ledger_id = %s", ledger_id)
        cells.add(cell_of_owner(owner_id, citus_installation.cells))
    assert len(cells) == citus_installation.cells
    verify(citus_installation)


def test_adjustments_are_proposed_and_decided(citus_installation: Installation, citus_server: WalletServer) -> None:
    """From any node: where a row is unique Citus would ask for the right to change it, which the service has not."""
    wallet = citus_server.wallet()
    for cell in range(citus_installation.cells):
        player = wallet.fund(player_of(cell), "100")
        assert approved_adjustment(wallet, player).state == pb.PROPOSAL_STATE_APPLIED
        made = backoffice_of(wallet, "backoffice").call(proposal(player))
        assert backoffice_of(wallet, "operator").call(refuse(made)).state == pb.PROPOSAL_STATE_REFUSED
    verify(citus_installation)
