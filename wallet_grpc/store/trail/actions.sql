-- noqa: disable=ST06,ST11
-- How the trail is read; see actions.py.

-- Newest first: of so many rows as may be looked at, those that fit. Each way to name rows has its index, and those
-- that are not asked for name none. The first columns tell how many were looked at, and the last of them.
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
        operator_actions.action_id::TEXT,
        operator_actions.acted_at,
        operator_actions.kind,
        operator_actions.channel,
        operator_actions.operator,
        operator_actions.subject,
        operator_actions.player_id,
        operator_actions.key_id,
        operator_actions.actor,
        operator_actions.reason,
        operator_actions.result_id::TEXT,
        operator_actions.request_id,
        operator_actions.facts_before,
        operator_actions.facts_after
    FROM looked_at
    INNER JOIN operator_actions ON looked_at.action_id = operator_actions.action_id
    WHERE
        (%(kind)s::TEXT IS NULL OR operator_actions.kind = %(kind)s::TEXT)
        AND operator_actions.acted_at >= %(begins_at)s::TIMESTAMPTZ
        AND operator_actions.acted_at < %(ends_at)s::TIMESTAMPTZ
    ORDER BY looked_at.action_id DESC
    LIMIT %(rows_max)s::INTEGER
) AS found ON TRUE
ORDER BY found.action_id DESC;
