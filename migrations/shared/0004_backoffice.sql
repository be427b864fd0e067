-- Who looks things up: a role of its own, which can only select, so that no question of an operator changes anything or
-- waits behind those who write. And what `wallet verify` found, for who asks when the ledger was last proven.

DO $$
BEGIN
    CREATE ROLE wallet_backoffice NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the cluster: another database, or another pod just now, has made it
END
$$;

-- What is told of keys: everything but the hash.
CREATE VIEW shown_keys AS
SELECT
    api_keys.key_id,
    api_keys.source,
    api_keys.roles,
    api_keys.rate_per_s,
    api_keys.operator,
    api_keys.created_at,
    api_keys.revoked_at
FROM api_keys;

-- A run of `wallet verify` that came to its end. Kept for ever: a day has few.
CREATE TABLE verifications (
    verification_id UUID DEFAULT gen_random_uuid() PRIMARY KEY,
    began_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ NOT NULL,
    clean BOOLEAN NOT NULL,
    transactions BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    accounts BIGINT NOT NULL,
    checks JSONB NOT NULL,
    findings JSONB NOT NULL,
    findings_left_out BIGINT NOT NULL,
    CONSTRAINT verifications_time_check CHECK (ended_at >= began_at),
    CONSTRAINT verifications_clean_check CHECK (clean = (jsonb_array_length(findings) = 0))
);

COMMENT ON COLUMN verifications.checks IS 'the checks in their order: [{"check": .., "findings": ..}]';
COMMENT ON COLUMN verifications.findings IS 'the first of them: [{"check": .., "subject": .., "problem": ..}]';

CREATE INDEX verifications_ended_idx ON verifications (ended_at);

CREATE TRIGGER verifications_append_only BEFORE UPDATE OR DELETE ON verifications
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER verifications_no_truncate BEFORE TRUNCATE ON verifications
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- An event that is not done, by what its sender calls it. Those that were applied are not in it.
CREATE INDEX inbox_events_open_id_idx ON inbox_events (event_id) WHERE state IN ('WAITING', 'PARKED');

GRANT USAGE ON SCHEMA public TO wallet_backoffice;
GRANT SELECT ON installation, cells, currency_networks, settlement_rails, ledgers, inbox_events TO wallet_backoffice;
GRANT SELECT ON claims, shown_keys, verifications, operator_actions, adjustment_proposals, adjustment_decisions
TO wallet_backoffice;
GRANT SELECT, INSERT ON verifications TO wallet_service;
GRANT SELECT ON shown_keys TO wallet_service;
