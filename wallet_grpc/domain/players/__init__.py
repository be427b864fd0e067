"""What players' money does: bets, wins, rollbacks, deposits, withdrawals, adjustments and states."""
