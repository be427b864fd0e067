-- What all cells share: the installation, the list of its cells, currency networks, callers' keys and rails, the
-- directory of callers' ledgers, and the events that came in. A cell (cell/) is a schema that holds a whole ledger of
-- its owners; its connections look into their cell first and here after.

-- What this database is for. One row, written by `wallet migrate`, never changed: test and real money never meet.
-- Others know it by its UUID: the broker keeps which installation consumes a queue.
CREATE TABLE installation (
    installation_id SMALLINT PRIMARY KEY DEFAULT 1,
    environment TEXT NOT NULL,
    installation_uuid UUID NOT NULL DEFAULT gen_random_uuid(),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT installation_one_row_check CHECK (installation_id = 1),
    CONSTRAINT installation_environment_check CHECK (environment IN ('TEST', 'LIVE'))
);

-- The cells of the installation, from 0 without a gap: fixed when it was created, for ever, because an owner's cell is
-- its hash modulo how many there are.
CREATE TABLE cells (
    cell_number INTEGER PRIMARY KEY,
    schema_name TEXT NOT NULL,
    CONSTRAINT cells_number_check CHECK (cell_number BETWEEN 0 AND 1023),
    CONSTRAINT cells_schema_name_check CHECK (schema_name = 'cell_' || cell_number)
);

CREATE TABLE currency_networks (
    currency_network_id INTEGER PRIMARY KEY,
    currency TEXT NOT NULL,
    network TEXT NOT NULL,
    decimals INTEGER NOT NULL,
    CONSTRAINT currency_networks_currency_network_key UNIQUE (currency, network),
    CONSTRAINT currency_networks_id_check CHECK (currency_network_id > 0),
    CONSTRAINT currency_networks_decimals_check CHECK (decimals BETWEEN 0 AND 18)
);

CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY,
    key_hash BYTEA NOT NULL,
    source TEXT NOT NULL,
    roles TEXT[] NOT NULL,
    rate_per_s INTEGER,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    revoked_at TIMESTAMPTZ,
    CONSTRAINT api_keys_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_rate_check CHECK (rate_per_s > 0),
    CONSTRAINT api_keys_roles_check CHECK (
        cardinality(roles) > 0 AND roles <@ ARRAY['game', 'payments', 'credit', 'backoffice', 'auditor']
    )
);

COMMENT ON COLUMN api_keys.rate_per_s IS 'calls and operations a second, to each server process; null: no bound';
COMMENT ON COLUMN api_keys.key_hash IS 'SHA-256 of the key: 256 random bits need no slower hash';

-- Where a source's sessions are settled, for each currency network. A LIVE installation opens no session without.
CREATE TABLE settlement_rails (
    source TEXT NOT NULL,
    currency_network_id INTEGER NOT NULL REFERENCES currency_networks (currency_network_id),
    rail TEXT NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT settlement_rails_pkey PRIMARY KEY (source, currency_network_id),
    CONSTRAINT settlement_rails_rail_check CHECK (rail IN ('ledger', 'payments'))
);

-- A ledger is known by the tx_id of the transaction that created it. Its owner_id is negative, a hash: players' ids are
-- above 0, so no ledger and no wallet shares a lock or a version with a player.
CREATE TABLE ledgers (
    ledger_id UUID PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    currency_network_id INTEGER NOT NULL REFERENCES currency_networks (currency_network_id),
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT ledgers_owner_check CHECK (owner_id < 0)
);

COMMENT ON COLUMN ledgers.source IS 'whose it is: who created it; another source finds no such ledger';

-- What a source has, in pages.
CREATE INDEX ledgers_source_idx ON ledgers (source, ledger_id);

-- What must be unique over all cells: the ids of deposits and of withdrawals, by the key_hash of their transactions,
-- and the outputs that deposits used. Written with the effect, and only where there are several cells: within one its
-- own keys are enough.
CREATE TABLE claims (
    claim_hash UUID PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    tx_id UUID NOT NULL
);

COMMENT ON COLUMN claims.tx_id IS 'the transaction that it was claimed with, in the owner''s cell';

-- Every event that was received and understood, once. An event is known by (source, event_id), which key_hash stands
-- for; one whose id was used with another body is kept under a key of its own, so that somebody can look at both.
CREATE TABLE inbox_events (
    inbox_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_hash UUID NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    body_hash UUID NOT NULL,
    body JSON NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    waits_for TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TIMESTAMPTZ,
    traceparent TEXT,
    received_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT inbox_events_key_hash_key UNIQUE (key_hash),
    CONSTRAINT inbox_events_state_check CHECK (state IN ('WAITING', 'APPLIED', 'PARKED', 'DISCARDED')),
    CONSTRAINT inbox_events_due_check CHECK ((state = 'WAITING') = (due_at IS NOT NULL)),
    CONSTRAINT inbox_events_early_check CHECK (waits_for IS NULL OR state IN ('WAITING', 'PARKED'))
);

COMMENT ON COLUMN inbox_events.key_hash IS
'128 bits of SHA-256 over source and event_id; see wallet_grpc/domain/receipts.py';
COMMENT ON COLUMN inbox_events.body IS 'the event''s data as canonical JSON';
COMMENT ON COLUMN inbox_events.reason IS 'why it waits or is parked: the name of an error (docs/rules.md, Errors)';
COMMENT ON COLUMN inbox_events.waits_for IS 'the withdrawal that an early event names';
COMMENT ON COLUMN inbox_events.attempts IS 'how often it was tried in vain';

CREATE INDEX inbox_events_due_idx ON inbox_events (due_at) WHERE state = 'WAITING';
CREATE INDEX inbox_events_early_idx ON inbox_events (inbox_id) WHERE waits_for IS NOT NULL;
CREATE INDEX inbox_events_open_idx ON inbox_events (inbox_id) WHERE state IN ('WAITING', 'PARKED');

-- Kept by the database itself ---------------------------------------------------------------------------------------

CREATE FUNCTION refuse_change() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', tg_table_name, tg_op USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER installation_append_only BEFORE UPDATE OR DELETE ON installation
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER installation_no_truncate BEFORE TRUNCATE ON installation
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cells_append_only BEFORE UPDATE OR DELETE ON cells
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER cells_no_truncate BEFORE TRUNCATE ON cells
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER claims_append_only BEFORE UPDATE OR DELETE ON claims
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER claims_no_truncate BEFORE TRUNCATE ON claims
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledgers_append_only BEFORE UPDATE OR DELETE ON ledgers
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledgers_no_truncate BEFORE TRUNCATE ON ledgers
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Of the entries that a statement inserts, each transaction sums to zero in each currency network.
CREATE FUNCTION check_zero_sum() RETURNS TRIGGER LANGUAGE plpgsql AS $$
DECLARE
    unbalanced UUID;
BEGIN
    SELECT inserted.tx_id INTO unbalanced
    FROM inserted
    GROUP BY inserted.tx_id, inserted.currency_network_id
    HAVING sum(inserted.amount_minor) <> 0
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the postings of transaction % do not sum to zero', unbalanced
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_zero_sum';
    END IF;
    RETURN NULL;
END
$$;

-- On Citus: keeps the cell of a shard from being moved until the transaction ends, and tells whether it is on this
-- node. Citus' own writers take the same lock, for which it asks for the table's owner; a move holds it alone. The look
-- comes after the lock, with a snapshot of its own (READ COMMITTED). On plain PostgreSQL nobody calls it. See
-- wallet_grpc/store/connection/placement.py.
CREATE FUNCTION hold_cell(shard_id BIGINT) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM lock_shard_metadata(5, ARRAY[shard_id]);
    RETURN EXISTS (
        SELECT FROM pg_dist_placement
        INNER JOIN pg_dist_local_group ON pg_dist_placement.groupid = pg_dist_local_group.groupid
        WHERE pg_dist_placement.shardid = shard_id
    );
END
$$;

REVOKE EXECUTE ON FUNCTION hold_cell FROM public;

-- Ends the store statement when a row was not as it was loaded; the lane loads again.
CREATE FUNCTION raise_lost_race(what TEXT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lost a race: %', what USING ERRCODE = 'WL001';
END
$$;

-- Where an owner lives, for those who look with SQL: as wallet_grpc/domain/cells.py tells it.
CREATE FUNCTION cell_of_owner(owner_id BIGINT, cells INTEGER) RETURNS INTEGER LANGUAGE sql IMMUTABLE AS $$
    SELECT (('x' || left(encode(sha256(owner_id::TEXT::BYTEA), 'hex'), 8))::BIT(32)::BIGINT % cells)::INTEGER
$$;

-- Rights ------------------------------------------------------------------------------------------------------------
-- Two roles without login. Who deploys gives them a password, or grants them to a login role of the deployment.

DO $$
DECLARE
    role_name TEXT;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['wallet_service', 'wallet_api'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- roles belong to the cluster: another database, or another pod just now, has made it
        END;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO wallet_service, wallet_api;

GRANT EXECUTE ON FUNCTION hold_cell TO wallet_service;
GRANT SELECT ON installation, cells, currency_networks, api_keys, settlement_rails TO wallet_service;
GRANT SELECT, INSERT ON claims, ledgers TO wallet_service;
GRANT SELECT, INSERT, UPDATE ON inbox_events TO wallet_service;

GRANT SELECT ON cells, currency_networks TO wallet_api;

-- Advisory locks are the service's, and the schema owner's: whoever only reads could delay a player, or keep the relays
-- from their partitions. The functions belong to a superuser; where the schema's owner is none, as on managed services,
-- they stay everybody's. Then a lock that is held for no reason delays, and does no more.
DO $$
DECLARE
    advisory REGPROCEDURE;
BEGIN
    FOR advisory IN
        SELECT pg_proc.oid::REGPROCEDURE
        FROM pg_proc
        WHERE
            pg_proc.pronamespace = 'pg_catalog'::REGNAMESPACE
            AND pg_proc.proname ~ '^pg_(try_)?advisory_'
            AND pg_has_role(pg_proc.proowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', advisory);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO wallet_service, pg_database_owner', advisory);
    END LOOP;
END
$$;
