"""The `wallet` command, by what its parts are about. `__main__` puts them together."""
