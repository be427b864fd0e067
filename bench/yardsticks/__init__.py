"""What the same machine and the same PostgreSQL do without a wallet."""
