-- noqa: disable=ST06
-- What was done in a slice of time, and what that moved; see slices.py. A transaction's time is that of its tx_id.

-- Transactions of the general ledger that count; players' states and the creation of ledgers move no money. A rollback
-- is told by what it undid; of one that came late to a session the ledger does not know that, but a bet that is undone
-- gives, and a win takes. How many entries they have tells what those of bets and wins moved, see slices.py.
-- name: ledger_totals
SELECT
    done.currency_network_id,
    done.source,
    coalesce(done.game_code, '') AS game_code,
    'LEDGER' AS place,
    done.kind,
    coalesce(done.variant, '') AS variant,
    count(*) AS transactions,
    sum(done.amount_minor)::TEXT AS amount_minor,
    coalesce(sum(done.win_amount_minor), 0)::TEXT AS win_minor,
    coalesce(sum(done.fee_minor), 0)::TEXT AS fee_minor,
    sum(done.entry_count) AS entries
FROM (
    SELECT
        made.currency_network_id,
        made.source,
        made.game_code,
        CASE made.kind
            WHEN 'ROLLBACK'
                THEN
                    coalesce(
                        (
                            SELECT reversed.kind
                            FROM ledger_transactions AS reversed
                            WHERE reversed.tx_id = made.reverses_tx_id
                        ),
                        (
                            SELECT CASE WHEN sum(entries.amount_minor) > 0 THEN 'BET' ELSE 'WIN' END
                            FROM ledger_entries AS entries
                            WHERE entries.tx_id = made.tx_id AND entries.account_version IS NOT NULL
                        )
                    ) || '_ROLLBACK'
            ELSE made.kind
        END AS kind,
        made.variant,
        made.amount_minor,
        made.win_amount_minor,
        made.fee_minor,
        made.entry_count
    FROM ledger_transactions AS made
    WHERE
        made.tx_id >= %(first_tx_id)s::UUID
        AND made.tx_id < %(end_tx_id)s::UUID
        AND made.status = 'APPLIED'
        AND made.kind NOT IN ('PLAYER_STATE', 'LEDGER_CREATION')
) AS done
GROUP BY done.currency_network_id, done.source, done.game_code, done.kind, done.variant;

-- Play inside sessions that counts. What came late and moved MAIN is a transaction of the ledger, and counts there.
-- name: session_totals
SELECT
    sessions.currency_network_id,
    sessions.source,
    sessions.game_code,
    'SESSION' AS place,
    played.kind,
    played.variant,
    sum(played.transactions)::BIGINT AS transactions,
    sum(played.amount_minor)::TEXT AS amount_minor,
    '0' AS win_minor,
    '0' AS fee_minor
FROM (
    SELECT
        entries.subledger_id,
        CASE entries.kind
            WHEN 'ROLLBACK'
                THEN
                    (
                        SELECT reversed.kind
                        FROM subledger_entries AS reversed
                        WHERE reversed.key_hash = entries.reverses_key
                    ) || '_ROLLBACK'
            ELSE entries.kind
        END AS kind,
        coalesce(entries.variant, '') AS variant,
        count(*) AS transactions,
        sum(entries.amount_minor) AS amount_minor
    FROM subledger_entries AS entries
    WHERE
        entries.created_at >= %(begins_at)s::TIMESTAMPTZ
        AND entries.created_at < %(ends_at)s::TIMESTAMPTZ
        AND entries.kind IN ('BET', 'WIN', 'ROLLBACK')
        AND entries.status = 'APPLIED'
        AND entries.tx_id IS NULL
    GROUP BY 1, 2, 3
) AS played
CROSS JOIN
    LATERAL (
        SELECT
            found.currency_network_id,
            found.source,
            found.game_code
        FROM sessions AS found
        WHERE found.session_id = played.subledger_id
        OFFSET 0
    ) AS sessions
GROUP BY sessions.currency_network_id, sessions.source, sessions.game_code, played.kind, played.variant;

-- What the entries of the general ledger moved, by the type of account and the kind of their transaction, but for bets
-- and wins: their totals tell it. What deposits, adjustments and rollbacks move of a player's is MAIN, and of the house
-- there are few: so only the accounts of other kinds are looked up. `wallet verify` looks up all, of all entries.
-- name: ledger_movements
SELECT
    moved.currency_network_id,
    moved.account_type,
    moved.kind,
    sum(moved.entries)::BIGINT AS entries,
    coalesce(-sum(moved.amount_minor) FILTER (WHERE NOT moved.gains), 0)::TEXT AS debits_minor,
    coalesce(sum(moved.amount_minor) FILTER (WHERE moved.gains), 0)::TEXT AS credits_minor
FROM (
    SELECT
        posted.currency_network_id,
        posted.kind,
        posted.gains,
        posted.entries,
        posted.amount_minor,
        CASE
            WHEN posted.account_id IS NULL THEN 'MAIN'
            ELSE (
                SELECT accounts.account_type
                FROM accounts
                WHERE accounts.account_id = posted.account_id
            )
        END AS account_type
    FROM (
        SELECT
            entries.currency_network_id,
            CASE
                WHEN
                    entries.account_version IS NULL OR made.kind NOT IN ('ROLLBACK', 'DEPOSIT', 'ADJUSTMENT')
                    THEN entries.account_id
            END AS account_id,
            made.kind,
            entries.amount_minor > 0 AS gains,
            count(*) AS entries,
            sum(entries.amount_minor) AS amount_minor
        FROM ledger_transactions AS made
        CROSS JOIN
            LATERAL (
                SELECT
                    found.currency_network_id,
                    found.account_id,
                    found.account_version,
                    found.amount_minor
                FROM ledger_entries AS found
                WHERE found.tx_id = made.tx_id
                OFFSET 0
            ) AS entries
        WHERE
            made.tx_id >= %(first_tx_id)s::UUID
            AND made.tx_id < %(end_tx_id)s::UUID
            AND made.kind NOT IN ('BET', 'WIN', 'BET_AND_WIN')
        GROUP BY 1, 2, 3, 4
    ) AS posted
) AS moved
GROUP BY moved.currency_network_id, moved.account_type, moved.kind;

-- The transaction after so many of a slice, where it has more.
-- name: transaction_after
SELECT made.tx_id::TEXT
FROM ledger_transactions AS made
WHERE made.tx_id >= %(first_tx_id)s::UUID AND made.tx_id < %(end_tx_id)s::UUID
ORDER BY made.tx_id
LIMIT 1 OFFSET %(rows_max)s::INTEGER;
