-- The subledger: accounts that take writes at a far higher rate than the general ledger, in an append-only journal, and
-- post aggregates to it. Game sessions, here, and credit wallets (0004_credit.sql) share the journal.

-- One row a session, which changes once: when it is settled. session_id is the tx_id of the transaction that opened it.
-- What is played stands in the journal alone, and the last entry of an open session says what it has left.
CREATE TABLE sessions (
    session_id UUID PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    source TEXT NOT NULL,
    currency_network_id INTEGER NOT NULL REFERENCES currency_networks (currency_network_id),
    game_code TEXT NOT NULL,
    lock_amount_minor NUMERIC(38, 0) NOT NULL,
    rail TEXT NOT NULL,
    ttl_asked_s INTEGER NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL,
    payout_minor NUMERIC(60, 0),
    open_rounds BIGINT,
    settlement_tx_id UUID,
    settled_at TIMESTAMPTZ,
    CONSTRAINT sessions_lock_check CHECK (lock_amount_minor > 0),
    CONSTRAINT sessions_ttl_check CHECK (ttl_asked_s >= 0),
    CONSTRAINT sessions_rail_check CHECK (rail IN ('ledger', 'payments')),
    CONSTRAINT sessions_state_check CHECK (state IN ('OPEN', 'SETTLED')),
    CONSTRAINT sessions_settlement_check CHECK (
        num_nonnulls(payout_minor, open_rounds, settlement_tx_id, settled_at)
        = CASE state WHEN 'SETTLED' THEN 4 ELSE 0 END
    ),
    CONSTRAINT sessions_payout_check CHECK (payout_minor >= 0 AND open_rounds >= 0)
);

COMMENT ON COLUMN sessions.payout_minor IS
'lock - bets + wins + reversals, as it was settled: what came late went to MAIN';
COMMENT ON COLUMN sessions.open_rounds IS 'rounds with a bet that stood and that nothing closed, as it was settled';
COMMENT ON COLUMN sessions.ttl_asked_s IS 'what its opening asked for, by which a retry is compared; 0: the default';

-- What a player has locked, and what the expiry worker looks for. The second has a condition that only its own look-up
-- states, so that no plan takes it for the first.
CREATE INDEX sessions_open_owner_idx ON sessions (owner_id) WHERE state = 'OPEN';
CREATE INDEX sessions_open_expiry_idx ON sessions (expires_at, session_id)
WHERE state = 'OPEN' AND lock_amount_minor > 0;

-- The journal: one row for each recorded transaction of a session or a wallet. transaction_id is unique within it, so
-- the row is its idempotency key as well. A tombstone is what a rollback of an unseen transaction leaves under its id.
-- The settlement of a session is a row too, under its token.
--
-- entry_no counts a journal's rows from 1, without gaps. Who writes to a session takes the number after the last one
-- that was loaded: of two that were decided over the same entries, be it a bet and the settlement, one can be stored.
--
-- Lanes look rows up by one column each: key_hash and round_hash stand for (session, transaction_id) and (session,
-- round_id). They begin with the session's first 48 bits, so that its rows stay together. Every index is partial,
-- the unique ones too (there is no primary key), with a condition that its own look-ups imply and no other does: so a
-- plan can take one index only, also one that was made while the table was empty. It would walk through another.
CREATE TABLE subledger_entries (
    subledger_id UUID NOT NULL,
    entry_no BIGINT NOT NULL,
    owner_id BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    key_hash UUID NOT NULL,
    closes_round BOOLEAN NOT NULL,
    late BOOLEAN NOT NULL,
    round_hash UUID,
    reference_key UUID,
    reverses_key UUID,
    tx_id UUID,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    source TEXT,
    amount_minor NUMERIC(38, 0) NOT NULL,
    change_minor NUMERIC(38, 0) NOT NULL,
    balance_after_minor NUMERIC(60, 0) NOT NULL,
    open_rounds BIGINT,
    round_id TEXT,
    reference_transaction_id TEXT,
    variant TEXT,
    metadata JSONB,
    CONSTRAINT subledger_entries_kind_check CHECK (
        kind IN (
            'BET', 'WIN', 'ROLLBACK', 'TOMBSTONE', 'SESSION_SETTLEMENT',
            'CREDIT', 'DEBIT', 'RESERVE', 'COMMIT', 'RELEASE'
        )
    ),
    CONSTRAINT subledger_entries_status_check CHECK (status IN ('APPLIED', 'VOIDED', 'TOMBSTONE')),
    CONSTRAINT subledger_entries_amounts_check CHECK (
        amount_minor >= 0
        AND abs(change_minor) = CASE
            WHEN status = 'APPLIED' AND kind NOT IN ('RESERVE', 'RELEASE') THEN amount_minor
            ELSE 0
        END
    ),
    CONSTRAINT subledger_entries_entry_no_check CHECK (entry_no > 0),
    CONSTRAINT subledger_entries_funds_check CHECK (balance_after_minor >= 0 AND open_rounds >= 0),
    CONSTRAINT subledger_entries_late_check CHECK (
        (kind = 'SESSION_SETTLEMENT' OR late AND change_minor <> 0) = (tx_id IS NOT NULL)
    )
);

COMMENT ON COLUMN subledger_entries.subledger_id IS 'whose journal it is: session_id or wallet_id';
COMMENT ON COLUMN subledger_entries.entry_no IS 'how many entries its journal has with it';
COMMENT ON COLUMN subledger_entries.source IS 'who wrote to a wallet; a session has one source for all';
COMMENT ON COLUMN subledger_entries.change_minor IS
'what the balance gained; of an entry that moved MAIN: what MAIN gained';
COMMENT ON COLUMN subledger_entries.balance_after_minor IS
'the balance right after; of a late entry: MAIN''s. The next entry is decided over it';
COMMENT ON COLUMN subledger_entries.open_rounds IS
'of an entry before the settlement: the rounds of its session with a bet that stands and that nothing closes';
COMMENT ON COLUMN subledger_entries.reference_transaction_id IS 'the id that the request named';
COMMENT ON COLUMN subledger_entries.key_hash IS
'48 bits of the session_id, 80 of SHA-256 over it and the transaction_id; see wallet_grpc/domain/identifiers.py';
COMMENT ON COLUMN subledger_entries.reference_key IS
'the key_hash of the bet that a win is of, or of the reservation that was committed or released';
COMMENT ON COLUMN subledger_entries.reverses_key IS 'the key_hash of what a rollback reversed';
COMMENT ON COLUMN subledger_entries.variant IS 'which of its kind: a win''s kind';
COMMENT ON COLUMN subledger_entries.late IS 'it came after the settlement';
COMMENT ON COLUMN subledger_entries.tx_id IS
'of a late entry that moves money, and of the settlement: the ledger''s transaction that moved MAIN';
COMMENT ON COLUMN subledger_entries.metadata IS 'the caller''s notes; no rule reads them';

CREATE UNIQUE INDEX subledger_entries_key_hash_key ON subledger_entries (key_hash) WHERE key_hash IS NOT NULL;
-- The journal of one session, in its order and with its end; who reads it says entry_no > 0.
CREATE UNIQUE INDEX subledger_entries_journal_key ON subledger_entries (subledger_id, entry_no) WHERE entry_no > 0;
-- The transactions of a round, and the few that closed it; the wins of a bet; an entry is reversed once.
CREATE INDEX subledger_entries_round_idx ON subledger_entries (round_hash) WHERE round_hash IS NOT NULL;
CREATE INDEX subledger_entries_closer_idx ON subledger_entries (round_hash) WHERE closes_round;
CREATE INDEX subledger_entries_reference_idx ON subledger_entries (reference_key) WHERE reference_key IS NOT NULL;
CREATE UNIQUE INDEX subledger_entries_reverses_key ON subledger_entries (reverses_key) WHERE reverses_key IS NOT NULL;
-- A period, for reconciliation: rows come in the order of time, so ranges of pages are enough to know.
CREATE INDEX subledger_entries_created_idx ON subledger_entries USING brin (created_at) WITH (autosummarize = on);

-- For logical replication, as of house_postings; nothing is ever written for it, since rows never change.
ALTER TABLE subledger_entries REPLICA IDENTITY FULL;

CREATE TRIGGER subledger_entries_append_only BEFORE UPDATE OR DELETE ON subledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER subledger_entries_no_truncate BEFORE TRUNCATE ON subledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sessions_keep BEFORE DELETE ON sessions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sessions_no_truncate BEFORE TRUNCATE ON sessions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON subledger_entries TO wallet_service;
GRANT SELECT, INSERT, UPDATE ON sessions TO wallet_service;
