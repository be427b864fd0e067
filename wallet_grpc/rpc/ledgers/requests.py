"""Requests become ledgers' commands: every field is checked here, in its order, and refused by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wallet.v1 import ledger_pb2 as pb
from wallet_grpc.domain import fields
from wallet_grpc.domain.amounts import AMOUNT_DIGITS_MAX
from wallet_grpc.domain.identifiers import Source
from wallet_grpc.domain.ledgers.commands import CreateLedger, PostJournalEntry
from wallet_grpc.domain.ledgers.state import Ledger, LedgerId, Leg, parse_ledger_id
from wallet_grpc.domain.refusals import Reason, invalid

_POSTINGS_MIN = 2
_POSTINGS_MAX = 100
_is_signed = re.compile(rf"-?[1-9][0-9]{{0,{AMOUNT_DIGITS_MAX - 1}}}", re.ASCII).fullmatch


def create_ledger(request: pb.CreateLedgerRequest, source: Source) -> CreateLedger:
    """Read a creation."""
    return CreateLedger(
        source=source,
        transaction_id=fields.transaction_id(request.transaction_id),
        name=fields.required_text(request.name, "name"),
        currency_network_id=fields.currency_network_id(request.currency_network_id),
    )


def journal_entry_of(
    request: pb.PostJournalEntryRequest, source: Source, ledger: Ledger, legs: tuple[Leg, ...]
) -> PostJournalEntry:
    """Make the command, for the ledger that it names."""
    return PostJournalEntry(
        source=source,
        transaction_id=request.transaction_id,
        ledger_id=ledger.ledger_id,
        owner_id=ledger.owner_id,
        currency_network_id=ledger.currency_network_id,
        legs=legs,
        metadata=fields.metadata(request.metadata),
    )


def legs_of(postings: Sequence[pb.JournalPosting]) -> tuple[Leg, ...]:
    """Check the postings of an entry; whether they sum to zero comes later."""
    if not postings:
        raise fields.MalformedError(invalid(Reason.MISSING_FIELD, "postings", "is required"))
    if not _POSTINGS_MIN <= len(postings) <= _POSTINGS_MAX:
        raise fields.MalformedError(
            invalid(Reason.INVALID_FIELD, "postings", f"must be {_POSTINGS_MIN} to {_POSTINGS_MAX}")
        )
    return tuple(
        Leg(
            fields.identifier(posting.account_code, f"postings[{place}].account_code"),
            _signed_amount(posting.amount_minor, f"postings[{place}].amount_minor"),
        )
        for place, posting in enumerate(postings)
    )


def ledger_id_of(value: str) -> LedgerId:
    """Check a ledger's id; whether there is such a ledger comes later."""
    ledger_id = parse_ledger_id(fields.identifier(value, "ledger_id"))
    if ledger_id is None:
        raise fields.MalformedError(invalid(Reason.INVALID_FIELD, "ledger_id", "must be a UUID in lower case"))
    return ledger_id


def _signed_amount(text: str, name: str) -> int:
    if not _is_signed(text):
        raise fields.MalformedError(
            invalid(
                Reason.INVALID_AMOUNT,
                name,
                "must be whole minor units, not 0: 1 to 38 digits without leading zero, `-` before them for DR",
            )
        )
    return int(text)
