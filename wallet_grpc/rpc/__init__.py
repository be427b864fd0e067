"""gRPC: servicers that convert, call and convert; who calls, what they may, and how refusals become statuses."""
