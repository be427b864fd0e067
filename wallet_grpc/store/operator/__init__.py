"""What the command line does, synchronously: currencies, ledgers, keys, rails, migrations and checks before a start."""
