"""CreditWalletService: credit wallets over gRPC."""
