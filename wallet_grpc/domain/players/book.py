"""What a batch knows of players' play beyond their balances: what was reversed, which bets and rounds are settled."""

from __future__ import annotations

from msgspec import Struct, field

from wallet_grpc.domain.identifiers import Key, OwnerId, TxId
from wallet_grpc.domain.loaded import Counts, Rows
from wallet_grpc.domain.transactions import Kind, Transaction

from .approvals import Verdict
from .needs import PlayerNeeds


class PlayerBook(Struct):
    """The players' section of the book."""

    reversals: dict[TxId, Transaction] = field(default_factory=dict)
    """By what they reverse: the applied rollbacks. Loaded with what they reverse."""
    standing_wins: dict[TxId, int] = field(default_factory=dict)
    """By bet: how many of its wins were not rolled back. Loaded with the bet."""
    closers: Counts[Key] = field(default_factory=Counts)
    """By round: how many standing transactions closed it."""
    deposit_outputs: Counts[Key] = field(default_factory=Counts)
    """By output: 1 where a deposit used it up."""
    claimants: Rows[Key, OwnerId] = field(default_factory=Rows)
    """By the key of a deposit or a reservation: whose it is, where the installation has several cells."""

    verdicts: Rows[str, Verdict] = field(default_factory=Rows)
    """By the id of a proposal: what was decided about it."""

    def ask(self, needs: PlayerNeeds) -> None:
        """Note what the rules may read."""
        self.closers.ask(needs.round_keys)
        self.deposit_outputs.ask(needs.output_keys)
        self.claimants.ask(needs.claimed_keys)
        self.verdicts.ask(needs.proposal_ids)

    def round_closed(self, round_key: Key) -> bool:
        """Tell whether a standing transaction closed the round (rule 4)."""
        return self.closers.of(round_key) > 0

    def reversal_of(self, wager: Transaction) -> Transaction | None:
        """Give the rollback of a transaction, None where it stands."""
        return self.reversals.get(wager.tx_id)

    def has_standing_win(self, bet: Transaction) -> bool:
        """Tell whether a bet has a win that was not rolled back."""
        return self.standing_wins.get(bet.tx_id, 0) > 0

    def count(self, transaction: Transaction) -> None:
        """Keep the counts that rules 2 to 4 ask for: closers of rounds, standing wins of bets."""
        if transaction.closes_round and transaction.round_key is not None:
            self.closers.add(transaction.round_key, 1)
        if transaction.kind is Kind.WIN and transaction.reference_tx_id is not None:
            bet = transaction.reference_tx_id
            self.standing_wins[bet] = self.standing_wins.get(bet, 0) + 1

    def reverse(self, target: Transaction, rollback: Transaction) -> None:
        """Note a rollback: what it reversed no longer closes its round or settles its bet (rules 3 and 4)."""
        self.reversals[target.tx_id] = rollback
        if target.closes_round and target.round_key is not None:
            self.closers.add(target.round_key, -1)
        if target.kind is Kind.WIN and target.reference_tx_id in self.standing_wins:
            self.standing_wins[target.reference_tx_id] -= 1
