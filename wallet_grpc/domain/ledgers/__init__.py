"""Callers' own ledgers: their accounts and balanced journal entries."""
