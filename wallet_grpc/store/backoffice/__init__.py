"""What operators look up: committed state, on connections that can only read, in all cells."""
