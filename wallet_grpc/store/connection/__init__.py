"""Connections: what they set, how they are opened, lent and watched, and how SQL is read, sent and judged."""
