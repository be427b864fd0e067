"""Generated from protos/: the wallet's contract."""
