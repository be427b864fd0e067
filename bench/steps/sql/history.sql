-- A long history, as if its bets and wins had come through the wallet: one twentieth is player 1's, the others' are spread
-- evenly. Indexes that no read of the API uses are left out, and the others are made afterwards: it is filled in a third
-- of the time, and what is read is the same. Nothing audits this database: no balance follows these postings.
SET session_replication_role = replica;

ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_pkey;
ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_key_hash_key;
ALTER TABLE ledger_transactions DROP CONSTRAINT ledger_transactions_owner_version_key;
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_pkey;
DROP INDEX ledger_transactions_round_idx;
DROP INDEX ledger_transactions_closer_idx;
DROP INDEX ledger_transactions_reference_idx;
DROP INDEX ledger_transactions_reverses_key;

INSERT INTO ledger_transactions (
    tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id, amount_minor,
    game_code, round_id, round_hash, closes_round, main_balance_after_minor, entry_count, created_at
)
SELECT
    (
        lpad(to_hex((extract(EPOCH FROM made.at) * 1000)::BIGINT), 12, '0')
        || '7' || substr(made.hash, 1, 3) || '8' || substr(made.hash, 4, 15)
    )::UUID,
    made.owner_id,
    coalesce(known.owner_version, 0) + row_number() OVER (PARTITION BY made.owner_id ORDER BY made.number),
    'bench',
    'history-' || made.number,
    made.hash::UUID,
    CASE WHEN made.number % 40 < 20 THEN 'BET' ELSE 'WIN' END,
    'APPLIED',
    1,
    10000 + made.number % 990000,
    'studio-1:game-' || made.number % 40,
    'round-' || made.number,
    made.hash::UUID,
    FALSE,
    1000000000000000 - made.number,
    2,
    made.at
FROM (
    SELECT
        number,
        CASE WHEN number % 20 = 0 THEN 1 ELSE 2 + (number * 7919) % (:players - 1) END AS owner_id,
        md5(number::TEXT) AS hash,
        TIMESTAMPTZ '2026-01-01T00:00:00Z' + number * INTERVAL '5 milliseconds' AS at
    FROM generate_series(1::BIGINT, :transactions) AS number
) AS made
LEFT JOIN (
    SELECT
        owner_id,
        max(owner_version) AS owner_version
    FROM ledger_transactions
    GROUP BY owner_id
) AS known ON made.owner_id = known.owner_id;

ANALYZE ledger_transactions;

INSERT INTO ledger_entries (
    tx_id, entry_no, owner_id, account_id, account_version, currency_network_id, amount_minor, balance_after
)
SELECT
    made.tx_id,
    side.entry_no,
    made.owner_id,
    side.account_id,
    side.account_version,
    1,
    side.amount_minor,
    side.balance_after
FROM ledger_transactions AS made
INNER JOIN (SELECT player_id, account_id FROM accounts WHERE account_type = 'MAIN') AS main
    ON made.owner_id = main.player_id
CROSS JOIN (SELECT account_id FROM accounts WHERE account_type = 'HOUSE:WAGER') AS house
CROSS JOIN LATERAL (
    VALUES
    (1, main.account_id, 1, CASE made.kind WHEN 'BET' THEN -made.amount_minor ELSE made.amount_minor END,
        made.main_balance_after_minor),
    (2, house.account_id, NULL, CASE made.kind WHEN 'BET' THEN made.amount_minor ELSE -made.amount_minor END, NULL)
) AS side (entry_no, account_id, account_version, amount_minor, balance_after)
WHERE made.source = 'bench' AND made.kind <> 'DEPOSIT';

SET maintenance_work_mem = '256MB';
ALTER TABLE ledger_transactions ADD CONSTRAINT ledger_transactions_pkey PRIMARY KEY (tx_id);
ALTER TABLE ledger_transactions
ADD CONSTRAINT ledger_transactions_owner_version_key UNIQUE (owner_id, owner_version);
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_pkey PRIMARY KEY (tx_id, entry_no);
