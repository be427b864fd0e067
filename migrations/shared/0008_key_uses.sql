-- When a key was last used, as each server process tells it once in a while: no call writes for it.
CREATE TABLE key_uses (
    key_id TEXT PRIMARY KEY,
    used_at TIMESTAMPTZ NOT NULL
);

COMMENT ON TABLE key_uses IS
'a row for each key that a call has ever shown; a process that is killed leaves out its last seconds';

CREATE OR REPLACE VIEW shown_keys AS
SELECT
    api_keys.key_id,
    api_keys.source,
    api_keys.roles,
    api_keys.rate_per_s,
    api_keys.operator,
    api_keys.created_at,
    api_keys.revoked_at,
    api_keys.speaks_for_logins,
    key_uses.used_at AS last_used_at
FROM api_keys
LEFT JOIN key_uses ON api_keys.key_id = key_uses.key_id;

GRANT SELECT, INSERT, UPDATE ON key_uses TO wallet_service;
GRANT SELECT ON key_uses TO wallet_backoffice;
