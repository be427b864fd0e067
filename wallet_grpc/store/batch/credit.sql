-- What a batch loads of credit wallets and ledgers, and its steps that store them; see batch.sql.

-- Rows are looked up one by one, as in session_batch.sql, whatever a plan thinks of tables that were empty.

-- The wallets of the batch at one instant after the locks: what has expired since held_as_of holds nothing.
-- The clock may have been set back; then the instant is the one that the wallet was last seen at.
-- name: load_wallets
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
)

SELECT
    found.wallet_id::TEXT,
    found.balance_minor::TEXT,
    found.version,
    found.entry_count,
    (found.held_minor - coalesce(expired.total, 0))::TEXT AS held_minor,
    greatest(clock.now, found.held_as_of) AS now
FROM clock
CROSS JOIN unnest(%(wallet_ids)s::UUID[]) AS wanted (wallet_id)
CROSS JOIN
    LATERAL (
        SELECT credit_wallets.*
        FROM credit_wallets
        WHERE credit_wallets.wallet_id = wanted.wallet_id
        OFFSET 0
    ) AS found
LEFT JOIN LATERAL (
    SELECT sum(reservations.amount_minor) AS total
    FROM reservations
    WHERE
        found.held_minor > 0
        AND reservations.wallet_id = found.wallet_id
        AND reservations.state = 'OPEN'
        AND reservations.expires_at > found.held_as_of
        AND reservations.expires_at <= clock.now
) AS expired ON TRUE;

-- name: load_wallet_entries
SELECT
    found.subledger_id::TEXT,
    found.key_hash::TEXT,
    found.kind,
    found.amount_minor::TEXT
FROM unnest(%(wallet_entry_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT entries.*
        FROM subledger_entries AS entries
        WHERE entries.key_hash = wanted.key_hash
        OFFSET 0
    ) AS found;

-- name: load_reservations
SELECT
    found.reservation_id::TEXT,
    found.wallet_id::TEXT,
    found.owner_id,
    found.amount_minor::TEXT,
    found.ttl_s,
    found.expires_at,
    found.state,
    found.committed_minor::TEXT
FROM unnest(%(reservation_keys)s::UUID[]) AS wanted (reservation_id)
CROSS JOIN
    LATERAL (
        SELECT reservations.*
        FROM reservations
        WHERE reservations.reservation_id = wanted.reservation_id
        OFFSET 0
    ) AS found;

-- Ledgers whose creation is sent again.
-- name: load_ledgers
SELECT
    made.key_hash::TEXT,
    ledgers.ledger_id::TEXT,
    ledgers.owner_id,
    ledgers.source,
    ledgers.name,
    ledgers.currency_network_id,
    ledgers.created_at
FROM unnest(%(creation_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT
            ledger_transactions.tx_id,
            ledger_transactions.key_hash
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = wanted.key_hash
        LIMIT 1
    ) AS made
CROSS JOIN
    LATERAL (
        SELECT found.*
        FROM ledgers AS found
        WHERE found.ledger_id = made.tx_id
        LIMIT 1
    ) AS ledgers;

-- The accounts that journal entries name; what does not exist comes into being by use.
-- name: load_journal_accounts
SELECT
    wanted.ledger_id::TEXT,
    wanted.account_code,
    wanted.currency_network_id,
    accounts.account_id,
    account_balances.balance_minor::TEXT,
    account_balances.version
FROM
    unnest(
        %(journal_ledger_ids)s::UUID[],
        string_to_array(%(journal_account_codes)s, E'\x1f'),
        %(journal_network_ids)s::INTEGER[]
    )
        AS wanted (ledger_id, account_code, currency_network_id)
CROSS JOIN
    LATERAL (
        SELECT found.account_id
        FROM accounts AS found
        WHERE
            found.ledger_id = wanted.ledger_id
            AND found.account_code = wanted.account_code
            AND found.account_type = 'JOURNAL'
        OFFSET 0
    ) AS accounts
CROSS JOIN
    LATERAL (
        SELECT
            derived.balance_minor,
            derived.version
        FROM account_balances AS derived
        WHERE derived.account_id = accounts.account_id AND derived.stripe = 0
        OFFSET 0
    ) AS account_balances;

-- What an entry that is sent again had posted.
-- name: load_journal_legs
SELECT
    made.key_hash::TEXT,
    accounts.account_code,
    posted.amount_minor::TEXT
FROM unnest(%(journal_keys)s::UUID[]) AS wanted (key_hash)
CROSS JOIN
    LATERAL (
        SELECT
            ledger_transactions.tx_id,
            ledger_transactions.key_hash
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = wanted.key_hash AND ledger_transactions.kind = 'JOURNAL_ENTRY'
        LIMIT 1
    ) AS made
CROSS JOIN
    LATERAL (
        SELECT ledger_entries.*
        FROM ledger_entries
        WHERE ledger_entries.tx_id = made.tx_id
        OFFSET 0
    ) AS posted
CROSS JOIN
    LATERAL (
        SELECT found.account_code
        FROM accounts AS found
        WHERE found.account_id = posted.account_id
        LIMIT 1
    ) AS accounts
ORDER BY posted.tx_id, posted.entry_id;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_new_wallets
INSERT INTO credit_wallets (
    wallet_id, owner_id, ledger_id, caller_key, balance_minor, held_minor, held_as_of, version, entry_count, created_at
)
SELECT
    made.wallet_id,
    made.owner_id,
    made.ledger_id,
    made.caller_key,
    made.balance_minor,
    made.held_minor,
    %(now)s::TIMESTAMPTZ,
    made.version,
    made.entry_count,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(new_wallet_ids)s::UUID[],
        %(new_wallet_owner_ids)s::BIGINT[],
        %(new_wallet_ledger_ids)s::UUID[],
        string_to_array(%(new_wallet_caller_keys)s, E'\x1f'),
        %(new_wallet_balances)s::NUMERIC[],
        %(new_wallet_helds)s::NUMERIC[],
        %(new_wallet_versions)s::BIGINT[],
        %(new_wallet_entry_counts)s::BIGINT[]
    ) AS made (wallet_id, owner_id, ledger_id, caller_key, balance_minor, held_minor, version, entry_count)
RETURNING credit_wallets.wallet_id;

-- name: step_raised_wallets
UPDATE credit_wallets SET
    balance_minor = raised.balance_minor,
    held_minor = raised.held_minor,
    held_as_of = raised.held_as_of,
    version = raised.version,
    entry_count = raised.entry_count
FROM
    unnest(
        %(raised_wallet_ids)s::UUID[],
        %(raised_wallet_loaded_versions)s::BIGINT[],
        %(raised_wallet_versions)s::BIGINT[],
        %(raised_wallet_entry_counts)s::BIGINT[],
        %(raised_wallet_balances)s::NUMERIC[],
        %(raised_wallet_helds)s::NUMERIC[],
        string_to_array(%(raised_wallet_moments)s, E'\x1f')::TIMESTAMPTZ[]
    ) AS raised (wallet_id, loaded_version, version, entry_count, balance_minor, held_minor, held_as_of)
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM credit_wallets AS loaded
        WHERE loaded.wallet_id = raised.wallet_id AND loaded.version = raised.loaded_version
        OFFSET 0
    ) AS found
WHERE credit_wallets.ctid = found.address
RETURNING credit_wallets.wallet_id;

-- name: step_wallet_entries
INSERT INTO subledger_entries (
    subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
    balance_after_minor, closes_round, reference_key, late, metadata, source, created_at
)
SELECT
    written.subledger_id,
    written.entry_no,
    written.owner_id,
    written.kind,
    'APPLIED',
    written.transaction_id,
    written.key_hash,
    written.amount_minor,
    written.change_minor,
    written.balance_after_minor,
    FALSE,
    written.reference_key,
    FALSE,
    written.metadata,
    written.source,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(written_wallet_ids)s::UUID[],
        %(written_entry_nos)s::BIGINT[],
        %(written_owner_ids)s::BIGINT[],
        %(written_kinds)s::TEXT[],
        string_to_array(%(written_transaction_ids)s, E'\x1f'),
        %(written_keys)s::UUID[],
        %(written_amounts)s::NUMERIC[],
        %(written_changes)s::NUMERIC[],
        %(written_balances)s::NUMERIC[],
        %(written_reference_keys)s::UUID[],
        string_to_array(%(written_metadata)s, E'\x1f', '')::JSONB[],
        string_to_array(%(written_sources)s, E'\x1f')
    )
        AS written (
            subledger_id,
            entry_no,
            owner_id,
            kind,
            transaction_id,
            key_hash,
            amount_minor,
            change_minor,
            balance_after_minor, reference_key, metadata, source
        )
RETURNING subledger_entries.entry_no;

-- name: step_new_reservations
INSERT INTO reservations (
    reservation_id, wallet_id, owner_id, amount_minor, ttl_s, expires_at, state, committed_minor
)
SELECT
    begun.reservation_id,
    begun.wallet_id,
    begun.owner_id,
    begun.amount_minor,
    begun.ttl_s,
    begun.expires_at,
    begun.state,
    begun.committed_minor
FROM
    unnest(
        %(begun_keys)s::UUID[],
        %(begun_wallet_ids)s::UUID[],
        %(begun_owner_ids)s::BIGINT[],
        %(begun_amounts)s::NUMERIC[],
        %(begun_ttls)s::INTEGER[],
        string_to_array(%(begun_expiries)s, E'\x1f')::TIMESTAMPTZ[],
        %(begun_states)s::TEXT[],
        %(begun_commits)s::NUMERIC[]
    ) AS begun (reservation_id, wallet_id, owner_id, amount_minor, ttl_s, expires_at, state, committed_minor)
RETURNING reservations.reservation_id;

-- name: step_ended_reservations
UPDATE reservations SET state = ended.state, committed_minor = ended.committed_minor
FROM
    unnest(
        %(ended_keys)s::UUID[], %(ended_states)s::TEXT[], %(ended_commits)s::NUMERIC[]
    ) AS ended (reservation_id, state, committed_minor)
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM reservations AS loaded
        WHERE loaded.reservation_id = ended.reservation_id
        LIMIT 1
    ) AS found
WHERE reservations.ctid = found.address AND reservations.state = 'OPEN'
RETURNING reservations.reservation_id;

-- One row for each ledger of the batch: the poster learns of the wallets as their writes are committed.
-- name: step_posting_queue
INSERT INTO posting_queue (ledger_id, wallet_ids, queued_at)
SELECT
    written.ledger_id,
    array_agg(written.wallet_id),
    %(now)s::TIMESTAMPTZ
FROM
    unnest(%(queued_ledger_ids)s::UUID[], %(queued_wallet_ids)s::UUID[]) AS written (ledger_id, wallet_id)
GROUP BY written.ledger_id
RETURNING posting_queue.queue_id;

-- name: step_new_ledgers
INSERT INTO ledgers (ledger_id, owner_id, source, name, currency_network_id, created_at)
SELECT
    made.ledger_id,
    made.owner_id,
    made.source,
    made.name,
    made.currency_network_id,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(new_ledger_ids)s::UUID[],
        %(new_ledger_owner_ids)s::BIGINT[],
        string_to_array(%(new_ledger_sources)s, E'\x1f'),
        string_to_array(%(new_ledger_names)s, E'\x1f'),
        %(new_ledger_networks)s::INTEGER[]
    ) AS made (ledger_id, owner_id, source, name, currency_network_id)
RETURNING ledgers.ledger_id;

-- name: step_new_journal_accounts
INSERT INTO accounts (account_id, account_type, currency_network_id, ledger_id, account_code)
SELECT
    added.account_id,
    'JOURNAL',
    added.currency_network_id,
    added.ledger_id,
    added.account_code
FROM
    unnest(
        %(new_journal_account_ids)s::BIGINT[],
        %(new_journal_networks)s::INTEGER[],
        %(new_journal_ledger_ids)s::UUID[],
        string_to_array(%(new_journal_codes)s, E'\x1f')
    ) AS added (account_id, currency_network_id, ledger_id, account_code)
RETURNING accounts.account_id;

-- name: step_new_journal_balances
INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
SELECT
    added.account_id,
    0,
    NULL,
    added.balance_minor,
    added.version
FROM
    unnest(
        %(new_journal_account_ids)s::BIGINT[],
        %(new_journal_balances)s::NUMERIC[],
        %(new_journal_versions)s::BIGINT[]
    ) AS added (account_id, balance_minor, version)
RETURNING account_balances.account_id;

-- name: step_changed_journal_balances
UPDATE account_balances SET balance_minor = changed.balance_minor, version = changed.version
FROM
    unnest(
        %(changed_journal_ids)s::BIGINT[],
        %(changed_journal_balances)s::NUMERIC[],
        %(changed_journal_versions)s::BIGINT[]
    ) AS changed (account_id, balance_minor, version)
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM account_balances AS loaded
        WHERE loaded.account_id = changed.account_id AND loaded.stripe = 0
        OFFSET 0
    ) AS found
WHERE account_balances.ctid = found.address
RETURNING account_balances.account_id;

-- name: step_journal_postings
INSERT INTO journal_postings (account_id, posting_no, tx_id, amount_minor, balance_after_minor, created_at)
SELECT
    posted.account_id,
    posted.posting_no,
    posted.tx_id,
    posted.amount_minor,
    posted.balance_after_minor,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(journal_posting_account_ids)s::BIGINT[],
        %(journal_posting_nos)s::BIGINT[],
        %(journal_posting_tx_ids)s::UUID[],
        %(journal_posting_amounts)s::NUMERIC[],
        %(journal_posting_balances)s::NUMERIC[]
    ) AS posted (account_id, posting_no, tx_id, amount_minor, balance_after_minor)
RETURNING journal_postings.posting_no;
