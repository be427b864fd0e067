-- noqa: disable=ST06,ST11
-- Proposals of adjustments, and refusals of them; see proposals.py. Approvals are stored by the lanes
-- (wallet_grpc/store/batch/trail.sql).
--
-- Both insert what they SELECT: for VALUES with ON CONFLICT Citus asks for the right to change rows, which the service
-- does not have here.

-- name: propose
INSERT INTO adjustment_proposals (
    proposal_id, proposed_at, key_hash, player_id, currency_network_id, amount_minor, direction, source, transaction_id,
    operator, actor, reason, metadata
)
SELECT
    %(proposal_id)s::UUID AS proposal_id,
    %(proposed_at)s::TIMESTAMPTZ AS proposed_at,
    %(key)s::UUID AS key_hash,
    %(player_id)s::BIGINT AS player_id,
    %(currency_network_id)s::INTEGER AS currency_network_id,
    %(amount_minor)s::NUMERIC AS amount_minor,
    %(direction)s::TEXT AS direction,
    %(source)s::TEXT AS source,
    %(transaction_id)s::TEXT AS transaction_id,
    %(operator)s::TEXT AS operator,
    %(actor)s::TEXT AS actor,
    %(reason)s::TEXT AS reason,
    %(metadata)s::JSONB AS metadata
ON CONFLICT (key_hash) DO NOTHING
RETURNING adjustment_proposals.proposal_id;

-- name: refuse
INSERT INTO adjustment_decisions (proposal_id, decided_at, verdict, operator, reason)
SELECT
    %(proposal_id)s::UUID AS proposal_id,
    %(decided_at)s::TIMESTAMPTZ AS decided_at,
    'REFUSED' AS verdict,
    %(operator)s::TEXT AS operator,
    %(reason)s::TEXT AS reason
ON CONFLICT (proposal_id) DO NOTHING
RETURNING adjustment_decisions.proposal_id;

-- A proposal by its id, or by that of its adjustment.
-- name: one
SELECT
    adjustment_proposals.proposal_id::TEXT,
    adjustment_proposals.proposed_at,
    adjustment_proposals.player_id,
    adjustment_proposals.currency_network_id,
    adjustment_proposals.amount_minor,
    adjustment_proposals.direction,
    adjustment_proposals.source,
    adjustment_proposals.transaction_id,
    adjustment_proposals.operator,
    adjustment_proposals.actor,
    adjustment_proposals.reason,
    adjustment_proposals.metadata,
    adjustment_decisions.verdict,
    adjustment_decisions.operator AS decided_by,
    adjustment_decisions.reason AS decision_reason,
    adjustment_decisions.decided_at,
    adjustment_decisions.tx_id::TEXT
FROM adjustment_proposals
LEFT JOIN adjustment_decisions ON adjustment_proposals.proposal_id = adjustment_decisions.proposal_id
WHERE
    adjustment_proposals.proposal_id = coalesce(
        %(proposal_id)s::UUID,
        (
            SELECT named.proposal_id
            FROM adjustment_proposals AS named
            WHERE named.key_hash = %(key)s::UUID
        )
    );

-- Newest first: of so many rows as may be looked at, those that fit, each looked up by its key: no plan can put two
-- lists beside each other. The first columns tell how many were looked at, and the last of them.
-- name: page
WITH looked AS MATERIALIZED (
    SELECT adjustment_proposals.proposal_id
    FROM adjustment_proposals
    WHERE
        %(player_id)s::BIGINT IS NULL
        AND adjustment_proposals.proposal_id < %(before)s::UUID
        AND adjustment_proposals.proposal_id >= %(begins)s::UUID
    ORDER BY adjustment_proposals.proposal_id DESC
    LIMIT %(looked_max)s::INTEGER
),

looked_of_player AS MATERIALIZED (
    SELECT adjustment_proposals.proposal_id
    FROM adjustment_proposals
    WHERE
        adjustment_proposals.player_id = %(player_id)s::BIGINT
        AND adjustment_proposals.proposal_id < %(before)s::UUID
        AND adjustment_proposals.proposal_id >= %(begins)s::UUID
    ORDER BY adjustment_proposals.proposal_id DESC
    LIMIT %(looked_max)s::INTEGER
),

looked_at AS MATERIALIZED (
    SELECT looked.proposal_id FROM looked
    UNION ALL
    SELECT looked_of_player.proposal_id FROM looked_of_player
)

SELECT
    (SELECT count(*) FROM looked_at) AS looked,
    (
        SELECT (array_agg(looked_at.proposal_id ORDER BY looked_at.proposal_id))[1]::TEXT FROM looked_at
    ) AS last_looked_at,
    found.*
FROM (SELECT 1 AS one) AS always
LEFT JOIN LATERAL (
    SELECT
        proposals.proposal_id::TEXT,
        proposals.proposed_at,
        proposals.player_id,
        proposals.currency_network_id,
        proposals.amount_minor,
        proposals.direction,
        proposals.source,
        proposals.transaction_id,
        proposals.operator,
        proposals.actor,
        proposals.reason,
        proposals.metadata,
        decisions.verdict,
        decisions.operator AS decided_by,
        decisions.reason AS decision_reason,
        decisions.decided_at,
        decisions.tx_id::TEXT
    FROM looked_at
    CROSS JOIN
        LATERAL (
            SELECT adjustment_proposals.*
            FROM adjustment_proposals
            WHERE adjustment_proposals.proposal_id = looked_at.proposal_id
            LIMIT 1
        ) AS proposals
    LEFT JOIN LATERAL (
        SELECT adjustment_decisions.*
        FROM adjustment_decisions
        WHERE adjustment_decisions.proposal_id = looked_at.proposal_id
        LIMIT 1
    ) AS decisions ON TRUE
    WHERE
        (%(state)s::TEXT IS NULL OR coalesce(decisions.verdict, 'OPEN') = %(state)s::TEXT)
        AND proposals.proposed_at >= %(begins_at)s::TIMESTAMPTZ
        AND proposals.proposed_at < %(ends_at)s::TIMESTAMPTZ
    ORDER BY looked_at.proposal_id DESC
    LIMIT %(rows_max)s::INTEGER
) AS found ON TRUE
ORDER BY found.proposal_id DESC;

-- MAIN of players, and right after the adjustments that proposals became, in the cell that the connection looks into.
-- name: balances
SELECT
    wanted.proposal_id,
    main.balance_minor::TEXT,
    adjusted.main_balance_after_minor::TEXT
FROM
    unnest(
        %(proposal_ids)s::TEXT[], %(player_ids)s::BIGINT[], %(currency_network_ids)s::INTEGER[], %(tx_ids)s::UUID[]
    ) AS wanted (proposal_id, player_id, currency_network_id, tx_id)
LEFT JOIN LATERAL (
    SELECT account_balances.balance_minor
    FROM accounts
    INNER JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE
        accounts.player_id = wanted.player_id
        AND accounts.currency_network_id = wanted.currency_network_id
        AND accounts.account_type = 'MAIN'
    LIMIT 1
) AS main ON TRUE
LEFT JOIN LATERAL (
    SELECT ledger_transactions.main_balance_after_minor
    FROM ledger_transactions
    WHERE ledger_transactions.tx_id = wanted.tx_id
    LIMIT 1
) AS adjusted ON TRUE;
