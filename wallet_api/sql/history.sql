-- One page of a player's history, newest first.
--
-- It walks ledger_transactions_owner_idx backwards from the cursor, looks at scan_rows_max rows at most, and stops as
-- soon as the page is full: what it costs depends neither on how far back the page lies nor on how rare its filter's
-- rows are. The last row that it may look at is returned whether it matches or not: the next page goes on from there.
--
-- The amount is what the transaction's postings did to MAIN: one rule for every kind, also for those to come.
-- name: page
SELECT
    page.tx_id::TEXT,
    page.kind,
    page.reference,
    page.main_balance_after_minor::TEXT,
    page.currency_network_id,
    page.game_code,
    page.round_id,
    page.created_at,
    page.is_wanted,
    page.place = %(scan_rows_max)s::BIGINT,
    coalesce(moved.amount_minor, 0)::TEXT
FROM (
    SELECT walked.*
    FROM (
        SELECT
            stored.*,
            row_number() OVER (ORDER BY stored.tx_id DESC) AS place,
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
                tx_id,
                kind,
                status,
                reference,
                main_balance_after_minor,
                currency_network_id,
                game_code,
                round_id,
                created_at
            FROM ledger_transactions
            WHERE
                owner_id = %(player_id)s::BIGINT
                AND tx_id < %(before_tx_id)s::UUID
                AND tx_id >= %(from_tx_id)s::UUID
            ORDER BY tx_id DESC
            LIMIT %(scan_rows_max)s::BIGINT
        ) AS stored
    ) AS walked
    WHERE walked.is_wanted OR walked.place = %(scan_rows_max)s::BIGINT
    ORDER BY walked.tx_id DESC
    LIMIT %(rows_max)s::BIGINT
) AS page
LEFT JOIN LATERAL (
    SELECT sum(ledger_entries.amount_minor) AS amount_minor
    FROM ledger_entries
    WHERE
        ledger_entries.tx_id = page.tx_id
        AND ledger_entries.account_id IN (
            SELECT accounts.account_id
            FROM accounts
            WHERE accounts.player_id = %(player_id)s::BIGINT AND accounts.account_type = 'MAIN'
        )
) AS moved ON TRUE
ORDER BY page.tx_id DESC;
