"""What callers read beside the lanes: committed state, on connections of a pool."""
