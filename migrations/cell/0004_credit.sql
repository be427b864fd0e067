-- Ledgers of callers' own, and credit wallets: balances that take writes at a high rate in the subledger's journal, and
-- whose aggregates are posted to the general ledger every few seconds.

-- When a ledger was last posted to: one round an interval, whoever does it. Derived, and never needed to be right.
CREATE TABLE posting_rounds (
    ledger_id UUID PRIMARY KEY REFERENCES ledgers (ledger_id),
    began_at TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- One row a wallet, derived from its journal in the statement that writes to it. version grows by one with each entry
-- of the journal and with each sweep of expired reservations: a batch is stored only over the version that it was
-- decided over. held_minor is what is reserved by reservations that did not end and expire after held_as_of, so that a
-- reader needs to subtract only what has expired since.
CREATE TABLE credit_wallets (
    wallet_id UUID PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    ledger_id UUID NOT NULL,
    caller_key TEXT NOT NULL,
    balance_minor NUMERIC(60, 0) NOT NULL,
    held_minor NUMERIC(60, 0) NOT NULL,
    held_as_of TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL,
    entry_count BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT credit_wallets_owner_check CHECK (owner_id < 0),
    CONSTRAINT credit_wallets_funds_check CHECK (held_minor >= 0 AND held_minor <= balance_minor),
    CONSTRAINT credit_wallets_counts_check CHECK (entry_count > 0 AND version >= entry_count)
) WITH (fillfactor = 50);

COMMENT ON COLUMN credit_wallets.wallet_id IS
'127 bits of SHA-256 over ledger_id and caller_key, first bit set: no session has such an id';
COMMENT ON COLUMN credit_wallets.owner_id IS
'another 63 bits of the same hash, negative: the wallet''s lock';

-- A reservation is known by the key_hash of its RESERVE entry. It is live while it is OPEN and the clock is before
-- expires_at; EXPIRED only says that a sweeper has passed.
CREATE TABLE reservations (
    reservation_id UUID PRIMARY KEY,
    wallet_id UUID NOT NULL,
    owner_id BIGINT NOT NULL,
    amount_minor NUMERIC(38, 0) NOT NULL,
    ttl_s INTEGER NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL,
    committed_minor NUMERIC(38, 0),
    CONSTRAINT reservations_state_check CHECK (state IN ('OPEN', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    CONSTRAINT reservations_amount_check CHECK (
        amount_minor > 0
        AND ttl_s > 0
        AND (committed_minor IS NOT NULL) = (state = 'COMMITTED')
        AND committed_minor > 0 AND committed_minor <= amount_minor
    )
) WITH (fillfactor = 80);

-- What has expired of a wallet since held_as_of; what a sweeper looks for; and those of a wallet, for `wallet verify`.
-- The last two have a condition that only their own look-ups state, so that no plan takes them for the first.
CREATE INDEX reservations_open_wallet_idx ON reservations (wallet_id, expires_at) INCLUDE (amount_minor)
WHERE state = 'OPEN';
CREATE INDEX reservations_open_expiry_idx ON reservations (expires_at) WHERE state = 'OPEN' AND amount_minor > 0;
CREATE INDEX reservations_wallet_idx ON reservations (wallet_id) WHERE ttl_s > 0;

CREATE SEQUENCE posting_queue_queue_id_seq;

-- Which wallets a batch wrote to, told to the poster by the batch's own transaction. The poster removes a row with the
-- posting of the last of its wallets; that one is posted twice or never does not hang on these rows, but on the
-- watermark: the version of the wallet's account.
CREATE TABLE posting_queue (
    queue_id BIGINT DEFAULT nextval('posting_queue_queue_id_seq'),
    ledger_id UUID NOT NULL,
    wallet_ids UUID[] NOT NULL,
    queued_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT posting_queue_pkey PRIMARY KEY (ledger_id, queue_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- What a posting covers of a wallet: the entries from first to last, and their sum. The next one begins after it.
CREATE TABLE wallet_postings (
    wallet_id UUID NOT NULL,
    first_entry_no BIGINT NOT NULL,
    last_entry_no BIGINT NOT NULL,
    amount_minor NUMERIC(60, 0) NOT NULL,
    tx_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT wallet_postings_pkey PRIMARY KEY (wallet_id, last_entry_no),
    CONSTRAINT wallet_postings_range_check CHECK (first_entry_no > 0 AND last_entry_no >= first_entry_no)
);

CREATE INDEX wallet_postings_tx_idx ON wallet_postings (tx_id);

-- The history of JOURNAL accounts: what each posting left on its account, so that a balance of the past is one look-up.
CREATE TABLE journal_postings (
    account_id BIGINT NOT NULL,
    posting_no BIGINT NOT NULL,
    tx_id UUID NOT NULL,
    amount_minor NUMERIC(38, 0) NOT NULL,
    balance_after_minor NUMERIC(60, 0) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT journal_postings_pkey PRIMARY KEY (account_id, posting_no)
);

CREATE INDEX journal_postings_time_idx ON journal_postings (account_id, created_at, posting_no);
CREATE INDEX journal_postings_tx_idx ON journal_postings (tx_id);

CREATE TRIGGER wallet_postings_append_only BEFORE UPDATE OR DELETE ON wallet_postings
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER wallet_postings_no_truncate BEFORE TRUNCATE ON wallet_postings
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_postings_append_only BEFORE UPDATE OR DELETE ON journal_postings
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_postings_no_truncate BEFORE TRUNCATE ON journal_postings
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_wallets_keep BEFORE DELETE ON credit_wallets
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER credit_wallets_no_truncate BEFORE TRUNCATE ON credit_wallets
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reservations_keep BEFORE DELETE ON reservations
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER reservations_no_truncate BEFORE TRUNCATE ON reservations
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON wallet_postings, journal_postings TO wallet_service;
GRANT SELECT, INSERT, UPDATE ON posting_rounds, credit_wallets, reservations TO wallet_service;
GRANT SELECT, INSERT, DELETE ON posting_queue TO wallet_service;
GRANT USAGE ON SEQUENCE posting_queue_queue_id_seq TO wallet_service;
