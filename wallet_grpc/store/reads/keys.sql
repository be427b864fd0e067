-- name: callers
SELECT
    api_keys.key_hash,
    api_keys.key_id,
    api_keys.source,
    api_keys.roles,
    api_keys.rate_per_s
FROM api_keys
WHERE api_keys.revoked_at IS NULL;
