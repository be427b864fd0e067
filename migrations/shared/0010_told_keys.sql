-- What is told of keys, by the right of their owner: on Citus a view's tables are read by the right of who asks, and
-- nobody but the service reads the hashes. A function keeps its owner's right there as well.
CREATE FUNCTION told_keys() RETURNS TABLE (
    key_id TEXT,
    source TEXT,
    roles TEXT[],
    rate_per_s INTEGER,
    operator TEXT,
    created_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    speaks_for_logins BOOLEAN,
    last_used_at TIMESTAMPTZ
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
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
    FROM public.api_keys
    LEFT JOIN public.key_uses ON api_keys.key_id = key_uses.key_id
$$;

REVOKE EXECUTE ON FUNCTION told_keys FROM public;
GRANT EXECUTE ON FUNCTION told_keys TO wallet_service, wallet_backoffice;

CREATE OR REPLACE VIEW shown_keys AS
SELECT
    told.key_id,
    told.source,
    told.roles,
    told.rate_per_s,
    told.operator,
    told.created_at,
    told.revoked_at,
    told.speaks_for_logins,
    told.last_used_at
FROM told_keys() AS told;
