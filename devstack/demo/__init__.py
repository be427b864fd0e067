"""The story that `make demo` tells against a running `make run`."""
