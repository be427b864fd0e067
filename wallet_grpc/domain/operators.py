"""Operators: the persons who act on the wallet, and what is kept of each of their acts.

An operator is who the key says, or the login that a key speaks for, or the login of the database that a command
connects by: never a field of a request. What a request calls its `actor` is kept beside it, as told.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from .identifiers import PlayerId
from .values import Name

OPERATOR_NAME_LENGTH_MAX = 128


class Channel(Name):
    """How somebody acted."""

    CALL = "CALL"
    CONSOLE = "CONSOLE"
    """By a call of what they are logged in to."""
    COMMAND = "COMMAND"


class ActKind(Name):
    """What somebody did."""

    ADJUSTMENT = "ADJUSTMENT"
    PLAYER_STATE = "PLAYER_STATE"
    PROPOSAL = "PROPOSAL"
    APPROVAL = "APPROVAL"
    """The adjustment was applied as well: both are one act."""
    REFUSAL = "REFUSAL"
    KEY_CREATION = "KEY_CREATION"
    KEY_LIMIT = "KEY_LIMIT"
    KEY_REVOCATION = "KEY_REVOCATION"
    RAIL = "RAIL"
    CURRENCY_NETWORK = "CURRENCY_NETWORK"
    LEDGER_CREATION = "LEDGER_CREATION"
    EVENT_REPLAY = "EVENT_REPLAY"
    EVENT_DISCARD = "EVENT_DISCARD"
    BALANCES_REBUILD = "BALANCES_REBUILD"
    MIGRATION = "MIGRATION"
    FREEZE = "FREEZE"
    """The installation was frozen, or the freeze was lifted."""


class Operator(Struct, frozen=True, kw_only=True, gc=False):
    """Who acts, as the wallet knows it by itself."""

    name: str
    channel: Channel
    key_id: str | None = None
    """The key that the call came with; None for commands."""


class Act(Struct, frozen=True, kw_only=True, gc=False):
    """What was done, to what, and why."""

    kind: ActKind
    subject: str
    """What it was done to: its kind and its id, such as `player 42`."""
    player_id: PlayerId | None = None
    """The player, where there is one."""
    result_id: str = ""
    """The transaction or the proposal that came of it."""
    reason: str = ""
    actor: str = ""
    """Who did it, as the caller tells."""
    before: Mapping[str, object] = field(default_factory=dict)
    """What was changed, as it was; empty for what came into being."""
    after: Mapping[str, object] = field(default_factory=dict)


def is_operator_name(name: str) -> bool:
    """Tell whether a person may be called so: as ids are spelled, so that no two names look alike."""
    return 0 < len(name) <= OPERATOR_NAME_LENGTH_MAX and name.isascii() and name.isprintable() and " " not in name


def operator_name(name: str) -> str:
    """Give the one spelling of a person's name, by which persons are told apart."""
    return name.lower()
