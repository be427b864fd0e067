-- How days are counted and closed; see days.py.

-- name: mark
SELECT
    day_marks.counting_until,
    day_marks.counted_until,
    day_marks.day,
    day_marks.begins_at,
    day_marks.ends_at,
    day_marks.begins_at_hour,
    clock_timestamp() AS now
FROM day_marks
WHERE day_marks.mark_id = 1;

-- When the first day begins: with the first transaction, or at a settled time, whichever is earlier. The time of
-- an id is never before that of its row.
-- name: first_moment
SELECT least(
    (
        SELECT made.created_at
        FROM ledger_transactions AS made
        ORDER BY made.tx_id
        LIMIT 1
    ),
    %(now)s::TIMESTAMPTZ
);

-- name: begin
UPDATE day_marks SET
    counting_until = greatest(day_marks.counting_until, %(begins_at)s::TIMESTAMPTZ),
    counted_until = %(begins_at)s::TIMESTAMPTZ,
    day = %(day)s::DATE,
    begins_at = %(begins_at)s::TIMESTAMPTZ,
    ends_at = %(ends_at)s::TIMESTAMPTZ,
    begins_at_hour = %(begins_at_hour)s::SMALLINT
WHERE day_marks.mark_id = 1 AND day_marks.day IS NULL;

-- Says that nothing of a time before this is stored any more, whenever that is long enough after the last one. Who is
-- counting has the row, and is not waited for.
-- name: intend
UPDATE day_marks SET counting_until = due.counting_until
FROM (
    SELECT
        found.mark_id,
        date_trunc(
            'milliseconds',
            least(clock_timestamp(), %(latest)s::TIMESTAMPTZ) - make_interval(secs => %(lag_ms)s::INTEGER / 1000.0)
        ) AS counting_until
    FROM day_marks AS found
    WHERE
        found.mark_id = 1
        AND found.counting_until
        <= least(clock_timestamp(), %(latest)s::TIMESTAMPTZ)
        - make_interval(secs => (%(lag_ms)s::INTEGER + %(interval_ms)s::INTEGER) / 1000.0)
    FOR UPDATE SKIP LOCKED
) AS due
WHERE day_marks.mark_id = due.mark_id;

-- The mark is this worker's until the transaction ends; no row where another has it.
-- name: lock_mark
SELECT
    day_marks.counting_until,
    day_marks.counted_until,
    day_marks.day,
    day_marks.begins_at,
    day_marks.ends_at,
    day_marks.begins_at_hour,
    clock_timestamp() AS now
FROM day_marks
WHERE day_marks.mark_id = 1
FOR UPDATE SKIP LOCKED;

-- name: add_totals
INSERT INTO open_day_totals (
    currency_network_id, source, game_code, place, kind, variant, transactions, amount_minor, win_minor, fee_minor
)
SELECT
    unnest(%(currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(%(source)s::TEXT[]) AS source,
    unnest(%(game_code)s::TEXT[]) AS game_code,
    unnest(%(place)s::TEXT[]) AS place,
    unnest(%(kind)s::TEXT[]) AS kind,
    unnest(%(variant)s::TEXT[]) AS variant,
    unnest(%(transactions)s::BIGINT[]) AS transactions,
    unnest(%(amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(win_minor)s::NUMERIC[]) AS win_minor,
    unnest(%(fee_minor)s::NUMERIC[]) AS fee_minor
ON CONFLICT (currency_network_id, source, game_code, place, kind, variant) DO UPDATE SET
    transactions = open_day_totals.transactions + excluded.transactions,
    amount_minor = open_day_totals.amount_minor + excluded.amount_minor,
    win_minor = open_day_totals.win_minor + excluded.win_minor,
    fee_minor = open_day_totals.fee_minor + excluded.fee_minor;

-- name: add_movements
INSERT INTO open_day_movements (currency_network_id, account_type, kind, entries, debits_minor, credits_minor)
SELECT
    unnest(%(currency_network_id)s::INTEGER[]) AS currency_network_id,
    unnest(%(account_type)s::TEXT[]) AS account_type,
    unnest(%(kind)s::TEXT[]) AS kind,
    unnest(%(entries)s::BIGINT[]) AS entries,
    unnest(%(debits_minor)s::NUMERIC[]) AS debits_minor,
    unnest(%(credits_minor)s::NUMERIC[]) AS credits_minor
ON CONFLICT (currency_network_id, account_type, kind) DO UPDATE SET
    entries = open_day_movements.entries + excluded.entries,
    debits_minor = open_day_movements.debits_minor + excluded.debits_minor,
    credits_minor = open_day_movements.credits_minor + excluded.credits_minor;

-- name: move_mark
UPDATE day_marks SET counted_until = %(counted_until)s::TIMESTAMPTZ
WHERE day_marks.mark_id = 1;

-- A day is closed by these, in one transaction, whose time all its rows have ------------------------------------------

-- name: close_day
INSERT INTO days (day, begins_at, ends_at, closed_at)
SELECT
    day_marks.day,
    day_marks.begins_at,
    day_marks.ends_at,
    transaction_timestamp()
FROM day_marks
WHERE day_marks.mark_id = 1;

-- name: close_totals
INSERT INTO day_totals (
    day, closed_at, currency_network_id, source, game_code, place, kind, variant, transactions, amount_minor,
    win_minor, fee_minor
)
SELECT
    %(day)s::DATE AS day,
    transaction_timestamp() AS closed_at,
    counted.currency_network_id,
    counted.source,
    counted.game_code,
    counted.place,
    counted.kind,
    counted.variant,
    counted.transactions,
    counted.amount_minor,
    counted.win_minor,
    counted.fee_minor
FROM open_day_totals AS counted;

-- name: close_movements
INSERT INTO day_movements (
    day, closed_at, currency_network_id, account_type, kind, entries, debits_minor, credits_minor
)
SELECT
    %(day)s::DATE AS day,
    transaction_timestamp() AS closed_at,
    counted.currency_network_id,
    counted.account_type,
    counted.kind,
    counted.entries,
    counted.debits_minor,
    counted.credits_minor
FROM open_day_movements AS counted;

-- name: close_balances
INSERT INTO day_balances (day, closed_at, currency_network_id, account_type, debits_minor, credits_minor)
SELECT
    %(day)s::DATE AS day,
    transaction_timestamp() AS closed_at,
    moved.currency_network_id,
    moved.account_type,
    sum(moved.debits_minor) AS debits_minor,
    sum(moved.credits_minor) AS credits_minor
FROM (
    SELECT
        before.currency_network_id,
        before.account_type,
        before.debits_minor,
        before.credits_minor
    FROM day_balances AS before
    WHERE before.day = %(day)s::DATE - 1
    UNION ALL
    SELECT
        counted.currency_network_id,
        counted.account_type,
        counted.debits_minor,
        counted.credits_minor
    FROM open_day_movements AS counted
) AS moved
GROUP BY moved.currency_network_id, moved.account_type;

-- name: clear_totals
DELETE FROM open_day_totals;

-- name: clear_movements
DELETE FROM open_day_movements;

-- name: next_day
UPDATE day_marks SET
    counted_until = %(begins_at)s::TIMESTAMPTZ,
    day = %(day)s::DATE,
    begins_at = %(begins_at)s::TIMESTAMPTZ,
    ends_at = %(ends_at)s::TIMESTAMPTZ
WHERE day_marks.mark_id = 1;
