"""Identifiers: their types, the keys that they hash to, and the wallet's own transaction ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import NewType

from .cells import CELL_BITS, ONLY_CELL, Cell

PlayerId = NewType("PlayerId", int)
PLAYER_ID_MAX = 2**63 - 1
CurrencyNetworkId = NewType("CurrencyNetworkId", int)
NETWORK_ID_MAX = 2**31 - 1
AccountId = NewType("AccountId", int)
OwnerId = NewType("OwnerId", int)
"""Whose state a mutation changes: the shard key. A player's owner id is their player id."""

Source = NewType("Source", str)
"""The authenticated caller's name: the namespace of its transaction ids."""

TxId = NewType("TxId", str)
"""The wallet's own id of a transaction: a UUIDv7 in its canonical text form."""

Key = NewType("Key", str)
"""128 bits of SHA-256 over a namespace and an id, as 32 hex digits: what makes an id unique."""

NO_KEY = Key("")
"""What stands in a command's field until the command hashes its ids, as it is made."""

FIRST_UUID = "00000000-0000-0000-0000-000000000000"
"""Before all ids that are UUIDs: where pages and chunks of them begin."""

LAST_UUID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""After all of them."""

is_uuid = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
"""Whether a text is a UUID in its canonical form, as the wallet writes it."""

may_be_uuid = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}").fullmatch
"""Whether a text is one as people write it: in capitals too, and without its hyphens."""

SEPARATOR = "\x1f"
"""Stands between the hashed parts of a key: no id and no source can contain it."""

DEPOSIT_NAMESPACE = "deposit"
WITHDRAWAL_NAMESPACE = "withdrawal"
WITHDRAWAL_ENDING_NAMESPACE = "withdrawal-ending"

DERIVED_ROLLBACK_PREFIX = "rollback:"
"""What the wallet puts before the reference of a rollback that came without an id of its own."""

OWN_PREFIXES = ("wallet:", DERIVED_ROLLBACK_PREFIX)
"""Ids that begin so are the wallet's own: no caller may choose one."""


def hash_key(*parts: str) -> Key:
    """Hash the parts to a key; `wallet verify` computes the same in SQL."""
    return Key(sha256(SEPARATOR.join(parts).encode()).hexdigest()[:32])


def caller_key(source: Source, transaction_id: str) -> Key:
    """The key of a caller's own id: unique per source, for ever (docs/rules.md, rule 1)."""
    return hash_key("source", source, transaction_id)


def deposit_key(deposit_id: str) -> Key:
    """The key of a deposit: unique for the installation, whoever calls (rule 8)."""
    return hash_key(DEPOSIT_NAMESPACE, deposit_id)


_is_hash_of_256_bits = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})", re.ASCII).fullmatch


def canonical_output_hash(tx_hash: str) -> str:
    """Give the one spelling of a transaction's hash on its network, by which outputs are told apart (rule 8).

    64 hexadecimal digits are the same in any case, with or without `0x`. Any other hash is what it is: in base58, say,
    the case counts.
    """
    found = _is_hash_of_256_bits(tx_hash)
    return tx_hash if found is None else found[1].lower()


def output_key(currency_network_id: CurrencyNetworkId, tx_hash: str, output_index: int) -> Key:
    """The key of an output on a network, which is credited once, under whatever deposit_id (rule 8)."""
    return hash_key("output", str(currency_network_id), canonical_output_hash(tx_hash), str(output_index))


def withdrawal_key(withdrawal_id: str) -> Key:
    """The key of a withdrawal's reservation: unique for the installation (rule 8)."""
    return hash_key(WITHDRAWAL_NAMESPACE, withdrawal_id)


def withdrawal_ending_key(withdrawal_id: str) -> Key:
    """The key that both endings of a withdrawal share, so that it can only end once (rule 7)."""
    return hash_key(WITHDRAWAL_ENDING_NAMESPACE, withdrawal_id)


def round_key(
    source: Source, player_id: PlayerId, currency_network_id: CurrencyNetworkId, game_code: str, round_id: str
) -> Key:
    """The key of a game round (rule 4)."""
    return hash_key("round", source, str(player_id), str(currency_network_id), game_code, round_id)


_JOURNAL_HASH_DIGITS = 20


def journal_key(subledger_id: str, what: str, name: str) -> Key:
    """Hash what is known within one session or one credit wallet; it begins as their id does."""
    digest = sha256(f"{subledger_id}{SEPARATOR}{what}{SEPARATOR}{name}".encode()).hexdigest()
    return Key(subledger_id[:8] + subledger_id[9:13] + digest[:_JOURNAL_HASH_DIGITS])


_RANDOM_BITS = 74 - CELL_BITS
_LOW_BITS = 62 - CELL_BITS
_LOW_MASK = (1 << _LOW_BITS) - 1
_HIGH_RANDOM_BITS = _RANDOM_BITS - _LOW_BITS
_HIGH_RANDOM_MASK = (1 << _HIGH_RANDOM_BITS) - 1
_VARIANT = 1 << 63
_STEP_BITS = 32
_TIME_BITS = 48
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class TxIdSequence:
    """UUIDv7s (RFC 9562) that never go back: ids of one process sort in the order in which they were made.

    The 64 bits after the timestamp start at random and grow by a random step within a millisecond (the standard's
    monotonic random, method 2); the timestamp is the database's, handed in, so that pods agree about it. The last ten
    bits are the number of the cell that the ids are made in. The ids are unique, not secret.
    """

    __slots__ = ("_begin", "_begin_bits", "_end_bits", "_last", "_random_bits")

    def __init__(self, cell: Cell = ONLY_CELL) -> None:
        self._end_bits = _VARIANT | cell
        self._last = 0
        self._begin_bits = -1
        self._begin = ""  # the text of these bits: ids that follow each other begin alike
        self._random_bits = Random().getrandbits  # noqa: S311 - unique, not secret

    def next(self, unix_ms: int) -> TxId:
        """Make the next id at `unix_ms`, or just after the last one if the clock stands still or went back."""
        if unix_ms > self._last >> _RANDOM_BITS:
            value = (unix_ms << _RANDOM_BITS) | self._random_bits(_RANDOM_BITS - 1)
        else:
            value = self._last + 1 + self._random_bits(_STEP_BITS)
        self._last = value
        begin_bits = value >> _LOW_BITS
        if begin_bits != self._begin_bits:
            text = f"{begin_bits >> _HIGH_RANDOM_BITS:012x}"
            self._begin = f"{text[:8]}-{text[8:]}-7{begin_bits & _HIGH_RANDOM_MASK:03x}-"
            self._begin_bits = begin_bits
        text = f"{(value & _LOW_MASK) << CELL_BITS | self._end_bits:016x}"
        return TxId(f"{self._begin}{text[:4]}-{text[4:]}")


def unix_ms_of(moment: datetime) -> int:
    """Give the millisecond that a moment is in; a float of its seconds may round to the one before."""
    return (moment - _UNIX_EPOCH) // _MILLISECOND


def first_id_at(moment: datetime, later_by: timedelta = timedelta(0)) -> str:
    """Give what no id of an earlier time comes after: where ids of a time begin.

    Ids tell of fewer years than a datetime does, and `later_by` may lead out of those: what lies outside is at the end.
    """
    unix_ms = unix_ms_of(moment) + later_by // _MILLISECOND
    digits = f"{min(max(unix_ms, 0), (1 << _TIME_BITS) - 1):012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
