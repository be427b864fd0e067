"""What the tests stand on: a database, a server, callers with keys, and requests that read like the contract."""
