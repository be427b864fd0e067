-- The general ledger of a cell: accounts, transactions, entries, derived balances and withdrawals. A request's amounts
-- are NUMERIC(38,0), balances and postings NUMERIC(60,0), sums over all players NUMERIC(80,0), which they cannot fill:
-- BIGINT would end at 9.22 ETH.
--
-- Every hot table carries owner_id, the shard key: a mutation changes rows of exactly one owner, and appends.
-- Columns of a fixed size come first: nothing is lost to their alignment. No row of the ledger takes its order from a
-- sequence, which on several servers has none: entries are numbered within their transaction, an account's by its
-- version. Triggers for TRUNCATE stand apart from those for other changes: where tables are sharded (Citus), a trigger
-- that names both is not made on the shards.

-- A player without a row is ACTIVE.
CREATE TABLE players (
    player_id BIGINT PRIMARY KEY,
    state TEXT NOT NULL,
    CONSTRAINT players_id_check CHECK (player_id > 0),
    CONSTRAINT players_state_check CHECK (state IN ('ACTIVE', 'BLOCKED', 'CLOSED', 'EXCLUDED'))
);

-- A sequence by its name, not an identity: on Citus lanes write past it and take ids themselves, and rights to an
-- identity's sequence are not known on every node.
CREATE SEQUENCE accounts_account_id_seq;

-- Accounts of players; of the house, of which a currency network has one of each type; and of callers' ledgers (see
-- 0004_credit.sql): a credit wallet's, and those that callers define by using them. The key holds the account's id as
-- well, so that a lane that looks for a player's accounts reads the index alone.
CREATE TABLE accounts (
    account_id BIGINT DEFAULT nextval('accounts_account_id_seq') PRIMARY KEY,
    player_id BIGINT,
    currency_network_id INTEGER NOT NULL REFERENCES currency_networks (currency_network_id),
    account_type TEXT NOT NULL,
    ledger_id UUID,
    wallet_id UUID,
    account_code TEXT,
    CONSTRAINT accounts_identity_key UNIQUE NULLS NOT DISTINCT (
        player_id, currency_network_id, account_type, ledger_id, account_code, wallet_id
    ) INCLUDE (account_id),
    CONSTRAINT accounts_type_check CHECK (
        CASE
            WHEN player_id IS NOT NULL
                THEN
                    account_type IN ('MAIN', 'WITHDRAW_HOLD', 'SESSION_HOLD', 'BONUS')
                    AND ledger_id IS NULL AND wallet_id IS NULL AND account_code IS NULL
            WHEN wallet_id IS NOT NULL
                THEN account_type = 'WALLET' AND ledger_id IS NOT NULL AND account_code IS NULL
            WHEN ledger_id IS NOT NULL THEN account_type = 'JOURNAL' AND account_code IS NOT NULL
            ELSE account_type IN ('HOUSE', 'HOUSE:WAGER', 'HOUSE:FEES', 'HOUSE:WALLETS') AND account_code IS NULL
        END
    )
);

COMMENT ON COLUMN accounts.account_code IS 'what callers name a JOURNAL account by, within its ledger';

-- The account of a wallet; a ledger's accounts in turn.
CREATE UNIQUE INDEX accounts_wallet_key ON accounts (wallet_id) WHERE wallet_id IS NOT NULL;
CREATE INDEX accounts_ledger_idx ON accounts (ledger_id, account_code) WHERE account_type = 'JOURNAL';

-- Derived, never the truth: what the entries of an account sum to; of a house account, without what house_postings has.
CREATE TABLE account_balances (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (account_id),
    owner_id BIGINT,
    balance_minor NUMERIC(80, 0) NOT NULL,
    version BIGINT NOT NULL,
    CONSTRAINT account_balances_funds_check CHECK (owner_id IS NULL OR balance_minor >= 0),
    CONSTRAINT account_balances_range_check CHECK (owner_id IS NULL OR balance_minor < 1e60)
) WITH (fillfactor = 50);

COMMENT ON COLUMN account_balances.owner_id IS
'NULL for house and JOURNAL accounts, whose balances may be negative';
COMMENT ON COLUMN account_balances.balance_minor IS
'up to 60 digits but for house accounts: what all players won together must never keep one of them from being paid';
COMMENT ON COLUMN account_balances.version IS
'player and JOURNAL accounts: how many entries; WALLET: the last journal entry that is posted; house accounts: 0';

-- What transactions added to house accounts and is not in their balances yet: a row for each batch and account, so that
-- no bet waits for another player's bet. Rows are folded into the balances and removed by the statement that does so; a
-- house account's balance is its row of account_balances and these. No key: whoever folds takes rows by their address.
CREATE TABLE house_postings (
    account_id BIGINT NOT NULL,
    amount_minor NUMERIC(80, 0) NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- A cell is moved online by logical replication, which needs to know rows by something.
ALTER TABLE house_postings REPLICA IDENTITY FULL;

-- One row for each recorded mutation, and the idempotency keys with it: key_hash is unique, so an id is used once.
-- Tombstones, voided rollbacks and player states are rows without entries.
--
-- owner_version numbers the transactions of one owner from 1, without a gap. A batch writes the numbers that follow the
-- last one it was decided over, so it is stored only if nobody wrote to the owner since: this unique key, not the
-- advisory lock, is what keeps two writers of one owner apart (docs/decisions/0025-an-owners-version.md).
CREATE TABLE ledger_transactions (
    tx_id UUID PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    owner_version BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    key_hash UUID NOT NULL,
    entry_count SMALLINT NOT NULL,
    closes_round BOOLEAN NOT NULL,
    currency_network_id INTEGER,
    reference_tx_id UUID,
    reverses_tx_id UUID,
    round_hash UUID,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    amount_minor NUMERIC(38, 0) NOT NULL,
    win_amount_minor NUMERIC(60, 0),
    fee_minor NUMERIC(38, 0),
    main_balance_after_minor NUMERIC(60, 0),
    game_code TEXT,
    round_id TEXT,
    reference_transaction_id TEXT,
    variant TEXT,
    metadata JSONB,
    details JSONB,
    CONSTRAINT ledger_transactions_key_hash_key UNIQUE (key_hash),
    CONSTRAINT ledger_transactions_owner_version_key UNIQUE (owner_id, owner_version),
    CONSTRAINT ledger_transactions_owner_version_check CHECK (owner_version > 0),
    CONSTRAINT ledger_transactions_kind_check CHECK (
        kind IN (
            'BET', 'WIN', 'BET_AND_WIN', 'ROLLBACK', 'WITHDRAWAL_RESERVATION', 'WITHDRAWAL_SETTLEMENT',
            'WITHDRAWAL_FAILURE', 'DEPOSIT', 'ADJUSTMENT', 'PLAYER_STATE', 'TOMBSTONE', 'SESSION_OPENING',
            'SESSION_SETTLEMENT', 'LEDGER_CREATION', 'JOURNAL_ENTRY', 'WALLET_POSTING'
        )
    ),
    CONSTRAINT ledger_transactions_status_check CHECK (status IN ('APPLIED', 'VOIDED', 'TOMBSTONE')),
    CONSTRAINT ledger_transactions_amounts_check CHECK (
        amount_minor >= 0 AND win_amount_minor >= 0 AND fee_minor >= 0 AND fee_minor <= amount_minor
    )
);

COMMENT ON COLUMN ledger_transactions.owner_version IS
'its number among its owner''s transactions, from 1: the order of a history';
COMMENT ON COLUMN ledger_transactions.reference IS
'the caller''s own id: transaction_id, deposit_id or withdrawal_id';
COMMENT ON COLUMN ledger_transactions.key_hash IS
'128 bits of SHA-256 over the namespace and the reference; see wallet_grpc/domain/identifiers.py';
COMMENT ON COLUMN ledger_transactions.reference_transaction_id IS 'the id that the request named';
COMMENT ON COLUMN ledger_transactions.reference_tx_id IS 'what it belongs to: a win''s bet, an ending''s reservation';
COMMENT ON COLUMN ledger_transactions.variant IS
'which of its kind: a win''s kind, an adjustment''s direction, the player''s new state';
COMMENT ON COLUMN ledger_transactions.entry_count IS
'how many entries it was made with; wallet verify holds it to that';
COMMENT ON COLUMN ledger_transactions.win_amount_minor IS
'of a bet-and-win its win; of a session''s settlement the payout, which has the range of balances';
COMMENT ON COLUMN ledger_transactions.metadata IS 'the caller''s notes; no rule reads them';
COMMENT ON COLUMN ledger_transactions.details IS 'tx_hash, output_index, reason, actor; no rule reads them';

-- The transactions of a round, and the few that closed it.
CREATE INDEX ledger_transactions_round_idx ON ledger_transactions (round_hash) WHERE round_hash IS NOT NULL;
CREATE INDEX ledger_transactions_closer_idx ON ledger_transactions (round_hash) WHERE closes_round;
-- The wins of a bet.
CREATE INDEX ledger_transactions_reference_idx ON ledger_transactions (reference_tx_id)
WHERE reference_tx_id IS NOT NULL;
-- A transaction is reversed once.
CREATE UNIQUE INDEX ledger_transactions_reverses_key ON ledger_transactions (reverses_tx_id)
WHERE reverses_tx_id IS NOT NULL;

-- Eight columns: with a ninth the header of each row that has a NULL would grow by eight bytes.
-- There is no foreign key to the transaction: ids are time-ordered, so checking it would make every lane read the page
-- that every other lane inserts into, and SERIALIZABLE would abort them. See docs/decisions/.
CREATE TABLE ledger_entries (
    tx_id UUID NOT NULL,
    owner_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    account_version BIGINT,
    currency_network_id INTEGER NOT NULL,
    entry_no SMALLINT NOT NULL,
    amount_minor NUMERIC(60, 0) NOT NULL,
    balance_after NUMERIC(60, 0),
    CONSTRAINT ledger_entries_pkey PRIMARY KEY (tx_id, entry_no),
    CONSTRAINT ledger_entries_number_check CHECK (entry_no > 0 AND account_version > 0),
    CONSTRAINT ledger_entries_amount_check CHECK (amount_minor <> 0),
    CONSTRAINT ledger_entries_balance_check CHECK (
        balance_after >= 0 AND (balance_after IS NULL) = (account_version IS NULL)
    )
);

COMMENT ON COLUMN ledger_entries.entry_no IS 'its number within its transaction, from 1';
COMMENT ON COLUMN ledger_entries.account_version IS
'of player accounts: its number among the account''s entries, from 1, which is their order';
COMMENT ON COLUMN ledger_entries.balance_after IS
'of player accounts: a fact of the past for audit, never read as a balance';

CREATE TABLE withdrawals (
    withdrawal_id TEXT PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    currency_network_id INTEGER NOT NULL REFERENCES currency_networks (currency_network_id),
    amount_minor NUMERIC(38, 0) NOT NULL,
    state TEXT NOT NULL,
    reserved_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT withdrawals_state_check CHECK (state IN ('RESERVED', 'BROADCASTED', 'SETTLED', 'FAILED')),
    CONSTRAINT withdrawals_amount_check CHECK (amount_minor > 0)
);

CREATE INDEX withdrawals_open_idx ON withdrawals (owner_id) WHERE state IN ('RESERVED', 'BROADCASTED');

-- The outputs on the networks that deposits have used: each is credited once, under whatever deposit_id.
CREATE TABLE deposit_outputs (
    output_hash UUID PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    tx_id UUID NOT NULL
);

-- Kept by the database itself ---------------------------------------------------------------------------------------

CREATE TRIGGER ledger_transactions_append_only BEFORE UPDATE OR DELETE ON ledger_transactions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_transactions_no_truncate BEFORE TRUNCATE ON ledger_transactions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_no_truncate BEFORE TRUNCATE ON ledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_append_only BEFORE UPDATE OR DELETE ON accounts
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounts_no_truncate BEFORE TRUNCATE ON accounts
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- One check for all the entries of a statement.
CREATE TRIGGER ledger_entries_zero_sum AFTER INSERT ON ledger_entries
REFERENCING NEW TABLE AS inserted
FOR EACH STATEMENT EXECUTE FUNCTION check_zero_sum();

-- Rights ------------------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT ON accounts, ledger_transactions, ledger_entries, deposit_outputs TO wallet_service;
GRANT SELECT, INSERT, UPDATE ON players, account_balances, withdrawals TO wallet_service;
GRANT SELECT, INSERT, DELETE ON house_postings TO wallet_service;
GRANT USAGE, SELECT ON SEQUENCE accounts_account_id_seq TO wallet_service;

GRANT SELECT ON accounts, account_balances, ledger_transactions, ledger_entries TO wallet_api;
