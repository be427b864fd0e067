-- The transactions of a range of numbers, oldest first; see numbers.sql.
SET session_replication_role = replica;

INSERT INTO ledger_transactions (
    tx_id, owner_id, owner_version, source, reference, key_hash, kind, status, currency_network_id, amount_minor,
    win_amount_minor, game_code, round_id, round_hash, closes_round, reference_tx_id, reverses_tx_id,
    reference_transaction_id, variant, main_balance_after_minor, entry_count, details, created_at
)
SELECT
    made.tx_id,
    made.owner_id,
    made.version,
    made.source,
    made.reference,
    fill.key(made.key_begin || made.reference),
    made.kind,
    'APPLIED',
    1,
    made.amount_minor,
    CASE made.kind WHEN 'SESSION_SETTLEMENT' THEN made.amount_minor END,
    made.game_code,
    made.round_id,
    fill.key('round|' || made.source || '|' || made.owner_id || '|1|' || made.game_code || '|' || made.round_id),
    made.kind = 'WIN' AND made.slot % 4 = 0,
    CASE
        WHEN made.kind IN ('WIN', 'WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE', 'SESSION_SETTLEMENT')
            THEN fill.tx_id(made.pair)
    END,
    CASE made.kind WHEN 'ROLLBACK' THEN fill.tx_id(made.pair) END,
    CASE WHEN made.kind IN ('WIN', 'ROLLBACK') THEN 'tx-' || made.pair END,
    CASE made.kind
        WHEN 'WIN' THEN 'REGULAR'
        WHEN 'ADJUSTMENT' THEN 'CREDIT'
        WHEN 'PLAYER_STATE' THEN CASE WHEN made.is_blocked THEN 'BLOCKED' ELSE 'ACTIVE' END
    END,
    1000000000000000 - made.number,
    CASE made.kind WHEN 'PLAYER_STATE' THEN 0 ELSE 2 END,
    CASE
        WHEN made.kind = 'DEPOSIT'
            THEN jsonb_build_object('tx_hash', md5('a' || made.number) || md5('b' || made.number), 'output_index', 0)
        WHEN made.kind = 'WITHDRAWAL_SETTLEMENT'
            THEN jsonb_build_object('tx_hash', md5('a' || made.number) || md5('b' || made.number))
        WHEN made.kind IN ('ADJUSTMENT', 'PLAYER_STATE')
            THEN jsonb_build_object('actor', 'anna@example.com', 'reason', 'ticket ' || made.number)
    END,
    fill.moment(made.number)
FROM (
    SELECT
        numbered.*,
        numbered.owner_id % 50 = 1 AND numbered.owner_id > :players / 2 AS is_blocked,
        'studio-' || numbered.pair % 100 AS source,
        10000 + numbered.pair % 990000 AS amount_minor,
        fill.tx_id(numbered.number) AS tx_id,
        CASE
            WHEN numbered.kind IN ('BET', 'WIN', 'SESSION_OPENING')
                THEN 'studio-' || numbered.pair % 100 || ':game-' || numbered.pair / 100 % 10
        END AS game_code,
        CASE WHEN numbered.kind IN ('BET', 'WIN') THEN 'round-' || numbered.pair END AS round_id,
        CASE
            WHEN numbered.kind = 'DEPOSIT' THEN 'deposit-' || numbered.number
            WHEN numbered.kind LIKE 'WITHDRAWAL%' THEN 'withdrawal-' || numbered.pair
            WHEN numbered.kind = 'SESSION_SETTLEMENT'
                THEN 'ses_' || numbered.owner_id || '_1_' || replace(fill.tx_id(numbered.pair)::TEXT, '-', '')
            ELSE 'tx-' || numbered.number
        END AS reference,
        CASE
            WHEN numbered.kind = 'DEPOSIT' THEN 'deposit|'
            WHEN numbered.kind = 'WITHDRAWAL_RESERVATION' THEN 'withdrawal|'
            WHEN numbered.kind LIKE 'WITHDRAWAL%' THEN 'withdrawal-ending|'
            WHEN numbered.kind = 'SESSION_SETTLEMENT' THEN 'session-settlement|'
            ELSE 'source|studio-' || numbered.pair % 100 || '|'
        END AS key_begin
    FROM fill.transactions(:first, :last) AS numbered
    OFFSET 0
) AS made;
