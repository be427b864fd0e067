"""Credit wallets: credits, debits, and reservations that are committed or released."""
