-- What the poster asks: whose turn it is, what is queued, and the one statement that posts. See wallet_postings.py.

-- Ledgers that have something queued are found by jumping along the queue's key, from each to the next, and what is
-- known of one by its key (OFFSET 0): one look-up each, however many ledgers there are.
-- name: due_ledgers
WITH RECURSIVE queued AS (
    (
        SELECT posting_queue.ledger_id
        FROM posting_queue
        ORDER BY posting_queue.ledger_id
        LIMIT 1
    )
    UNION ALL
    SELECT further.ledger_id
    FROM queued
    CROSS JOIN
        LATERAL (
            SELECT posting_queue.ledger_id
            FROM posting_queue
            WHERE posting_queue.ledger_id > queued.ledger_id
            ORDER BY posting_queue.ledger_id
            LIMIT 1
        ) AS further
)

SELECT
    found.ledger_id::TEXT,
    found.owner_id,
    found.currency_network_id
FROM queued
CROSS JOIN
    LATERAL (
        SELECT
            ledgers.ledger_id,
            ledgers.owner_id,
            ledgers.currency_network_id
        FROM ledgers
        WHERE ledgers.ledger_id = queued.ledger_id
        OFFSET 0
    ) AS found
LEFT JOIN LATERAL (
    SELECT posting_rounds.began_at
    FROM posting_rounds
    WHERE posting_rounds.ledger_id = queued.ledger_id
    OFFSET 0
) AS last_round ON TRUE
WHERE
    coalesce(last_round.began_at, '-infinity')
    <= clock_timestamp() - make_interval(secs => %(interval_ms)s / 1000.0)
    AND found.ledger_id <> all(%(left_out)s::UUID[])
ORDER BY last_round.began_at NULLS FIRST
LIMIT %(ledgers_max)s;

-- The oldest rows of a ledger's queue, without those that name only wallets that are left alone now.
-- name: queued
SELECT
    posting_queue.queue_id,
    posting_queue.wallet_ids::TEXT[]
FROM posting_queue
WHERE posting_queue.ledger_id = %(ledger_id)s::UUID AND NOT posting_queue.wallet_ids <@ %(left_out)s::UUID[]
ORDER BY posting_queue.queue_id
LIMIT %(rows_max)s;

-- The ledger is this worker's until the transaction ends.
-- name: try_ledger
WITH clocked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(%(clock_class)s::INTEGER, 0) AS taken
)

SELECT pg_try_advisory_xact_lock(%(lock_id)s::BIGINT) AS locked
FROM clocked;

-- The time is read after the lock, and under one of the clock, in a statement of its own: so it is not before what is
-- counted into days (see days.py), whenever that was said.
-- name: posting_time
SELECT greatest(clock_timestamp(), day_marks.counting_until) AS now
FROM day_marks
WHERE day_marks.mark_id = 1;

-- Whether this worker begins the round: another may have begun it since it was found due.
-- name: begin_round
INSERT INTO posting_rounds AS known (ledger_id, began_at)
VALUES (%(ledger_id)s::UUID, %(now)s::TIMESTAMPTZ)
ON CONFLICT (ledger_id) DO UPDATE
    SET
        began_at = excluded.began_at
    WHERE known.began_at <= %(began_before)s::TIMESTAMPTZ
RETURNING known.ledger_id;

-- The number of the last transaction of the ledger's owner, read under its lock: a posting has the next.
-- name: last_version
SELECT coalesce(max(ledger_transactions.owner_version), 0)
FROM ledger_transactions
WHERE ledger_transactions.owner_id = %(owner_id)s::BIGINT;

-- Posts what the wallets gained since their watermarks: the version of a WALLET account is the last entry that is
-- posted. A wallet's last entry tells its balance and its number, so their difference to the watermark is the sum and
-- the range of what is not posted. Many of them together may have more digits than an entry: their counterpart takes
-- several then, cut by whole division, since a quotient of NUMERICs is rounded.
-- name: post
WITH due AS MATERIALIZED (
    SELECT
        wallet.wallet_id,
        wallet.owner_id,
        last_entry.entry_no AS entry_count,
        last_entry.balance_after_minor AS balance_minor,
        last_entry.balance_after_minor - coalesce(watermark.balance_minor, 0) AS gained_minor,
        coalesce(watermark.version, 0) AS posted_no,
        account.account_id IS NULL AS is_new,
        coalesce(account.account_id, nextval('accounts_account_id_seq')) AS account_id
    FROM unnest(%(wallet_ids)s::UUID[]) AS wanted (wallet_id)
    CROSS JOIN
        LATERAL (
            SELECT credit_wallets.*
            FROM credit_wallets
            WHERE credit_wallets.wallet_id = wanted.wallet_id
            LIMIT 1
        ) AS wallet
    CROSS JOIN
        LATERAL (
            SELECT
                entries.entry_no,
                entries.balance_after_minor
            FROM subledger_entries AS entries
            WHERE entries.subledger_id = wanted.wallet_id AND entries.entry_no > 0
            ORDER BY entries.entry_no DESC
            LIMIT 1
        ) AS last_entry
    LEFT JOIN LATERAL (
        SELECT accounts.account_id
        FROM accounts
        WHERE accounts.wallet_id = wanted.wallet_id AND accounts.wallet_id IS NOT NULL
        LIMIT 1
    ) AS account ON TRUE
    LEFT JOIN LATERAL (
        SELECT
            account_balances.balance_minor,
            account_balances.version
        FROM account_balances
        WHERE account_balances.account_id = account.account_id
        LIMIT 1
    ) AS watermark ON TRUE
    WHERE last_entry.entry_no > coalesce(watermark.version, 0)
),

total AS MATERIALIZED (
    SELECT sum(due.gained_minor) AS gained_minor
    FROM due
),

legs AS MATERIALIZED (
    SELECT
        due.account_id,
        due.gained_minor AS amount_minor
    FROM due
    WHERE due.gained_minor <> 0
    UNION ALL
    SELECT
        %(house_account_id)s::BIGINT,
        -sign(total.gained_minor) * least(
            abs(total.gained_minor) - piece.number * %(entry_max)s::NUMERIC, %(entry_max)s::NUMERIC
        )
    FROM total
    CROSS JOIN
        LATERAL generate_series(0, div(abs(total.gained_minor), %(entry_max)s::NUMERIC)::INTEGER) AS piece (number)
    WHERE abs(total.gained_minor) > piece.number * %(entry_max)s::NUMERIC
),

new_accounts AS (
    INSERT INTO accounts (account_id, account_type, currency_network_id, ledger_id, wallet_id)
    SELECT
        due.account_id,
        'WALLET',
        %(network_id)s::INTEGER,
        %(ledger_id)s::UUID,
        due.wallet_id
    FROM due
    WHERE due.is_new
),

made AS (
    INSERT INTO ledger_transactions (
        tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id, amount_minor,
        closes_round, reference_tx_id, entry_count, created_at
    )
    SELECT
        %(tx_id)s::UUID,
        %(owner_id)s::BIGINT,
        %(owner_version)s::BIGINT,
        'wallet',
        %(tx_id)s::UUID::TEXT,
        %(key_hash)s::UUID,
        'WALLET_POSTING',
        'APPLIED',
        %(network_id)s::INTEGER,
        0,
        FALSE,
        %(ledger_id)s::UUID,
        (SELECT count(*) FROM legs),
        %(now)s::TIMESTAMPTZ
    WHERE EXISTS (SELECT FROM due)
),

entries AS (
    INSERT INTO ledger_entries (tx_id, entry_no, owner_id, account_id, currency_network_id, amount_minor)
    SELECT
        %(tx_id)s::UUID,
        row_number() OVER (),
        %(owner_id)s::BIGINT,
        legs.account_id,
        %(network_id)s::INTEGER,
        legs.amount_minor
    FROM legs
),

watermarks AS (
    INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
    SELECT
        due.account_id,
        due.owner_id,
        due.balance_minor,
        due.entry_count
    FROM due
    ON CONFLICT (account_id) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
),

house AS (
    INSERT INTO house_postings (account_id, amount_minor)
    SELECT
        %(house_account_id)s::BIGINT,
        -total.gained_minor
    FROM total
    WHERE total.gained_minor <> 0
),

ranges AS (
    INSERT INTO wallet_postings (wallet_id, first_entry_no, last_entry_no, amount_minor, tx_id, created_at)
    SELECT
        due.wallet_id,
        due.posted_no + 1,
        due.entry_count,
        due.gained_minor,
        %(tx_id)s::UUID,
        %(now)s::TIMESTAMPTZ
    FROM due
)

SELECT
    count(*) AS wallets,
    coalesce(sum(due.entry_count - due.posted_no), 0)::BIGINT AS journal_entries
FROM due;

-- name: unqueue
DELETE FROM posting_queue
WHERE posting_queue.ledger_id = %(ledger_id)s::UUID AND posting_queue.queue_id = any(%(queue_ids)s::BIGINT[]);

-- As unqueue, for rows that name wallets which cannot be posted: these stay, with what else waits for them alone, in
-- one row that is as old as the oldest of them. However often such a wallet is written to, its queue does not grow.
-- name: gather
WITH removed AS (
    DELETE FROM posting_queue
    WHERE
        posting_queue.ledger_id = %(ledger_id)s::UUID
        AND (
            posting_queue.queue_id = any(%(queue_ids)s::BIGINT[])
            OR posting_queue.wallet_ids <@ %(wallet_ids)s::UUID[]
        )
    RETURNING posting_queue.queued_at
)

INSERT INTO posting_queue (queue_id, ledger_id, wallet_ids, queued_at)
SELECT
    nextval('posting_queue_queue_id_seq'),
    %(ledger_id)s::UUID,
    %(wallet_ids)s::UUID[],
    min(removed.queued_at)
FROM removed
HAVING count(*) > 0;
