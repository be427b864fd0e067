"""LedgerSessionService: game sessions over gRPC."""
