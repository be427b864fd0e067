-- Ends when everything that its session has seen committed is on the synchronous standbys, and at once where there are
-- none: what it writes to the log comes after the commits that were visible, and its own commit waits for it. Something
-- must be written: the commit of a transaction that wrote nothing does not wait.
-- name: confirm
SELECT
    current_setting('transaction_read_only') = 'on' AS read_only,
    CASE
        WHEN current_setting('synchronous_standby_names') <> ''
            THEN pg_logical_emit_message(TRUE, 'wallet', '')::TEXT
    END AS position;
