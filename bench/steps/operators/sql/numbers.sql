-- What a number between 1 and :transactions stands for. Every twentieth transaction is player 1's, the others go round
-- the other players, so that who did it, and which of theirs it is, are reckoned and not looked up. A player's
-- transactions come in pairs, of 50 kinds that follow each other; players begin at different ones.
CREATE SCHEMA fill;

CREATE FUNCTION fill.moment_ms(number BIGINT) RETURNS BIGINT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT :begins_ms + number * :period_ms / :transactions
$$;

CREATE FUNCTION fill.moment(number BIGINT) RETURNS TIMESTAMPTZ LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT TIMESTAMPTZ '1970-01-01T00:00:00Z' + fill.moment_ms(number) * INTERVAL '1 millisecond'
$$;

-- An id as the wallet makes them, of cell 0.
CREATE FUNCTION fill.tx_id(number BIGINT) RETURNS UUID LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (
        lpad(to_hex(fill.moment_ms(number)), 12, '0')
        || overlay(
            overlay(overlay(left(md5(number::TEXT), 20) PLACING '7' FROM 1) PLACING '8' FROM 5) PLACING '000' FROM 18
        )
    )::UUID
$$;

-- The keys of wallet_grpc/domain/identifiers.py.
CREATE FUNCTION fill.key(hashed TEXT) RETURNS UUID LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(encode(sha256(convert_to(translate(hashed, '|', chr(31)), 'UTF8')), 'hex'), 32)::UUID
$$;

CREATE FUNCTION fill.transactions(first_number BIGINT, last_number BIGINT) RETURNS TABLE (
    number BIGINT, owner_id BIGINT, version BIGINT, slot BIGINT, shift BIGINT, kind TEXT, pair BIGINT,
    next_number BIGINT
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        of_kind.number,
        of_kind.owner_id,
        of_kind.version,
        of_kind.slot,
        of_kind.shift,
        of_kind.kind,
        CASE WHEN of_kind.slot % 2 = 1 OR of_kind.kind IN ('BET', 'ADJUSTMENT', 'PLAYER_STATE') THEN of_kind.number
            WHEN of_kind.owner_id = 1 THEN of_kind.number - 20
            ELSE of_kind.place - :others + 1 + (of_kind.place - :others) / 19
        END AS pair,
        CASE WHEN of_kind.owner_id = 1 THEN of_kind.number + 20
            ELSE of_kind.place + :others + 1 + (of_kind.place + :others) / 19
        END AS next_number
    FROM (
        SELECT
            slotted.*,
            CASE
                WHEN slotted.slot <= 92 AND slotted.slot % 2 = 0 THEN 'WIN'
                WHEN slotted.slot <= 93 THEN 'BET'
                WHEN slotted.slot = 94 THEN 'ROLLBACK'
                WHEN slotted.slot = 95 THEN 'DEPOSIT'
                WHEN slotted.slot = 96 AND slotted.owner_id % 5 = 0 THEN 'ADJUSTMENT'
                WHEN slotted.slot = 96 AND slotted.owner_id % 5 = 1 THEN 'PLAYER_STATE'
                WHEN slotted.slot = 97 THEN 'WITHDRAWAL_RESERVATION'
                WHEN slotted.slot = 98 AND slotted.owner_id % 10 < 8 THEN 'WITHDRAWAL_SETTLEMENT'
                WHEN slotted.slot = 98 AND slotted.owner_id % 10 = 8 THEN 'WITHDRAWAL_FAILURE'
                WHEN slotted.slot = 99 THEN 'SESSION_OPENING'
                WHEN slotted.slot = 100 AND slotted.owner_id % 10 < 9 THEN 'SESSION_SETTLEMENT'
                ELSE 'BET'
            END AS kind
        FROM (
            SELECT
                owned.*,
                2 * (owned.owner_id % 50) AS shift,
                1 + (owned.version - 1 + 2 * (owned.owner_id % 50)) % 100 AS slot
            FROM (
                SELECT
                    given AS number,
                    given - given / 20 - 1 AS place,
                    CASE WHEN given % 20 = 0 THEN 1 ELSE 2 + ((given - given / 20 - 1) * 7919) % :others END AS owner_id,
                    CASE WHEN given % 20 = 0 THEN given / 20 ELSE 1 + (given - given / 20 - 1) / :others END AS version
                FROM generate_series(first_number, last_number) AS given
            ) AS owned
        ) AS slotted
    ) AS of_kind
$$;

-- How many entries a player's accounts have after a version.
CREATE FUNCTION fill.main_version(owner_id BIGINT, version BIGINT, shift BIGINT) RETURNS BIGINT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT version
        - CASE WHEN owner_id % 10 < 8 THEN (version + shift + 2) / 100 - (shift + 2) / 100 ELSE 0 END
        - CASE WHEN owner_id % 5 = 1 THEN (version + shift + 4) / 100 - (shift + 4) / 100 ELSE 0 END
$$;

CREATE FUNCTION fill.withdraw_version(owner_id BIGINT, version BIGINT, shift BIGINT) RETURNS BIGINT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (version + shift + 3) / 100 - (shift + 3) / 100
        + CASE WHEN owner_id % 10 < 9 THEN (version + shift + 2) / 100 - (shift + 2) / 100 ELSE 0 END
$$;

CREATE FUNCTION fill.session_version(owner_id BIGINT, version BIGINT, shift BIGINT) RETURNS BIGINT
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (version + shift + 1) / 100 - (shift + 1) / 100
        + CASE WHEN owner_id % 10 < 9 THEN (version + shift) / 100 - shift / 100 ELSE 0 END
$$;

-- Accounts of the players, by numbers that are reckoned as well.
INSERT INTO accounts (account_id, player_id, currency_network_id, account_type)
SELECT
    1000 + 3 * given.player_id + kinds.number,
    given.player_id,
    1,
    kinds.account_type
FROM generate_series(1, :players) AS given (player_id)
CROSS JOIN (VALUES (0, 'MAIN'), (1, 'WITHDRAW_HOLD'), (2, 'SESSION_HOLD')) AS kinds (number, account_type);
SELECT setval('accounts_account_id_seq', 1000 + 3 * (:players + 1));
