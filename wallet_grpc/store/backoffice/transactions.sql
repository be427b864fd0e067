-- Transactions as operators find them. Each walk goes through one index from the cursor on, newest first, looks at
-- scan_rows_max rows at most, and stops when the page is full: so a page costs the same wherever it lies. The last row
-- that it may look at is returned whether it matches or not: the next page goes on from there. Times are looked for
-- with a minute to spare on both sides, since ids are in the order of time but for steps of the database's clock, and
-- each row's own time is looked at.

-- All, by their ids, which begin with their times.
-- name: walk_all
SELECT
    walked.tx_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.tx_id,
        row_number() OVER (ORDER BY stored.tx_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND (stored.kind = any(coalesce(%(kinds)s::TEXT[], ARRAY[stored.kind])))
        AND (%(kinds)s::TEXT[] IS NOT NULL OR stored.kind <> 'TOMBSTONE')
        AND (
            %(currency_network_id)s::INTEGER IS NULL
            OR stored.currency_network_id = %(currency_network_id)s::INTEGER
        )
        AND (%(game_code)s::TEXT IS NULL OR stored.game_code = %(game_code)s::TEXT)
        AND (%(round_id)s::TEXT IS NULL OR stored.round_id = %(round_id)s::TEXT)
        AND (%(begins_at)s::TIMESTAMPTZ IS NULL OR stored.created_at >= %(begins_at)s::TIMESTAMPTZ)
        AND (%(ends_at)s::TIMESTAMPTZ IS NULL OR stored.created_at < %(ends_at)s::TIMESTAMPTZ) AS is_wanted
    FROM (
        SELECT
            ledger_transactions.tx_id,
            ledger_transactions.source,
            ledger_transactions.kind,
            ledger_transactions.currency_network_id,
            ledger_transactions.game_code,
            ledger_transactions.round_id,
            ledger_transactions.created_at
        FROM ledger_transactions
        WHERE
            ledger_transactions.tx_id < %(before_tx_id)s::UUID
            AND ledger_transactions.tx_id >= %(from_tx_id)s::UUID
        ORDER BY ledger_transactions.tx_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.tx_id DESC
LIMIT %(rows_max)s::BIGINT;

-- Those of kinds that are rare, each kind by itself.
-- name: walk_rare
SELECT
    walked.tx_id::TEXT,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.tx_id,
        row_number() OVER (ORDER BY stored.tx_id DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND (
            %(currency_network_id)s::INTEGER IS NULL
            OR stored.currency_network_id = %(currency_network_id)s::INTEGER
        )
        AND (%(game_code)s::TEXT IS NULL OR stored.game_code = %(game_code)s::TEXT)
        AND (%(round_id)s::TEXT IS NULL OR stored.round_id = %(round_id)s::TEXT)
        AND (%(begins_at)s::TIMESTAMPTZ IS NULL OR stored.created_at >= %(begins_at)s::TIMESTAMPTZ)
        AND (%(ends_at)s::TIMESTAMPTZ IS NULL OR stored.created_at < %(ends_at)s::TIMESTAMPTZ) AS is_wanted
    FROM (
        SELECT
            one_kind.tx_id,
            one_kind.source,
            one_kind.currency_network_id,
            one_kind.game_code,
            one_kind.round_id,
            one_kind.created_at
        FROM unnest(%(kinds)s::TEXT[]) AS wanted (kind)
        CROSS JOIN
            LATERAL (
                SELECT
                    ledger_transactions.tx_id,
                    ledger_transactions.source,
                    ledger_transactions.currency_network_id,
                    ledger_transactions.game_code,
                    ledger_transactions.round_id,
                    ledger_transactions.created_at
                FROM ledger_transactions
                WHERE
                    ledger_transactions.kind = wanted.kind
                    AND ledger_transactions.kind IN (
                        'WITHDRAWAL_RESERVATION', 'WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE', 'DEPOSIT',
                        'ADJUSTMENT', 'PLAYER_STATE', 'LEDGER_CREATION', 'JOURNAL_ENTRY'
                    )
                    AND ledger_transactions.tx_id < %(before_tx_id)s::UUID
                    AND ledger_transactions.tx_id >= %(from_tx_id)s::UUID
                ORDER BY ledger_transactions.tx_id DESC
                LIMIT %(scan_rows_max)s::BIGINT
            ) AS one_kind
        ORDER BY one_kind.tx_id DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.tx_id DESC
LIMIT %(rows_max)s::BIGINT;

-- A player's, in the order in which they happened. Where a time lies in it is found by halving: a look-up for each
-- doubling of its length.
-- name: walk_player
WITH RECURSIVE halving AS (
    SELECT
        wanted.is_end,
        wanted.at,
        0::BIGINT AS before_version,
        newest.owner_version + 1 AS from_version
    FROM (
        VALUES
        (FALSE, %(begins_at)s::TIMESTAMPTZ - INTERVAL '2 minutes'),
        (TRUE, %(ends_at)s::TIMESTAMPTZ + INTERVAL '2 minutes')
    ) AS wanted (is_end, at)
    CROSS JOIN
        LATERAL (
            SELECT ledger_transactions.owner_version
            FROM ledger_transactions
            WHERE ledger_transactions.owner_id = %(player_id)s::BIGINT AND wanted.at IS NOT NULL
            ORDER BY ledger_transactions.owner_version DESC
            LIMIT 1
        ) AS newest
    UNION ALL
    SELECT
        halving.is_end,
        halving.at,
        CASE WHEN middle.created_at < halving.at THEN middle.owner_version ELSE halving.before_version END,
        CASE WHEN middle.created_at < halving.at THEN halving.from_version ELSE middle.owner_version END
    FROM halving
    CROSS JOIN
        LATERAL (
            SELECT
                ledger_transactions.owner_version,
                ledger_transactions.created_at
            FROM ledger_transactions
            WHERE
                ledger_transactions.owner_id = %(player_id)s::BIGINT
                AND ledger_transactions.owner_version = (halving.before_version + halving.from_version) / 2
            LIMIT 1
        ) AS middle
    WHERE halving.before_version + 1 < halving.from_version
),

bounds AS (
    SELECT
        max(halving.before_version) FILTER (WHERE NOT halving.is_end) AS after_version,
        min(halving.from_version) FILTER (WHERE halving.is_end) AS before_version
    FROM halving
)

SELECT
    walked.tx_id::TEXT,
    walked.owner_version,
    walked.is_wanted,
    walked.place = %(scan_rows_max)s::BIGINT AS is_last_place
FROM (
    SELECT
        stored.tx_id,
        stored.owner_version,
        row_number() OVER (ORDER BY stored.owner_version DESC) AS place,
        (%(source)s::TEXT IS NULL OR stored.source = %(source)s::TEXT)
        AND (stored.kind = any(coalesce(%(kinds)s::TEXT[], ARRAY[stored.kind])))
        AND (%(kinds)s::TEXT[] IS NOT NULL OR stored.kind <> 'TOMBSTONE')
        AND (
            %(currency_network_id)s::INTEGER IS NULL
            OR stored.currency_network_id = %(currency_network_id)s::INTEGER
        )
        AND (%(game_code)s::TEXT IS NULL OR stored.game_code = %(game_code)s::TEXT)
        AND (%(round_id)s::TEXT IS NULL OR stored.round_id = %(round_id)s::TEXT)
        AND (%(begins_at)s::TIMESTAMPTZ IS NULL OR stored.created_at >= %(begins_at)s::TIMESTAMPTZ)
        AND (%(ends_at)s::TIMESTAMPTZ IS NULL OR stored.created_at < %(ends_at)s::TIMESTAMPTZ) AS is_wanted
    FROM (
        SELECT
            ledger_transactions.tx_id,
            ledger_transactions.owner_version,
            ledger_transactions.source,
            ledger_transactions.kind,
            ledger_transactions.currency_network_id,
            ledger_transactions.game_code,
            ledger_transactions.round_id,
            ledger_transactions.created_at
        FROM ledger_transactions
        WHERE
            ledger_transactions.owner_id = %(player_id)s::BIGINT
            AND ledger_transactions.owner_version < least(
                %(before_version)s::BIGINT, (SELECT bounds.before_version FROM bounds)
            )
            AND ledger_transactions.owner_version > coalesce((SELECT bounds.after_version FROM bounds), 0)
        ORDER BY ledger_transactions.owner_version DESC
        LIMIT %(scan_rows_max)s::BIGINT
    ) AS stored
) AS walked
WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
ORDER BY walked.owner_version DESC
LIMIT %(rows_max)s::BIGINT;

-- Those of a round, newest first: it is known by all that names it, and what it has is read whole. One that has more
-- than may be looked at is walked as its player's.
-- name: round
SELECT
    played.tx_id::TEXT,
    played.owner_version,
    (%(kinds)s::TEXT[] IS NULL OR played.kind = any(%(kinds)s::TEXT[]))
    AND (%(begins_at)s::TIMESTAMPTZ IS NULL OR played.created_at >= %(begins_at)s::TIMESTAMPTZ)
    AND (%(ends_at)s::TIMESTAMPTZ IS NULL OR played.created_at < %(ends_at)s::TIMESTAMPTZ) AS is_wanted
FROM (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.owner_version,
        ledger_transactions.kind,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.round_hash = %(round_hash)s::UUID AND ledger_transactions.round_hash IS NOT NULL
    LIMIT %(scan_rows_max)s::BIGINT
) AS played
ORDER BY played.owner_version DESC;

-- All about transactions, in the order in which they are asked for: with what reversed each, and the first of its
-- postings.
-- name: records
SELECT
    wanted.position::INTEGER,
    found.tx_id::TEXT,
    found.owner_id,
    found.source,
    found.reference,
    found.key_hash::TEXT,
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
    rollback.tx_id::TEXT AS rollback_tx_id,
    found.metadata,
    found.details,
    posted.postings
FROM unnest(%(tx_ids)s::UUID[]) WITH ORDINALITY AS wanted (tx_id, position)
CROSS JOIN
    LATERAL (
        SELECT ledger_transactions.*
        FROM ledger_transactions
        WHERE ledger_transactions.tx_id = wanted.tx_id
        LIMIT 1
    ) AS found
LEFT JOIN LATERAL (
    SELECT ledger_transactions.tx_id
    FROM ledger_transactions
    WHERE ledger_transactions.reverses_tx_id = found.tx_id AND ledger_transactions.reverses_tx_id IS NOT NULL
    LIMIT 1
) AS rollback ON TRUE
LEFT JOIN LATERAL (
    SELECT
        json_agg(
            json_build_array(accounts.account_type, entries.amount_minor::TEXT, entries.balance_after::TEXT)
            ORDER BY entries.entry_no
        ) AS postings
    FROM (
        SELECT
            ledger_entries.entry_no,
            ledger_entries.account_id,
            ledger_entries.amount_minor,
            ledger_entries.balance_after
        FROM ledger_entries
        WHERE ledger_entries.tx_id = found.tx_id AND ledger_entries.entry_no <= %(postings_max)s::SMALLINT
    ) AS entries
    INNER JOIN accounts ON entries.account_id = accounts.account_id
) AS posted ON TRUE
ORDER BY wanted.position;
