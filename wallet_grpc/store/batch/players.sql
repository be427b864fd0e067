-- What a lane does with a batch: lock, load, store. See wallet_grpc/store/batch.py for the order and the proof.
--
-- Every load looks its rows up by their keys, one by one: LATERAL with a LIMIT, and OFFSET 0 in an EXISTS, keep the
-- planner from turning it into a join, which on a ledger that was small when it was analyzed walks whole indexes.

-- Takes the owners' locks: those that are free, and `held` tells whose are not; or, asked to wait, each after the other
-- until its holder lets go; or none. Then the first stripe that no other lane holds: one of those that house accounts
-- are spread over, else one beyond them, else any, which is slower and as right, since a store adds to it.
-- Transaction-level locks: they end with the transaction, whatever happens to the lane. The time is read after them,
-- and under the lane's lock of the clock, which whoever answers about the past looks at (store/moments.py).
-- name: lock_owners
WITH locked AS MATERIALIZED (
    SELECT
        array_agg(wanted.owner_id) FILTER (
            WHERE NOT CASE %(locking)s::TEXT
                WHEN 'TRY' THEN pg_try_advisory_xact_lock(wanted.owner_id)
                WHEN 'WAIT' THEN pg_advisory_xact_lock(wanted.owner_id)::TEXT = ''
                ELSE TRUE
            END
        ) AS held
    FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
),

free AS MATERIALIZED (
    SELECT candidate.stripe
    FROM locked, unnest(%(stripes)s::INTEGER[]) AS candidate (stripe)
    WHERE pg_try_advisory_xact_lock(%(stripe_class)s::INTEGER, candidate.stripe)
    LIMIT 1
),

clocked AS MATERIALIZED (
    SELECT
        locked.held,
        pg_try_advisory_xact_lock(%(clock_class)s::INTEGER, %(clock_key)s::INTEGER) AS taken
    FROM locked
)

SELECT
    clocked.taken AS clocked,
    clocked.held,
    coalesce(
        (SELECT free.stripe FROM free),
        (
            SELECT spare.stripe
            FROM generate_series(%(spare_from)s::INTEGER, %(spare_to)s::INTEGER) AS spare (stripe)
            WHERE pg_try_advisory_xact_lock(%(stripe_class)s::INTEGER, spare.stripe)
            LIMIT 1
        ),
        (%(stripes)s::INTEGER[])[1]
    ) AS stripe,
    clock_timestamp() AS now,
    current_setting('synchronous_standby_names') <> '' AS has_standby
FROM clocked;

-- name: load_owners
SELECT
    wanted.owner_id,
    owners.version,
    players.state
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
LEFT JOIN owners ON wanted.owner_id = owners.owner_id
LEFT JOIN players ON wanted.owner_id = players.player_id;

-- The accounts of the owners; of those who may gain something also what is at play in their open sessions.
-- name: load_accounts
SELECT
    wanted.owner_id,
    wanted.currency_network_id,
    found.account_type,
    found.account_id,
    derived.balance_minor::TEXT,
    derived.version,
    CASE
        WHEN wanted.gains AND found.account_type = 'SESSION_HOLD' AND derived.balance_minor > 0
            THEN (
                SELECT sum(sessions.balance_minor)
                FROM sessions
                WHERE
                    sessions.owner_id = wanted.owner_id
                    AND sessions.currency_network_id = wanted.currency_network_id
                    AND sessions.state = 'OPEN'
            )
    END::TEXT AS at_play_minor
FROM
    unnest(%(owner_ids)s::BIGINT[], %(network_ids)s::INTEGER[], %(gains)s::BOOLEAN[])
        AS wanted (owner_id, currency_network_id, gains)
CROSS JOIN
    LATERAL (
        SELECT
            accounts.account_id,
            accounts.account_type
        FROM accounts
        WHERE
            accounts.player_id = wanted.owner_id
            AND accounts.currency_network_id = wanted.currency_network_id
        LIMIT 16
    ) AS found
CROSS JOIN LATERAL (
    SELECT
        account_balances.balance_minor,
        account_balances.version
    FROM account_balances
    WHERE account_balances.account_id = found.account_id AND account_balances.stripe = 0
    LIMIT 1
) AS derived;

-- Every account of the owners, for a player who is to be closed.
-- name: load_all_accounts
SELECT
    accounts.player_id,
    accounts.currency_network_id,
    accounts.account_type,
    accounts.account_id,
    account_balances.balance_minor::TEXT,
    account_balances.version,
    NULL::TEXT AS at_play_minor
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
CROSS JOIN
    LATERAL (
        SELECT found.*
        FROM accounts AS found
        WHERE found.player_id = wanted.owner_id
        OFFSET 0
    ) AS accounts
CROSS JOIN
    LATERAL (
        SELECT
            derived.balance_minor,
            derived.version
        FROM account_balances AS derived
        WHERE derived.account_id = accounts.account_id AND derived.stripe = 0
        LIMIT 1
    ) AS account_balances;

-- The transactions that the commands are or name, each with what has reversed it and with its standing wins (as many as
-- a batch could roll back: more need not be counted).
-- name: load_transactions
SELECT
    wanted.position,
    found.tx_id::TEXT,
    found.owner_id,
    found.source,
    found.reference,
    found.kind,
    found.status,
    found.currency_network_id,
    found.amount_minor::TEXT,
    found.win_amount_minor::TEXT,
    found.fee_minor::TEXT,
    found.game_code,
    found.round_id,
    found.round_hash::TEXT,
    found.closes_round,
    found.reference_transaction_id,
    found.reference_tx_id::TEXT,
    found.reverses_tx_id::TEXT,
    found.variant,
    found.main_balance_after_minor::TEXT,
    found.created_at,
    rollback.tx_id::TEXT,
    rollback.main_balance_after_minor::TEXT,
    rollback.created_at AS rollback_created_at,
    wins.standing
FROM unnest(%(keys)s::UUID[]) WITH ORDINALITY AS wanted (key_hash, position)
CROSS JOIN
    LATERAL (
        SELECT ledger_transactions.*
        FROM ledger_transactions
        WHERE ledger_transactions.key_hash = wanted.key_hash
        LIMIT 1
    ) AS found
LEFT JOIN LATERAL (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.main_balance_after_minor,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.reverses_tx_id = found.tx_id
    LIMIT 1
) AS rollback ON TRUE
LEFT JOIN LATERAL (
    SELECT count(*) AS standing
    FROM (
        SELECT
        FROM ledger_transactions AS win
        WHERE
            win.reference_tx_id = found.tx_id
            AND NOT EXISTS (
                SELECT FROM ledger_transactions AS win_rollback
                WHERE win_rollback.reverses_tx_id = win.tx_id
                OFFSET 0
            )
        LIMIT %(standing_wins_max)s::INTEGER
    ) AS bounded
) AS wins ON found.kind IN ('BET', 'BET_AND_WIN');

-- The closed ones among the rounds: how many standing transactions closed each (as many as a batch could roll back).
-- name: load_rounds
SELECT
    wanted.position,
    closed.closers
FROM unnest(%(round_keys)s::UUID[]) WITH ORDINALITY AS wanted (round_hash, position)
CROSS JOIN
    LATERAL (
        SELECT count(*) AS closers
        FROM (
            SELECT
            FROM ledger_transactions AS closer
            WHERE
                closer.round_hash = wanted.round_hash
                AND closer.closes_round
                AND NOT EXISTS (
                    SELECT FROM ledger_transactions AS closer_rollback
                    WHERE closer_rollback.reverses_tx_id = closer.tx_id
                    OFFSET 0
                )
            LIMIT %(closers_max)s::INTEGER
        ) AS bounded
    ) AS closed
WHERE closed.closers > 0;

-- name: load_deposit_outputs
SELECT wanted.position
FROM unnest(%(output_keys)s::UUID[]) WITH ORDINALITY AS wanted (output_hash, position)
CROSS JOIN LATERAL (
    SELECT
    FROM deposit_outputs
    WHERE deposit_outputs.output_hash = wanted.output_hash
    LIMIT 1
) AS used;

-- name: load_receipts
SELECT
    wanted.position,
    known.body_hash::TEXT,
    known.state
FROM unnest(%(receipt_keys)s::UUID[]) WITH ORDINALITY AS wanted (key_hash, position)
CROSS JOIN LATERAL (
    SELECT
        inbox_events.body_hash,
        inbox_events.state
    FROM inbox_events
    WHERE inbox_events.key_hash = wanted.key_hash
    LIMIT 1
) AS known;

-- Account ids for accounts that will come into being; those that are not used are skipped.
-- name: reserve_account_ids
SELECT nextval('accounts_account_id_seq')
FROM generate_series(1, %(count)s::INTEGER);

-- The steps of the store statement. Each becomes a CTE of the one statement that stores a batch; a batch takes the
-- steps for which it has rows. A step returns its rows, so that the end can count them.

-- Rows are looked up one by one and then updated by their address. A plain join may, while a table is small or has not
-- been analyzed, walk through the whole index instead; such a read conflicts with every other lane's writes.
-- name: step_raised_owners
UPDATE owners SET version = owners.version + raised.mutations
FROM
    unnest(
        %(raised_owner_ids)s::BIGINT[], %(raised_versions)s::BIGINT[], %(raised_mutations)s::BIGINT[]
    ) AS raised (owner_id, version, mutations)
CROSS JOIN
    LATERAL (
        SELECT loaded.ctid AS address
        FROM owners AS loaded
        WHERE loaded.owner_id = raised.owner_id AND loaded.version = raised.version
        OFFSET 0
    ) AS found
WHERE owners.ctid = found.address
RETURNING owners.owner_id;

-- name: step_new_owners
INSERT INTO owners (owner_id, version)
SELECT
    added.owner_id,
    added.mutations
FROM unnest(%(new_owner_ids)s::BIGINT[], %(new_owner_mutations)s::BIGINT[]) AS added (owner_id, mutations)
RETURNING owners.owner_id;

-- name: step_player_states
INSERT INTO players (player_id, state)
SELECT
    changed.player_id,
    changed.state
FROM unnest(%(player_ids)s::BIGINT[], %(player_states)s::TEXT[]) AS changed (player_id, state)
ON CONFLICT (player_id) DO UPDATE SET state = excluded.state
RETURNING players.player_id;

-- name: step_new_accounts
INSERT INTO accounts (account_id, player_id, account_type, currency_network_id)
SELECT
    added.account_id,
    added.player_id,
    added.account_type,
    added.currency_network_id
FROM
    unnest(
        %(new_account_ids)s::BIGINT[],
        %(new_account_players)s::BIGINT[],
        %(new_account_types)s::TEXT[],
        %(new_account_networks)s::INTEGER[]
    ) AS added (account_id, player_id, account_type, currency_network_id)
RETURNING accounts.account_id;

-- name: step_new_balances
INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
SELECT
    added.account_id,
    0,
    added.owner_id,
    added.balance_minor,
    added.version
FROM
    unnest(
        %(new_account_ids)s::BIGINT[],
        %(new_account_players)s::BIGINT[],
        %(new_account_balances)s::NUMERIC[],
        %(new_account_versions)s::BIGINT[]
    ) AS added (account_id, owner_id, balance_minor, version)
RETURNING account_balances.account_id;

-- name: step_changed_balances
UPDATE account_balances SET balance_minor = changed.balance_minor, version = changed.version
FROM
    unnest(
        %(changed_account_ids)s::BIGINT[], %(changed_balances)s::NUMERIC[], %(changed_versions)s::BIGINT[]
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

-- name: step_house_balances
INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
SELECT
    moved.account_id,
    %(stripe)s::SMALLINT,
    NULL,
    moved.amount_minor,
    0
FROM unnest(%(house_account_ids)s::BIGINT[], %(house_amounts)s::NUMERIC[]) AS moved (account_id, amount_minor)
ON CONFLICT (account_id, stripe) DO UPDATE SET balance_minor = account_balances.balance_minor + excluded.balance_minor
RETURNING account_balances.account_id;

-- name: step_transactions
INSERT INTO ledger_transactions (
    tx_id, owner_id, source, reference, key_hash, kind, status, currency_network_id, amount_minor, win_amount_minor,
    fee_minor, game_code, round_id, round_hash, closes_round, reference_transaction_id, reference_tx_id,
    reverses_tx_id, variant, main_balance_after_minor, entry_count, metadata, details, created_at
)
SELECT
    made.tx_id,
    made.owner_id,
    made.source,
    made.reference,
    made.key_hash,
    made.kind,
    made.status,
    made.currency_network_id,
    made.amount_minor,
    made.win_amount_minor,
    made.fee_minor,
    made.game_code,
    made.round_id,
    made.round_hash,
    made.closes_round,
    made.reference_transaction_id,
    made.reference_tx_id,
    made.reverses_tx_id,
    made.variant,
    made.main_balance_after_minor,
    made.entry_count,
    made.metadata,
    made.details,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(tx_ids)s::UUID[],
        %(tx_owner_ids)s::BIGINT[],
        string_to_array(%(sources)s, E'\x1f'),
        string_to_array(%(caller_references)s, E'\x1f'),
        %(key_hashes)s::UUID[],
        %(kinds)s::TEXT[],
        %(statuses)s::TEXT[],
        %(tx_network_ids)s::INTEGER[],
        %(amounts)s::NUMERIC[],
        %(win_amounts)s::NUMERIC[],
        %(fees)s::NUMERIC[],
        string_to_array(%(game_codes)s, E'\x1f', ''),
        string_to_array(%(round_ids)s, E'\x1f', ''),
        %(round_hashes)s::UUID[],
        %(closes_rounds)s::BOOLEAN[],
        string_to_array(%(reference_transaction_ids)s, E'\x1f', ''),
        %(reference_tx_ids)s::UUID[],
        %(reverses_tx_ids)s::UUID[],
        %(variants)s::TEXT[],
        %(main_balances)s::NUMERIC[],
        %(entry_counts)s::SMALLINT[],
        string_to_array(%(metadata)s, E'\x1f', '')::JSONB[],
        string_to_array(%(details)s, E'\x1f', '')::JSONB[]
    )
        AS made (
            tx_id,
            owner_id,
            source,
            reference,
            key_hash,
            kind,
            status,
            currency_network_id,
            amount_minor,
            win_amount_minor,
            fee_minor, game_code, round_id, round_hash, closes_round, reference_transaction_id, reference_tx_id,
            reverses_tx_id, variant, main_balance_after_minor, entry_count, metadata, details
        )
RETURNING ledger_transactions.tx_id;

-- name: step_entries
INSERT INTO ledger_entries (tx_id, owner_id, account_id, currency_network_id, amount_minor, balance_after)
SELECT
    posted.tx_id,
    posted.owner_id,
    posted.account_id,
    posted.currency_network_id,
    posted.amount_minor,
    posted.balance_after
FROM
    unnest(
        %(entry_tx_ids)s::UUID[],
        %(entry_owner_ids)s::BIGINT[],
        %(entry_account_ids)s::BIGINT[],
        %(entry_network_ids)s::INTEGER[],
        %(entry_amounts)s::NUMERIC[],
        %(entry_balances)s::NUMERIC[]
    ) AS posted (tx_id, owner_id, account_id, currency_network_id, amount_minor, balance_after)
RETURNING ledger_entries.entry_id;

-- name: step_withdrawals
INSERT INTO withdrawals (withdrawal_id, owner_id, currency_network_id, amount_minor, state, reserved_at, changed_at)
SELECT
    changed.withdrawal_id,
    changed.owner_id,
    changed.currency_network_id,
    changed.amount_minor,
    changed.state,
    %(now)s::TIMESTAMPTZ,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        string_to_array(%(withdrawal_ids)s, E'\x1f'),
        %(withdrawal_owner_ids)s::BIGINT[],
        %(withdrawal_network_ids)s::INTEGER[],
        %(withdrawal_amounts)s::NUMERIC[],
        %(withdrawal_states)s::TEXT[]
    ) AS changed (withdrawal_id, owner_id, currency_network_id, amount_minor, state)
ON CONFLICT (withdrawal_id) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at
RETURNING withdrawals.withdrawal_id;

-- name: step_deposit_outputs
INSERT INTO deposit_outputs (output_hash, owner_id, tx_id)
SELECT
    used.output_hash,
    used.owner_id,
    used.tx_id
FROM
    unnest(%(output_hashes)s::UUID[], %(output_owner_ids)s::BIGINT[], %(output_tx_ids)s::UUID[])
        AS used (output_hash, owner_id, tx_id)
RETURNING deposit_outputs.output_hash;

-- A received event whose effect this statement stores. One that waited or was parked is applied now; if another
-- consumer was first, or its body is another one, it is not counted, and the race is lost.
-- name: step_receipts
INSERT INTO inbox_events AS known (
    key_hash, source, event_id, event_type, body_hash, body, state, traceparent, received_at, changed_at
)
SELECT
    received.key_hash,
    received.source,
    received.event_id,
    received.event_type,
    received.body_hash,
    received.body,
    'APPLIED',
    received.traceparent,
    %(now)s::TIMESTAMPTZ,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(receipt_hashes)s::UUID[],
        string_to_array(%(receipt_sources)s, E'\x1f'),
        string_to_array(%(receipt_event_ids)s, E'\x1f'),
        string_to_array(%(receipt_event_types)s, E'\x1f'),
        %(receipt_body_hashes)s::UUID[],
        string_to_array(%(receipt_bodies)s, E'\x1f')::JSON[],
        string_to_array(%(receipt_traceparents)s, E'\x1f', '')
    ) AS received (key_hash, source, event_id, event_type, body_hash, body, traceparent)
ON CONFLICT (key_hash) DO UPDATE
    SET
        state = excluded.state,
        changed_at = excluded.changed_at,
        reason = NULL,
        detail = NULL,
        waits_for = NULL,
        due_at = NULL
    WHERE known.body_hash = excluded.body_hash AND known.state IN ('WAITING', 'PARKED')
RETURNING known.inbox_id;

-- name: step_events
INSERT INTO outbox_events (owner_id, tx_id, event_no, event_type, sequence, data, traceparent, created_at)
SELECT
    told.owner_id,
    told.tx_id,
    told.event_no,
    told.event_type,
    told.sequence,
    told.data,
    told.traceparent,
    %(now)s::TIMESTAMPTZ
FROM
    unnest(
        %(event_owner_ids)s::BIGINT[],
        %(event_tx_ids)s::UUID[],
        %(event_nos)s::SMALLINT[],
        %(event_types)s::TEXT[],
        %(event_sequences)s::BIGINT[],
        string_to_array(%(event_data)s, E'\x1f')::JSON[],
        string_to_array(%(event_traceparents)s, E'\x1f', '')
    ) AS told (owner_id, tx_id, event_no, event_type, sequence, data, traceparent)
RETURNING outbox_events.outbox_id;
