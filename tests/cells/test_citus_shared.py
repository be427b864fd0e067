"""What all cells share is written from whichever node a cell is on."""

from support.credit import Purse, credit_of
from support.database import Installation
from support.ledger import verify
from support.server import WalletServer

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
