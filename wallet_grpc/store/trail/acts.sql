-- Acts of operators that no batch stores; see acts.py.

-- The time is read under a lock of the clock that lasts as long as the transaction, so that whoever answers about the
-- past waits for it (wallet_grpc/store/reads/moments.py).
-- name: clock
WITH clocked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(%(clock_class)s::INTEGER, 0) AS taken
)

SELECT
    clock_timestamp() AS now,
    session_user::TEXT AS login
FROM clocked;

-- name: note
INSERT INTO operator_actions (
    action_id, acted_at, kind, channel, operator, subject, player_id, key_id, actor, reason, result_id, request_id,
    facts_before, facts_after
)
VALUES (
    %(action_id)s, %(acted_at)s, %(kind)s, %(channel)s, %(operator)s, %(subject)s, %(player_id)s, %(key_id)s, %(actor)s,
    %(reason)s, %(result_id)s, %(request_id)s, %(facts_before)s::JSONB, %(facts_after)s::JSONB
);
