"""What a batch knows of players' play beyond their balances: what was reversed, which bets and rounds are settled."""

from __future__ import annotations

from dataclasses import dataclass, field

from wallet_grpc.domain.changes import Change
from wallet_grpc.domain.identifiers import Key, TxId
from wallet_grpc.domain.transactions import Kind, Transaction, TransactionStatus


@dataclass(slots=True)
class PlayerBook:
    """The players' section of the book."""

    reversals: dict[TxId, Transaction] = field(default_factory=dict)
    """By what they reverse: the applied rollbacks."""
    standing_wins: dict[TxId, int] = field(default_factory=dict)
    """By bet: how many of its wins were not rolled back."""
    closers: dict[Key, int] = field(default_factory=dict)
    """By round: how many standing transactions closed it."""
    deposit_outputs: set[Key] = field(default_factory=set)

    def round_closed(self, round_key: Key) -> bool:
        """Tell whether a standing transaction closed the round (rule 4)."""
        return self.closers.get(round_key, 0) > 0

    def record(self, change: Change) -> None:
        """Fold a change in."""
        if change.deposit_output is not None:
            self.deposit_outputs.add(change.deposit_output.key)
        for transaction in change.transactions:
            if transaction.status is TransactionStatus.APPLIED:
                self._count(transaction)
        if change.reversed is not None:
            self._reverse(change.reversed, change.transactions[0])

    def _count(self, transaction: Transaction) -> None:
        """Keep the counts that rules 2 to 4 ask for: closers of rounds, standing wins of bets."""
        if transaction.closes_round and transaction.round_key is not None:
            self.closers[transaction.round_key] = self.closers.get(transaction.round_key, 0) + 1
        if transaction.kind is Kind.WIN and transaction.reference_tx_id is not None:
            bet = transaction.reference_tx_id
            self.standing_wins[bet] = self.standing_wins.get(bet, 0) + 1

    def _reverse(self, target: Transaction, rollback: Transaction) -> None:
        """What was rolled back no longer closes its round or settles its bet (rules 3 and 4)."""
        self.reversals[target.tx_id] = rollback
        if target.closes_round and target.round_key in self.closers:
            self.closers[target.round_key] -= 1
        if target.kind is Kind.WIN and target.reference_tx_id in self.standing_wins:
            self.standing_wins[target.reference_tx_id] -= 1
