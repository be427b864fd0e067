-- One page of a player's history, newest first: in the order of owner_version, in which it happened.
--
-- It walks ledger_transactions_owner_version_key backwards from the cursor, looks at scan_rows_max rows at most, and
-- stops as soon as the page is full: what it costs depends neither on how far back the page lies nor on how rare its
-- filter's rows are. The last row that it may look at is returned whether it matches or not: the next page goes on from
-- there.
--
-- Where a time that is asked for lies in the history is found by halving: a look-up for each doubling of its length.
-- Times grow with versions, but for steps of the database's clock: as long as none went back by more than two minutes,
-- nothing is left out, since the walk takes in as much on both sides and looks at each row's own time.
--
-- The amount is what the transaction did to MAIN. Of bets and wins, which are nearly all rows, their own columns tell
-- it: the page takes half the time. Of every other kind, also of those to come, the postings do.
-- name: page
WITH RECURSIVE halving AS (
    SELECT
        wanted.at,
        0::BIGINT AS before_version,
        newest.owner_version + 1 AS from_version
    FROM (
        VALUES
        (%(created_from)s::TIMESTAMPTZ - INTERVAL '2 minutes'),
        (%(created_to)s::TIMESTAMPTZ + INTERVAL '2 minutes')
    ) AS wanted (at)
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
        max(halving.before_version) FILTER (
            WHERE halving.at = %(created_from)s::TIMESTAMPTZ - INTERVAL '2 minutes'
        ) AS after_version,
        min(halving.from_version) FILTER (
            WHERE halving.at = %(created_to)s::TIMESTAMPTZ + INTERVAL '2 minutes'
        ) AS before_version
    FROM halving
)

SELECT
    page.owner_version,
    page.tx_id::TEXT,
    page.kind,
    page.reference AS transaction_id,
    page.main_balance_after_minor::TEXT AS balance_after_minor,
    page.currency_network_id,
    page.game_code,
    page.round_id,
    page.created_at,
    page.is_wanted,
    page.place = %(scan_rows_max)s::BIGINT AS is_last_place,
    CASE page.kind
        WHEN 'BET' THEN -page.amount_minor
        WHEN 'WIN' THEN page.amount_minor
        WHEN 'BET_AND_WIN' THEN page.win_amount_minor - page.amount_minor
        ELSE coalesce(
            (
                SELECT sum(ledger_entries.amount_minor)
                FROM ledger_entries
                INNER JOIN accounts ON ledger_entries.account_id = accounts.account_id
                WHERE
                    ledger_entries.tx_id = page.tx_id
                    AND accounts.player_id = %(player_id)s::BIGINT
                    AND accounts.account_type = 'MAIN'
            ),
            0
        )
    END::TEXT AS amount_minor
FROM (
    SELECT walked.*
    FROM (
        SELECT
            stored.*,
            row_number() OVER (ORDER BY stored.owner_version DESC) AS place,
            stored.status = 'APPLIED'
            AND stored.kind <> 'PLAYER_STATE'
            AND (%(kind)s::TEXT IS NULL OR stored.kind = %(kind)s::TEXT)
            AND (
                %(currency_network_ids)s::INTEGER[] IS NULL
                OR stored.currency_network_id = any(%(currency_network_ids)s::INTEGER[])
            )
            AND (%(created_from)s::TIMESTAMPTZ IS NULL OR stored.created_at >= %(created_from)s::TIMESTAMPTZ)
            AND (%(created_to)s::TIMESTAMPTZ IS NULL OR stored.created_at < %(created_to)s::TIMESTAMPTZ) AS is_wanted
        FROM (
            SELECT
                owner_version,
                tx_id,
                kind,
                status,
                reference,
                amount_minor,
                win_amount_minor,
                main_balance_after_minor,
                currency_network_id,
                game_code,
                round_id,
                created_at
            FROM ledger_transactions
            WHERE
                owner_id = %(player_id)s::BIGINT
                AND owner_version < least(%(before_version)s::BIGINT, (SELECT bounds.before_version FROM bounds))
                AND owner_version > coalesce((SELECT bounds.after_version FROM bounds), 0)
            ORDER BY owner_version DESC
            LIMIT %(scan_rows_max)s::BIGINT
        ) AS stored
    ) AS walked
    WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
    ORDER BY walked.owner_version DESC
    LIMIT %(rows_max)s::BIGINT
) AS page
ORDER BY page.owner_version DESC;
