-- noqa: disable=RF03
-- What operators look things up by. A bet pays for one of these indexes, which costs it next to nothing: it is a
-- summary of ranges of pages (BRIN). The conditions of the partial ones leave bets out; sessions, withdrawals, players'
-- states and wallets are written once or twice each.

-- Sessions of a player, of a source, and those that are open, in the order in which they were opened. That an id is
-- there is true of every row: it keeps from the index, here and below, who does not say between which ids they look. A
-- lane that looks for one owner's open sessions would else walk through all that are open, since a young ledger's plan
-- may have it so.
CREATE INDEX sessions_owner_idx ON sessions (owner_id, session_id);
CREATE INDEX sessions_source_idx ON sessions (source, session_id);
CREATE INDEX sessions_open_idx ON sessions (session_id) WHERE state = 'OPEN' AND session_id IS NOT NULL;

-- Withdrawals of a state by age, of all players and of one. Ids are in the order of their bytes, which is the same
-- everywhere: lists of several cells are put together in it.
CREATE INDEX withdrawals_state_idx ON withdrawals (state, reserved_at, withdrawal_id COLLATE "C");
CREATE INDEX withdrawals_owner_idx ON withdrawals (owner_id, state, reserved_at, withdrawal_id COLLATE "C");

-- Players of a state, and what gave a player the state.
CREATE INDEX players_state_idx ON players (state, player_id);
CREATE INDEX ledger_transactions_state_idx ON ledger_transactions (owner_id, owner_version)
WHERE kind = 'PLAYER_STATE';

-- Transactions of the kinds that are rare, newest first: among bets and wins nobody would find them.
CREATE INDEX ledger_transactions_rare_idx ON ledger_transactions (kind, tx_id)
WHERE kind IN (
    'WITHDRAWAL_RESERVATION', 'WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE', 'DEPOSIT', 'ADJUSTMENT', 'PLAYER_STATE',
    'LEDGER_CREATION', 'JOURNAL_ENTRY'
) AND tx_id IS NOT NULL;

-- Deposits and withdrawals by the hash on their network. What it is of is told apart by the rows.
CREATE INDEX ledger_transactions_tx_hash_idx ON ledger_transactions (lower(details ->> 'tx_hash'))
WHERE details ? 'tx_hash';

-- Rounds by their ids alone, and what was played in sessions by the ids that games gave it. Rows are never changed and
-- come in the order of time, so it is enough to know which ranges of pages cannot have an id.
CREATE INDEX ledger_transactions_round_id_idx ON ledger_transactions
USING brin (round_id text_bloom_ops (n_distinct_per_range = 2000, false_positive_rate = 0.002))
WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX subledger_entries_ids_idx ON subledger_entries
USING brin (
    round_id text_bloom_ops (n_distinct_per_range = 1100, false_positive_rate = 0.001),
    transaction_id text_bloom_ops (n_distinct_per_range = 1100, false_positive_rate = 0.001)
)
WITH (pages_per_range = 32, autosummarize = on);

-- Credit wallets of a ledger.
CREATE INDEX credit_wallets_ledger_idx ON credit_wallets (ledger_id, caller_key COLLATE "C");

-- An event that no queue takes, by its transaction.
CREATE INDEX outbox_events_parked_tx_idx ON outbox_events (tx_id) WHERE parked_at IS NOT NULL;

DO $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO wallet_backoffice', current_schema());
END
$$;

GRANT SELECT ON players, accounts, account_balances, house_postings, ledger_transactions, ledger_entries, withdrawals,
deposit_outputs, outbox_events, cell_home, sessions, subledger_entries, posting_rounds, credit_wallets, reservations,
posting_queue, wallet_postings, journal_postings, day_marks, open_day_totals, open_day_movements, days, day_totals,
day_movements, day_balances TO wallet_backoffice;
