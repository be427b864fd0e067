"""The wallet's mutating service: a double-entry ledger behind gRPC.

Read it from the inside out: `domain` decides, `store` loads and stores, `engine` batches the two, `rpc` speaks gRPC,
`app` puts them together and `__main__` is the `wallet` command. Nothing imports back up.
"""
