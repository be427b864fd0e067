"""The ledger as SQL tells it, beside the server: what a test believes only when it stands in the tables."""

from support.database import Installation, look_into_cell
from support.requests import Player
from wallet_grpc.domain.cells import Cell

_POSTED_TO = """
    SELECT accounts.account_type, SUM(entries.amount_minor)
      FROM ledger_entries AS entries
      JOIN accounts USING (account_id)
     WHERE entries.currency_network_id = %(network)s
       AND entries.tx_id IN (SELECT own.tx_id
                               FROM ledger_entries AS own
                               JOIN accounts AS own_account USING (account_id)
                              WHERE own_account.player_id = %(player)s)
     GROUP BY accounts.account_type
    HAVING SUM(entries.amount_minor) <> 0
"""
_TRANSACTIONS_OF = """
    SELECT COUNT(*) FROM ledger_transactions WHERE source = %(source)s AND reference = ANY(%(references)s)
"""
_MAIN_BALANCES = """
    SELECT player_id, SUM(amount_minor)
      FROM ledger_entries
      JOIN accounts USING (account_id)
     WHERE account_type = 'MAIN'
     GROUP BY player_id
"""


def posted(installation: Installation, player: Player) -> dict[str, int]:
    """Return what all transactions of a player posted to each account, the house's included; what is 0 is left out."""
    with installation.connect() as connection:
        values = {"network": player.currency_network_id, "player": player.player_id}
        return {account: int(total) for account, total in connection.execute(_POSTED_TO, values)}


def main_balances(installation: Installation) -> dict[int, int]:
    """Return what each player has in MAIN, as the entries sum to."""
    return {player_id: int(total) for player_id, total in installation.rows(_MAIN_BALANCES)}


def transactions_stored(installation: Installation, source: str, *references: str) -> int:
    """Return how many ledger transactions a source has under these ids."""
    with installation.connect() as connection:
        values = {"source": source, "references": list(references)}
        row = connection.execute(_TRANSACTIONS_OF, values).fetchone()
    assert row is not None
    return int(row[0])


# What must hold in every ledger at every moment, each as a query for the rows that break it.
_INVARIANTS = {
    "a transaction does not sum to zero": """
        SELECT tx_id, currency_network_id FROM ledger_entries GROUP BY 1, 2 HAVING SUM(amount_minor) <> 0
    """,
    "an entry has no transaction": """
        SELECT tx_id, entry_no FROM ledger_entries LEFT JOIN ledger_transactions USING (tx_id) WHERE source IS NULL
    """,
    "an entry is in another currency network than its account": """
        SELECT tx_id, entry_no FROM ledger_entries AS entries LEFT JOIN accounts USING (account_id)
         WHERE entries.currency_network_id IS DISTINCT FROM accounts.currency_network_id
    """,
    "a derived balance is not the sum of its entries": """
        SELECT account_id
          FROM (SELECT account_id, SUM(balance_minor) AS total
                  FROM (SELECT account_id, balance_minor FROM account_balances
                        UNION ALL SELECT account_id, amount_minor FROM house_postings) AS counted
                 GROUP BY 1) AS derived
          FULL JOIN (SELECT account_id, SUM(amount_minor) AS total FROM ledger_entries GROUP BY 1) AS posted
         USING (account_id)
         WHERE COALESCE(derived.total, 0) <> COALESCE(posted.total, 0)
    """,
    "a balance_after is not the sum until then": """
        SELECT tx_id, entry_no
          FROM (SELECT tx_id, entry_no, balance_after,
                       SUM(amount_minor) OVER (PARTITION BY account_id ORDER BY account_version) AS total
                  FROM ledger_entries) AS running
         WHERE balance_after IS NOT NULL AND (balance_after <> total OR balance_after < 0)
    """,
    "entries are not numbered within their transaction, or those of a player's account in its order": """
        SELECT tx_id, entry_no
          FROM (SELECT tx_id, entry_no, account_version,
                       row_number() OVER (PARTITION BY tx_id ORDER BY entry_no) AS place,
                       row_number() OVER (PARTITION BY account_id ORDER BY account_version) AS account_place
                  FROM ledger_entries) AS placed
         WHERE entry_no <> place OR account_version <> account_place
    """,
    "a player's entry tells no balance_after": """
        SELECT tx_id, entry_no FROM ledger_entries JOIN accounts USING (account_id)
         WHERE (player_id IS NULL) <> (balance_after IS NULL)
    """,
    "a transaction posts to two players": """
        SELECT tx_id FROM ledger_entries JOIN accounts USING (account_id)
         GROUP BY tx_id HAVING COUNT(DISTINCT player_id) > 1
    """,
}


def verify(installation: Installation) -> None:
    """Assert that the books are right: by SQL of the tests' own, and by `wallet verify`."""
    check_invariants(installation)
    done = installation.run("verify", "--json")
    assert done.returncode == 0, f"wallet verify: {done.returncode}\n{done.stdout}\n{done.stderr}"


def check_invariants(installation: Installation) -> None:
    """Assert them of each cell by itself: on Citus a query over several is no snapshot, and workers fold meanwhile."""
    with installation.connect() as connection:
        for cell in range(installation.cells):
            look_into_cell(connection, Cell(cell))
            for what, query in _INVARIANTS.items():
                broken = connection.execute(query).fetchmany(5)
                assert not broken, f"cell {cell}: {what}: {broken}"
