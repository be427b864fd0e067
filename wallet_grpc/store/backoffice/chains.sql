-- What a transaction hangs together with. See chains.py.

-- What transactions are linked with in their cell: what they refer to, what refers to them, what they reversed and what
-- reversed them. What a ledger's creation is referred to by is its whole journal, so that is left out.
-- name: links
SELECT
    wanted.tx_id::TEXT AS of_tx_id,
    linked.tx_id::TEXT AS tx_id,
    linked.link
FROM unnest(%(tx_ids)s::UUID[]) AS wanted (tx_id)
CROSS JOIN
    LATERAL (
        SELECT ledger_transactions.*
        FROM ledger_transactions
        WHERE ledger_transactions.tx_id = wanted.tx_id
        LIMIT 1
    ) AS known
CROSS JOIN
    LATERAL (
        SELECT
            known.reference_tx_id AS tx_id,
            'REFERENCE' AS link
        WHERE known.reference_tx_id IS NOT NULL AND known.kind <> 'ROLLBACK'
        UNION ALL
        SELECT
            known.reverses_tx_id,
            'REVERSED'
        WHERE known.reverses_tx_id IS NOT NULL
        UNION ALL
        (
            SELECT
                referrers.tx_id,
                'REFERRER'
            FROM ledger_transactions AS referrers
            WHERE
                referrers.reference_tx_id = known.tx_id
                AND referrers.reference_tx_id IS NOT NULL
                AND referrers.kind <> 'ROLLBACK'
                AND known.kind <> 'LEDGER_CREATION'
            LIMIT %(rows_max)s::BIGINT
        )
        UNION ALL
        (
            SELECT
                rollbacks.tx_id,
                'ROLLBACK'
            FROM ledger_transactions AS rollbacks
            WHERE rollbacks.reverses_tx_id = known.tx_id AND rollbacks.reverses_tx_id IS NOT NULL
            LIMIT 1
        )
    ) AS linked
LIMIT %(rows_max)s::BIGINT;

-- Events of transactions that are not published: those that wait, among the first of the outbox, and those that no
-- queue takes. The last column tells whether there are more than were looked at.
-- name: unpublished
WITH waiting AS MATERIALIZED (
    SELECT
        outbox_events.tx_id,
        outbox_events.event_no
    FROM outbox_events
    WHERE outbox_events.parked_at IS NULL
    ORDER BY outbox_events.outbox_id
    LIMIT %(scan_rows_max)s::BIGINT
)

SELECT
    waiting.tx_id::TEXT,
    waiting.event_no,
    FALSE AS is_parked,
    NULL AS failure
FROM waiting
WHERE waiting.tx_id = any(%(tx_ids)s::UUID[])
UNION ALL
SELECT
    outbox_events.tx_id::TEXT,
    outbox_events.event_no,
    TRUE AS is_parked,
    outbox_events.failure
FROM unnest(%(tx_ids)s::UUID[]) AS wanted (tx_id)
INNER JOIN outbox_events ON wanted.tx_id = outbox_events.tx_id
WHERE outbox_events.parked_at IS NOT NULL
UNION ALL
SELECT
    NULL AS tx_id,
    NULL AS event_no,
    NULL AS is_parked,
    NULL AS failure
FROM (SELECT count(*) AS looked_at FROM waiting) AS counted
WHERE counted.looked_at = %(scan_rows_max)s::BIGINT;
