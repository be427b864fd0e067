"""WalletService: players' money over gRPC."""
