"""The ledger as SQL tells it, beside the server: what a test believes only when it stands in the tables."""

from support.database import Installation
from support.requests import Player

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


def posted(installation: Installation, player: Player) -> dict[str, int]:
    """Return what all transactions of a player posted to each account, the house's included; what is 0 is left out."""
    with installation.connect() as connection:
        values = {"network": player.currency_network_id, "player": player.player_id}
        return {account: int(total) for account, total in connection.execute(_POSTED_TO, values)}


def transactions_stored(installation: Installation, source: str, *references: str) -> int:
    """Return how many ledger transactions a source has under these ids."""
    with installation.connect() as connection:
        values = {"source": source, "references": list(references)}
        row = connection.execute(_TRANSACTIONS_OF, values).fetchone()
    assert row is not None
    return int(row[0])
