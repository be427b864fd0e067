-- What `wallet verify` asks of proposals and what was decided about them; see verify_trail.py.

-- The next so many decisions after one; of them those of players of the cell, beside the adjustments that they applied.
-- What nobody proposed has no player, and is named by the first cell.
-- name: decisions_chunk
WITH chunk AS MATERIALIZED (
    SELECT
        adjustment_decisions.proposal_id,
        adjustment_decisions.verdict,
        adjustment_decisions.operator,
        adjustment_decisions.tx_id
    FROM adjustment_decisions
    WHERE adjustment_decisions.proposal_id > %(after)s::UUID
    ORDER BY adjustment_decisions.proposal_id
    LIMIT %(chunk)s::INTEGER
),

problems AS (
    SELECT
        chunk.proposal_id,
        checked.problem
    FROM chunk
    LEFT JOIN adjustment_proposals AS proposed ON chunk.proposal_id = proposed.proposal_id
    LEFT JOIN ledger_transactions AS applied ON chunk.tx_id = applied.tx_id
    CROSS JOIN
        LATERAL (
            VALUES
            (proposed.proposal_id IS NULL, 'nobody proposed it'),
            (
                chunk.verdict = 'APPROVED' AND chunk.operator = proposed.operator,
                'who proposed it approved it'
            ),
            (
                chunk.verdict = 'APPROVED'
                AND (applied.kind, applied.status) IS DISTINCT FROM ('ADJUSTMENT', 'APPLIED'),
                'it was approved, and its adjustment is not there'
            ),
            (
                chunk.verdict = 'APPROVED'
                AND (
                    applied.key_hash <> proposed.key_hash
                    OR applied.owner_id <> proposed.player_id
                    OR applied.currency_network_id <> proposed.currency_network_id
                    OR applied.amount_minor <> proposed.amount_minor
                    OR applied.variant <> proposed.direction
                    OR applied.source <> proposed.source
                    OR applied.reference <> proposed.transaction_id
                ),
                'its adjustment is another one than was proposed'
            )
        ) AS checked (broken, problem)
    WHERE
        checked.broken
        AND coalesce(cell_of_owner(proposed.player_id, %(cells)s::INTEGER), 0) = %(cell)s::INTEGER
)

SELECT
    (SELECT (array_agg(chunk.proposal_id ORDER BY chunk.proposal_id DESC))[1]::TEXT FROM chunk) AS upto,
    (
        SELECT
            json_agg(
                json_build_array(
                    'approvals_fit_their_adjustments', format('proposal %%s', problems.proposal_id), problems.problem
                )
            )
        FROM problems
    ) AS problems;
