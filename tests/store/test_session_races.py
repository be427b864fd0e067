"""Sessions in the store: two processes that decide over the same session, one step at a time."""

