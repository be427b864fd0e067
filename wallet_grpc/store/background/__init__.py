"""What workers do by themselves: credit wallets are posted, reservations end."""
