-- One page of a player's history, newest first.
--
-- It walks ledger_transactions_owner_idx backwards from the cursor, looks at scan_rows_max rows at most, and stops as
-- soon as the page is full: what it costs depends neither on how far back the page lies nor on how rare its filter's
-- rows are. The last row that it may look at is returned whether it matches or not: the next page goes on from there.
--
-- The amount is what the transaction did to MAIN. Of bets and wins, which are nearly all rows, their own columns tell
-- it: the page takes half the time. Of every other kind, also of those to come, the postings do.
-- name: page
SELECT
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
ORDER BY page.tx_id DESC;
