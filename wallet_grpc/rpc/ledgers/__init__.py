"""LedgerService: callers' own ledgers over gRPC."""
