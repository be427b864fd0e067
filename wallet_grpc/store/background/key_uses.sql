-- When keys were last used. See key_uses.py.

-- name: note
INSERT INTO key_uses (key_id, used_at)
SELECT
    used.key_id,
    now() - make_interval(secs => used.age_s) AS used_at
FROM unnest(%(key_ids)s::TEXT[], %(ages_s)s::DOUBLE PRECISION[]) AS used (key_id, age_s)
WHERE used.age_s >= 0
ON CONFLICT (key_id) DO UPDATE SET used_at = greatest(key_uses.used_at, excluded.used_at);
