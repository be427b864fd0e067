-- name: add_key
INSERT INTO api_keys (key_id, key_hash, source, roles, rate_per_s, operator, speaks_for_logins)
VALUES (
    %(key_id)s, %(key_hash)s, %(source)s, %(roles)s, %(rate_per_s)s, %(operator)s, %(speaks_for_logins)s
);

-- name: list_keys
SELECT
    api_keys.key_id,
    api_keys.source,
    api_keys.roles,
    api_keys.rate_per_s,
    api_keys.operator,
    api_keys.speaks_for_logins,
    api_keys.created_at,
    api_keys.revoked_at,
    key_uses.used_at AS last_used_at
FROM api_keys
LEFT JOIN key_uses ON api_keys.key_id = key_uses.key_id
ORDER BY api_keys.created_at, api_keys.key_id;

-- name: lock_key
SELECT api_keys.rate_per_s
FROM api_keys
WHERE api_keys.key_id = %(key_id)s
FOR UPDATE;

-- name: limit_key
UPDATE api_keys SET rate_per_s = %(rate_per_s)s
WHERE api_keys.key_id = %(key_id)s;

-- name: revoke_key
UPDATE api_keys SET revoked_at = now()
WHERE api_keys.key_id = %(key_id)s AND api_keys.revoked_at IS NULL;
