-- The entries of a range of transactions, two each; see numbers.sql.
SET session_replication_role = replica;

INSERT INTO ledger_entries (
    tx_id, owner_id, account_id, account_version, currency_network_id, entry_no, amount_minor, balance_after
)
SELECT
    made.tx_id,
    made.owner_id,
    sides.account_id,
    sides.account_version,
    1,
    sides.entry_no,
    sides.amount_minor,
    CASE WHEN sides.account_version IS NOT NULL THEN 1000000000000000 - made.number END
FROM (
    SELECT
        numbered.number,
        numbered.owner_id,
        numbered.kind,
        10000 + numbered.pair % 990000 AS amount_minor,
        1000 + 3 * numbered.owner_id AS main_id,
        fill.tx_id(numbered.number) AS tx_id,
        fill.main_version(numbered.owner_id, numbered.version, numbered.shift) AS main_version,
        CASE
            WHEN numbered.kind LIKE 'WITHDRAWAL%' OR numbered.kind LIKE 'SESSION%'
                THEN 1000 + 3 * numbered.owner_id + CASE WHEN numbered.kind LIKE 'SESSION%' THEN 2 ELSE 1 END
        END AS hold_id,
        CASE
            WHEN numbered.kind LIKE 'SESSION%'
                THEN fill.session_version(numbered.owner_id, numbered.version, numbered.shift)
            WHEN numbered.kind LIKE 'WITHDRAWAL%'
                THEN fill.withdraw_version(numbered.owner_id, numbered.version, numbered.shift)
        END AS hold_version
    FROM fill.transactions(:first, :last) AS numbered
    WHERE numbered.kind <> 'PLAYER_STATE'
    OFFSET 0
) AS made
CROSS JOIN LATERAL (
    VALUES
    (
        1::SMALLINT,
        CASE
            WHEN made.kind IN ('WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE', 'SESSION_SETTLEMENT') THEN made.hold_id
            ELSE made.main_id
        END,
        CASE
            WHEN made.kind IN ('WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE', 'SESSION_SETTLEMENT')
                THEN made.hold_version
            ELSE made.main_version
        END,
        CASE WHEN made.kind IN ('WIN', 'ROLLBACK', 'DEPOSIT', 'ADJUSTMENT') THEN 1 ELSE -1 END * made.amount_minor
    ),
    (
        2::SMALLINT,
        CASE
            WHEN made.kind IN ('BET', 'WIN', 'ROLLBACK') THEN :wager_id
            WHEN made.kind IN ('DEPOSIT', 'ADJUSTMENT', 'WITHDRAWAL_SETTLEMENT') THEN :house_id
            WHEN made.kind IN ('WITHDRAWAL_FAILURE', 'SESSION_SETTLEMENT') THEN made.main_id
            ELSE made.hold_id
        END,
        CASE
            WHEN made.kind IN ('BET', 'WIN', 'ROLLBACK', 'DEPOSIT', 'ADJUSTMENT', 'WITHDRAWAL_SETTLEMENT') THEN NULL
            WHEN made.kind IN ('WITHDRAWAL_FAILURE', 'SESSION_SETTLEMENT') THEN made.main_version
            ELSE made.hold_version
        END,
        CASE WHEN made.kind IN ('WIN', 'ROLLBACK', 'DEPOSIT', 'ADJUSTMENT') THEN -1 ELSE 1 END * made.amount_minor
    )
) AS sides (entry_no, account_id, account_version, amount_minor);
