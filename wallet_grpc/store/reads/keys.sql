-- name: callers
SELECT
    api_keys.key_hash,
    api_keys.key_id,
    api_keys.source,
    api_keys.roles,
    api_keys.rate_per_s,
    api_keys.operator,
    api_keys.speaks_for_logins
FROM api_keys
WHERE api_keys.revoked_at IS NULL;
