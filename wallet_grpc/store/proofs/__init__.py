"""Proofs over the whole database: verify, rebuild, reconcile, and what is stuck."""
