-- What `wallet verify` asks of the inbox and the outbox; see verify.py.

-- The next applied events of the inbox: how many, the last of them, and those whose effect is not in the ledger.
-- name: events_chunk
WITH chunk AS MATERIALIZED (
    SELECT
        inbox_events.inbox_id,
        inbox_events.event_type,
        inbox_events.body ->> 'depositId' AS deposit_id,
        inbox_events.body ->> 'withdrawalId' AS withdrawal_id,
        (inbox_events.body ->> 'playerId')::BIGINT AS player_id,
        (inbox_events.body ->> 'amountMinor')::NUMERIC AS amount_minor
    FROM inbox_events
    WHERE inbox_events.inbox_id > %(after)s::BIGINT AND inbox_events.state = 'APPLIED'
    ORDER BY inbox_events.inbox_id
    LIMIT %(chunk)s::INTEGER
),

keyed AS (
    SELECT
        chunk.inbox_id,
        chunk.event_type,
        chunk.withdrawal_id,
        chunk.player_id,
        chunk.amount_minor,
        encode(
            substr(
                sha256(
                    convert_to(
                        CASE chunk.event_type
                            WHEN 'payments.deposit.settled' THEN 'deposit' || E'\x1f' || chunk.deposit_id
                            ELSE 'withdrawal-ending' || E'\x1f' || chunk.withdrawal_id
                        END,
                        'UTF8'
                    )
                ),
                1,
                16
            ),
            'hex'
        )::UUID AS key_hash
    FROM chunk
)

SELECT
    count(*) AS events,
    max(keyed.inbox_id) AS upto,
    coalesce(
        json_agg(keyed.inbox_id ORDER BY keyed.inbox_id) FILTER (
            WHERE NOT CASE keyed.event_type
                WHEN 'payments.withdrawal.broadcasted'
                    THEN EXISTS (
                        SELECT FROM withdrawals
                        WHERE withdrawals.withdrawal_id = keyed.withdrawal_id
                    )
                ELSE EXISTS (
                    SELECT FROM ledger_transactions
                    WHERE
                        ledger_transactions.key_hash = keyed.key_hash
                        AND ledger_transactions.kind = CASE keyed.event_type
                            WHEN 'payments.deposit.settled' THEN 'DEPOSIT'
                            WHEN 'payments.withdrawal.settled' THEN 'WITHDRAWAL_SETTLEMENT'
                            WHEN 'payments.withdrawal.failed' THEN 'WITHDRAWAL_FAILURE'
                        END
                        AND coalesce(ledger_transactions.owner_id = keyed.player_id, TRUE)
                        AND coalesce(ledger_transactions.amount_minor = keyed.amount_minor, TRUE)
                )
            END
        ),
        '[]'
    ) AS without_effect
FROM keyed;

-- name: outbox_waiting
SELECT count(*) FROM (SELECT FROM outbox_events LIMIT 1000000) AS waiting;
