"""The rules: one file for each kind of mutation, `idempotency` for what all share, `decide` to choose among them."""

from .decide import decide
from .decisions import Decision, Moment

__all__ = ["Decision", "Moment", "decide"]
