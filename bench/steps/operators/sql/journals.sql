-- Sessions with twenty entries and a settlement each, in the order of their time; withdrawals, deposits' outputs,
-- players' states and balances. See numbers.sql.
SET session_replication_role = replica;
SET work_mem = '256MB';

CREATE TABLE fill.openings AS
SELECT
    numbered.number,
    numbered.owner_id,
    numbered.pair,
    fill.tx_id(numbered.number) AS session_id,
    numbered.next_number,
    numbered.owner_id % 10 < 9 AND numbered.next_number <= :transactions AS is_settled
FROM fill.transactions(1, :transactions) AS numbered
WHERE numbered.kind = 'SESSION_OPENING';

INSERT INTO sessions (
    session_id, owner_id, source, currency_network_id, game_code, lock_amount_minor, rail, ttl_asked_s, opened_at,
    expires_at, state, payout_minor, open_rounds, settlement_tx_id, settled_at
)
SELECT
    session_id,
    owner_id,
    'studio-' || pair % 100,
    1,
    'studio-' || pair % 100 || ':game-' || pair / 100 % 10,
    10000 + pair % 990000,
    'ledger',
    0,
    fill.moment(number),
    CASE WHEN is_settled THEN fill.moment(number) + INTERVAL '1 day' ELSE now() + INTERVAL '1 day' END,
    CASE WHEN is_settled THEN 'SETTLED' ELSE 'OPEN' END,
    CASE WHEN is_settled THEN 10000 + pair % 990000 END,
    CASE WHEN is_settled THEN 0 END,
    CASE WHEN is_settled THEN fill.tx_id(next_number) END,
    CASE WHEN is_settled THEN fill.moment(next_number) END
FROM fill.openings;

INSERT INTO subledger_entries (
    subledger_id, entry_no, owner_id, created_at, key_hash, closes_round, late, round_hash, reference_key, tx_id, kind,
    status, transaction_id, amount_minor, change_minor, balance_after_minor, open_rounds, round_id,
    reference_transaction_id, variant
)
SELECT
    played.session_id,
    played.entry_no,
    played.owner_id,
    played.created_at,
    (
        played.key_begin
        || left(encode(sha256(convert_to(
            played.session_id || chr(31) || CASE WHEN played.entry_no = 21 THEN 'settlement' ELSE 'entry' END || chr(31)
            || played.transaction_id, 'UTF8'
        )), 'hex'), 20)
    )::UUID,
    played.kind = 'WIN',
    FALSE,
    CASE
        WHEN played.entry_no < 21
            THEN (
                played.key_begin || left(encode(sha256(convert_to(
                    played.session_id || chr(31) || 'round' || chr(31) || played.round_id, 'UTF8'
                )), 'hex'), 20)
            )::UUID
    END,
    CASE
        WHEN played.kind = 'WIN'
            THEN (
                played.key_begin || left(encode(sha256(convert_to(
                    played.session_id || chr(31) || 'entry' || chr(31) || 'play-' || played.number || '-'
                    || played.entry_no - 1, 'UTF8'
                )), 'hex'), 20)
            )::UUID
    END,
    CASE WHEN played.entry_no = 21 THEN fill.tx_id(played.next_number) END,
    played.kind,
    'APPLIED',
    played.transaction_id,
    CASE played.kind WHEN 'SESSION_SETTLEMENT' THEN 0 ELSE played.amount_minor END,
    CASE played.kind WHEN 'BET' THEN -1 WHEN 'WIN' THEN 1 ELSE 0 END * played.amount_minor,
    CASE played.kind WHEN 'BET' THEN 0 ELSE played.amount_minor END,
    CASE WHEN played.entry_no < 21 THEN played.entry_no % 2 END,
    CASE WHEN played.entry_no < 21 THEN played.round_id END,
    CASE WHEN played.kind = 'WIN' THEN 'play-' || played.number || '-' || played.entry_no - 1 END,
    CASE WHEN played.kind = 'WIN' THEN 'REGULAR' END
FROM (
    SELECT
        openings.*,
        plays.entry_no,
        10000 + openings.pair % 990000 AS amount_minor,
        left(replace(openings.session_id::TEXT, '-', ''), 12) AS key_begin,
        'played-' || openings.number || '-' || (plays.entry_no - 1) / 2 AS round_id,
        CASE
            WHEN plays.entry_no = 21 THEN 'SESSION_SETTLEMENT'
            WHEN plays.entry_no % 2 = 1 THEN 'BET'
            ELSE 'WIN'
        END AS kind,
        CASE
            WHEN plays.entry_no = 21
                THEN 'ses_' || openings.owner_id || '_1_' || replace(openings.session_id::TEXT, '-', '')
            ELSE 'play-' || openings.number || '-' || plays.entry_no
        END AS transaction_id,
        CASE
            WHEN plays.entry_no = 21 THEN fill.moment(openings.next_number)
            ELSE fill.moment(openings.number) + plays.entry_no * INTERVAL '100 milliseconds'
        END AS created_at
    FROM fill.openings
    CROSS JOIN generate_series(1, 21) AS plays (entry_no)
    WHERE plays.entry_no < 21 OR openings.is_settled
    ORDER BY created_at
) AS played;

INSERT INTO withdrawals (
    withdrawal_id, owner_id, currency_network_id, amount_minor, state, reserved_at, changed_at
)
SELECT
    'withdrawal-' || numbered.number,
    numbered.owner_id,
    1,
    10000 + numbered.pair % 990000,
    CASE
        WHEN numbered.next_number > :transactions OR numbered.owner_id % 10 = 9
            THEN CASE WHEN numbered.owner_id % 20 = 9 THEN 'BROADCASTED' ELSE 'RESERVED' END
        WHEN numbered.owner_id % 10 < 8 THEN 'SETTLED'
        ELSE 'FAILED'
    END,
    fill.moment(numbered.number),
    fill.moment(least(numbered.next_number, :transactions))
FROM fill.transactions(1, :transactions) AS numbered
WHERE numbered.kind = 'WITHDRAWAL_RESERVATION';

INSERT INTO deposit_outputs (output_hash, owner_id, tx_id)
SELECT
    fill.key('output|1|' || md5('a' || numbered.number) || md5('b' || numbered.number) || '|0'),
    numbered.owner_id,
    fill.tx_id(numbered.number)
FROM fill.transactions(1, :transactions) AS numbered
WHERE numbered.kind = 'DEPOSIT';

INSERT INTO players (player_id, state)
SELECT
    player_id,
    CASE WHEN player_id % 50 = 1 AND player_id > :players / 2 THEN 'BLOCKED' ELSE 'ACTIVE' END
FROM generate_series(1, :players) AS player_id
WHERE player_id % 5 = 1;

-- Each player's last transaction is among the last two rounds of all.
INSERT INTO account_balances (account_id, owner_id, balance_minor, version)
SELECT
    1000 + 3 * last_one.owner_id + kinds.number,
    last_one.owner_id,
    1000000000000000,
    CASE kinds.number
        WHEN 0 THEN fill.main_version(last_one.owner_id, last_one.version, 2 * (last_one.owner_id % 50))
        WHEN 1 THEN fill.withdraw_version(last_one.owner_id, last_one.version, 2 * (last_one.owner_id % 50))
        ELSE fill.session_version(last_one.owner_id, last_one.version, 2 * (last_one.owner_id % 50))
    END
FROM (
    SELECT
        numbered.owner_id,
        max(numbered.version) AS version
    FROM fill.transactions(greatest(1, :transactions - 3 * :players), :transactions) AS numbered
    GROUP BY numbered.owner_id
) AS last_one
CROSS JOIN generate_series(0, 2) AS kinds (number);
