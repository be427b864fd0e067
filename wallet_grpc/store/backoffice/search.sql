-- One box for everything: what a text names, each kind by a look-up in an index. See search.py.

-- What all cells share: ledgers, events that are not done, and whose callers' transactions there can be.
-- name: ledgers
SELECT
    ledgers.ledger_id::TEXT,
    ledgers.source,
    ledgers.currency_network_id,
    ledgers.created_at
FROM ledgers
WHERE ledgers.ledger_id = %(uuid)s::UUID;

-- name: events
SELECT
    inbox_events.inbox_id,
    inbox_events.source,
    inbox_events.received_at
FROM inbox_events
WHERE inbox_events.state IN ('WAITING', 'PARKED') AND inbox_events.event_id = %(event_id)s::TEXT
ORDER BY inbox_events.inbox_id
LIMIT %(rows_max)s::BIGINT;

-- name: sources
SELECT DISTINCT shown_keys.source
FROM shown_keys
LIMIT %(rows_max)s::BIGINT;

-- Transactions by their keys, by their ids, and by the hash on their network.
-- name: transactions
SELECT
    found.tx_id::TEXT,
    found.owner_id,
    found.source,
    found.reference,
    found.kind,
    found.currency_network_id,
    found.amount_minor::TEXT,
    found.game_code,
    found.round_id,
    found.details,
    found.created_at,
    named.how
FROM (
    SELECT
        by_key.tx_id,
        'KEY' AS how
    FROM unnest(%(keys)s::UUID[]) AS wanted (key_hash)
    CROSS JOIN
        LATERAL (
            SELECT ledger_transactions.tx_id
            FROM ledger_transactions
            WHERE ledger_transactions.key_hash = wanted.key_hash
            LIMIT 1
        ) AS by_key
    UNION ALL
    SELECT
        ledger_transactions.tx_id,
        'ID' AS how
    FROM ledger_transactions
    WHERE ledger_transactions.tx_id = %(uuid)s::UUID
    UNION ALL
    (
        SELECT
            by_hash.tx_id,
            'HASH' AS how
        FROM unnest(%(tx_hashes)s::TEXT[]) AS wanted (tx_hash)
        CROSS JOIN
            LATERAL (
                SELECT ledger_transactions.tx_id
                FROM ledger_transactions
                WHERE
                    ledger_transactions.details ? 'tx_hash'
                    AND lower(ledger_transactions.details ->> 'tx_hash') = wanted.tx_hash
                LIMIT %(rows_max)s::BIGINT
            ) AS by_hash
    )
) AS named
CROSS JOIN
    LATERAL (
        SELECT ledger_transactions.*
        FROM ledger_transactions
        WHERE ledger_transactions.tx_id = named.tx_id
        LIMIT 1
    ) AS found
LIMIT %(rows_max)s::BIGINT;

-- name: player
SELECT coalesce(
    (
        SELECT TRUE
        FROM players
        WHERE players.player_id = %(player_id)s::BIGINT
    ),
    (
        SELECT TRUE
        FROM ledger_transactions
        WHERE ledger_transactions.owner_id = %(player_id)s::BIGINT
        ORDER BY ledger_transactions.owner_version
        LIMIT 1
    ),
    FALSE
) AS seen;

-- name: session
SELECT
    sessions.session_id::TEXT,
    sessions.owner_id,
    sessions.source,
    sessions.currency_network_id,
    sessions.game_code,
    sessions.lock_amount_minor::TEXT,
    sessions.opened_at
FROM sessions
WHERE sessions.session_id = %(uuid)s::UUID;

-- name: wallet
SELECT
    last_entry.balance_after_minor::TEXT AS balance_minor,
    credit_wallets.created_at
FROM credit_wallets
CROSS JOIN
    LATERAL (
        SELECT entries.balance_after_minor
        FROM subledger_entries AS entries
        WHERE entries.subledger_id = credit_wallets.wallet_id AND entries.entry_no > 0
        ORDER BY entries.entry_no DESC
        LIMIT 1
    ) AS last_entry
WHERE credit_wallets.wallet_id = %(wallet_id)s::UUID;

-- Rounds by their ids alone: an index tells which ranges of pages may have them.
-- name: rounds
SELECT
    rounds.owner_id,
    rounds.source,
    rounds.currency_network_id,
    rounds.game_code,
    rounds.round_id,
    min(rounds.created_at) AS created_at
FROM (
    SELECT
        ledger_transactions.owner_id,
        ledger_transactions.source,
        ledger_transactions.currency_network_id,
        ledger_transactions.game_code,
        ledger_transactions.round_id,
        ledger_transactions.round_hash,
        ledger_transactions.created_at
    FROM ledger_transactions
    WHERE ledger_transactions.round_id = %(named)s::TEXT AND ledger_transactions.round_hash IS NOT NULL
    LIMIT %(looked_at_max)s::BIGINT
) AS rounds
GROUP BY
    rounds.round_hash, rounds.owner_id, rounds.source, rounds.currency_network_id, rounds.game_code, rounds.round_id
LIMIT %(rows_max)s::BIGINT;

-- What was played in sessions and written to wallets, by its id or its round's.
-- name: journals
SELECT
    entries.subledger_id::TEXT,
    entries.owner_id,
    entries.kind,
    entries.transaction_id,
    entries.round_id,
    entries.amount_minor::TEXT,
    entries.created_at,
    sessions.currency_network_id,
    sessions.game_code,
    credit_wallets.ledger_id::TEXT,
    credit_wallets.caller_key,
    coalesce(sessions.source, entries.source) AS source
FROM (
    (
        SELECT by_id.*
        FROM subledger_entries AS by_id
        WHERE by_id.transaction_id = %(named)s::TEXT
        LIMIT %(rows_max)s::BIGINT
    )
    UNION ALL
    (
        SELECT by_round.*
        FROM subledger_entries AS by_round
        WHERE by_round.round_id = %(named)s::TEXT
        LIMIT %(looked_at_max)s::BIGINT
    )
) AS entries
LEFT JOIN sessions ON entries.subledger_id = sessions.session_id
LEFT JOIN credit_wallets ON entries.subledger_id = credit_wallets.wallet_id;

-- name: parked
SELECT outbox_events.outbox_id
FROM outbox_events
WHERE outbox_events.tx_id = %(uuid)s::UUID AND outbox_events.parked_at IS NOT NULL
ORDER BY outbox_events.outbox_id
LIMIT %(rows_max)s::BIGINT;
