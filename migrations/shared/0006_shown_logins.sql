-- What is told of keys: whether one speaks for logins as well. Views take new columns at their end only.
CREATE OR REPLACE VIEW shown_keys AS
SELECT
    api_keys.key_id,
    api_keys.source,
    api_keys.roles,
    api_keys.rate_per_s,
    api_keys.operator,
    api_keys.created_at,
    api_keys.revoked_at,
    api_keys.speaks_for_logins
FROM api_keys;
