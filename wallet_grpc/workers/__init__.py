"""Workers do what no call asks for: expire sessions, post credit wallets, sweep reservations. Any number may run."""
