-- What `wallet verify` holds business days to; see verify_days.py.

-- The next closed day.
-- name: next_day
SELECT
    days.day,
    days.begins_at,
    days.ends_at
FROM days
WHERE days.day > %(after)s::DATE
ORDER BY days.day
LIMIT 1;

-- The open day as far as it is counted, in one snapshot.
-- name: open_day
SELECT
    day_marks.day,
    day_marks.begins_at,
    day_marks.counted_until,
    (
        SELECT
            json_agg(
                json_build_array(
                    totals.currency_network_id, totals.source, totals.game_code, totals.place, totals.kind,
                    totals.variant, totals.transactions, totals.amount_minor::TEXT, totals.win_minor::TEXT,
                    totals.fee_minor::TEXT
                )
            )
        FROM open_day_totals AS totals
    ) AS totals,
    (
        SELECT
            json_agg(
                json_build_array(
                    movements.currency_network_id, movements.account_type, movements.kind, movements.entries,
                    movements.debits_minor::TEXT, movements.credits_minor::TEXT
                )
            )
        FROM open_day_movements AS movements
    ) AS movements
FROM day_marks
WHERE day_marks.mark_id = 1;

-- name: day_totals
SELECT
    day_totals.currency_network_id,
    day_totals.source,
    day_totals.game_code,
    day_totals.place,
    day_totals.kind,
    day_totals.variant,
    day_totals.transactions,
    day_totals.amount_minor::TEXT,
    day_totals.win_minor::TEXT,
    day_totals.fee_minor::TEXT
FROM day_totals
WHERE day_totals.day = %(day)s::DATE;

-- name: day_movements
SELECT
    day_movements.currency_network_id,
    day_movements.account_type,
    day_movements.kind,
    day_movements.entries,
    day_movements.debits_minor::TEXT,
    day_movements.credits_minor::TEXT
FROM day_movements
WHERE day_movements.day = %(day)s::DATE;

-- What accounts of a type had been debited and credited at a day's end, beside what they had a day before and the day
-- moved; only what differs.
-- name: unequal_balances
SELECT
    coalesce(told.currency_network_id, made.currency_network_id) AS currency_network_id,
    coalesce(told.account_type, made.account_type) AS account_type,
    coalesce(told.credits_minor - told.debits_minor, 0)::TEXT AS told_minor,
    coalesce(made.credits_minor - made.debits_minor, 0)::TEXT AS made_minor
FROM (
    SELECT day_balances.*
    FROM day_balances
    WHERE day_balances.day = %(day)s::DATE
) AS told
FULL JOIN (
    SELECT
        moved.currency_network_id,
        moved.account_type,
        sum(moved.debits_minor) AS debits_minor,
        sum(moved.credits_minor) AS credits_minor
    FROM (
        SELECT
            day_balances.currency_network_id,
            day_balances.account_type,
            day_balances.debits_minor,
            day_balances.credits_minor
        FROM day_balances
        WHERE day_balances.day = %(day)s::DATE - 1
        UNION ALL
        SELECT
            day_movements.currency_network_id,
            day_movements.account_type,
            day_movements.debits_minor,
            day_movements.credits_minor
        FROM day_movements
        WHERE day_movements.day = %(day)s::DATE
    ) AS moved
    GROUP BY moved.currency_network_id, moved.account_type
) AS made ON told.currency_network_id = made.currency_network_id AND told.account_type = made.account_type
WHERE
    told.debits_minor IS DISTINCT FROM made.debits_minor
    OR told.credits_minor IS DISTINCT FROM made.credits_minor;

-- Transactions from before the first day, which no day has counted.
-- name: before_days
SELECT made.tx_id::TEXT
FROM ledger_transactions AS made
WHERE made.tx_id < %(first_tx_id)s::UUID AND made.kind NOT IN ('PLAYER_STATE', 'LEDGER_CREATION')
ORDER BY made.tx_id
LIMIT 1;

-- As ledger_movements of store/reads/slices.sql, with every account looked up. Each transaction's entries are looked up
-- as well: where the statistics know less than a slice has, a join of the two would take the square of it.
-- name: movements
SELECT
    entries.currency_network_id,
    entries.account_type,
    made.kind,
    count(*) AS entries,
    (-sum(least(entries.amount_minor, 0)))::TEXT AS debits_minor,
    sum(greatest(entries.amount_minor, 0))::TEXT AS credits_minor
FROM ledger_transactions AS made
CROSS JOIN
    LATERAL (
        SELECT
            found.currency_network_id,
            found.amount_minor,
            (
                SELECT accounts.account_type
                FROM accounts
                WHERE accounts.account_id = found.account_id
            ) AS account_type
        FROM ledger_entries AS found
        WHERE found.tx_id = made.tx_id
        OFFSET 0
    ) AS entries
WHERE made.tx_id >= %(first_tx_id)s::UUID AND made.tx_id < %(end_tx_id)s::UUID
GROUP BY entries.currency_network_id, entries.account_type, made.kind;
