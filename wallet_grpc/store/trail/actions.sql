-- noqa: disable=ST06,ST11
-- How the trail is read; see actions.py.

-- Newest first: of so many rows as may be looked at, those that fit. Each way to name rows has its index, and those
-- that are not asked for name none; what is named is looked up by its key. The first columns tell how many were looked
-- at, and the last of them.
-- name: page
WITH looked_at AS MATERIALIZED (
    (
        SELECT operator_actions.action_id
        FROM operator_actions
        WHERE
            %(actor)s::TEXT IS NULL
            AND %(kind)s::TEXT IS NULL
            AND operator_actions.action_id < %(before)s::UUID
            AND operator_actions.action_id >= %(begins)s::UUID
        ORDER BY operator_actions.action_id DESC
        LIMIT %(looked_max)s::INTEGER
    )
    UNION
    (
        SELECT operator_actions.action_id
        FROM operator_actions
        WHERE
            %(actor)s::TEXT IS NULL
            AND operator_actions.kind = %(kind)s::TEXT
            AND operator_actions.action_id < %(before)s::UUID
            AND operator_actions.action_id >= %(begins)s::UUID
        ORDER BY operator_actions.action_id DESC
        LIMIT %(looked_max)s::INTEGER
    )
    UNION
    (
        SELECT operator_actions.action_id
        FROM operator_actions
        WHERE
            operator_actions.operator = %(operator)s::TEXT
            AND operator_actions.action_id < %(before)s::UUID
            AND operator_actions.action_id >= %(begins)s::UUID
        ORDER BY operator_actions.action_id DESC
        LIMIT %(looked_max)s::INTEGER
    )
    UNION
    (
        SELECT operator_actions.action_id
        FROM operator_actions
        WHERE
            operator_actions.actor = %(actor)s::TEXT
            AND operator_actions.action_id < %(before)s::UUID
            AND operator_actions.action_id >= %(begins)s::UUID
        ORDER BY operator_actions.action_id DESC
        LIMIT %(looked_max)s::INTEGER
    )
    ORDER BY action_id DESC
    LIMIT %(looked_max)s::INTEGER
)

SELECT
    (SELECT count(*) FROM looked_at) AS looked,
    (SELECT (array_agg(looked_at.action_id ORDER BY looked_at.action_id))[1]::TEXT FROM looked_at) AS last_looked_at,
    found.*
FROM (SELECT 1 AS one) AS always
LEFT JOIN LATERAL (
    SELECT
        actions.action_id::TEXT,
        actions.acted_at,
        actions.kind,
        actions.channel,
        actions.operator,
        actions.subject,
        actions.player_id,
        actions.key_id,
        actions.actor,
        actions.reason,
        actions.result_id::TEXT,
        actions.request_id,
        actions.facts_before,
        actions.facts_after
    FROM looked_at
    CROSS JOIN
        LATERAL (
            SELECT operator_actions.*
            FROM operator_actions
            WHERE operator_actions.action_id = looked_at.action_id
            LIMIT 1
        ) AS actions
    WHERE
        (%(kind)s::TEXT IS NULL OR actions.kind = %(kind)s::TEXT)
        AND actions.acted_at >= %(begins_at)s::TIMESTAMPTZ
        AND actions.acted_at < %(ends_at)s::TIMESTAMPTZ
    ORDER BY looked_at.action_id DESC
    LIMIT %(rows_max)s::INTEGER
) AS found ON TRUE
ORDER BY found.action_id DESC;
