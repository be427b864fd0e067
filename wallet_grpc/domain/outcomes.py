"""Outcomes: what a mutation answers. Either it was accepted, or it was refused."""

from __future__ import annotations

from wallet_grpc.domain.credit.outcomes import Reserved, Written
from wallet_grpc.domain.ledgers.outcomes import JournalPosted, LedgerCreated
from wallet_grpc.domain.players.outcomes import Accepted
from wallet_grpc.domain.sessions.outcomes import SessionFacts, SessionPlayed, Settled

from .refusals import Refusal

Outcome = (
    Accepted | SessionPlayed | SessionFacts | Settled | Written | Reserved | LedgerCreated | JournalPosted | Refusal
)
