-- The trail of operators' acts, and what was decided about proposals; see trail.py, and accounts.sql on the form.

-- name: load_verdicts
SELECT
    wanted.position,
    decided.verdict
FROM unnest(%(proposal_ids)s::UUID[]) WITH ORDINALITY AS wanted (proposal_id, position)
CROSS JOIN LATERAL (
    SELECT adjustment_decisions.verdict
    FROM adjustment_decisions
    WHERE adjustment_decisions.proposal_id = wanted.proposal_id
    LIMIT 1
) AS decided;

-- The steps of the store statement ----------------------------------------------------------------------------------

-- name: step_operator_actions
INSERT INTO operator_actions (
    action_id, kind, channel, operator, subject, player_id, key_id, actor, reason, result_id, request_id, facts_before,
    facts_after, acted_at
)
SELECT
    unnest(%(operator_actions__action_id)s::UUID[]) AS action_id,
    unnest(%(operator_actions__kind)s::TEXT[]) AS kind,
    unnest(%(operator_actions__channel)s::TEXT[]) AS channel,
    unnest(string_to_array(%(operator_actions__operator)s, E'\x1f')) AS operator,
    unnest(string_to_array(%(operator_actions__subject)s, E'\x1f')) AS subject,
    unnest(%(operator_actions__player_id)s::BIGINT[]) AS player_id,
    unnest(string_to_array(%(operator_actions__key_id)s, E'\x1f', '')) AS key_id,
    unnest(string_to_array(%(operator_actions__actor)s, E'\x1f', '')) AS actor,
    unnest(string_to_array(%(operator_actions__reason)s, E'\x1f', '')) AS reason,
    unnest(%(operator_actions__result_id)s::UUID[]) AS result_id,
    unnest(string_to_array(%(operator_actions__request_id)s, E'\x1f', '')) AS request_id,
    unnest(string_to_array(%(operator_actions__facts_before)s, E'\x1f', '')::JSONB[]) AS facts_before,
    unnest(string_to_array(%(operator_actions__facts_after)s, E'\x1f', '')::JSONB[]) AS facts_after,
    %(now)s::TIMESTAMPTZ AS acted_at
RETURNING operator_actions.action_id;

-- Somebody else may decide about the same proposal now, without the player's lock: where that cannot be seen yet there
-- is no row either, too few are counted, and the batch is loaded again.
-- name: step_adjustment_decisions
INSERT INTO adjustment_decisions (proposal_id, verdict, operator, reason, tx_id, decided_at)
SELECT
    unnest(%(adjustment_decisions__proposal_id)s::UUID[]) AS proposal_id,
    unnest(%(adjustment_decisions__verdict)s::TEXT[]) AS verdict,
    unnest(string_to_array(%(adjustment_decisions__operator)s, E'\x1f')) AS operator,
    unnest(string_to_array(%(adjustment_decisions__reason)s, E'\x1f')) AS reason,
    unnest(%(adjustment_decisions__tx_id)s::UUID[]) AS tx_id,
    %(now)s::TIMESTAMPTZ AS decided_at
ON CONFLICT (proposal_id) DO NOTHING
RETURNING adjustment_decisions.proposal_id;
