-- What `wallet verify` asks of players: what is derived of each owner, beside what it is derived from; see verify.py.

-- Owners are found by jumping along their key, from each to the next: one look-up an owner, however many transactions
-- it has. An owner without any is looked at as
-- well, who has an account, a state or a withdrawal.
-- name: owners_chunk_end
WITH RECURSIVE owners AS (
    (
        SELECT
            ledger_transactions.owner_id,
            1 AS place
        FROM ledger_transactions
        WHERE ledger_transactions.owner_id > %(after)s::BIGINT
        ORDER BY ledger_transactions.owner_id
        LIMIT 1
    )
    UNION ALL
    SELECT
        next_owner.owner_id,
        owners.place + 1
    FROM owners
    CROSS JOIN
        LATERAL (
            SELECT ledger_transactions.owner_id
            FROM ledger_transactions
            WHERE ledger_transactions.owner_id > owners.owner_id
            ORDER BY ledger_transactions.owner_id
            LIMIT 1
        ) AS next_owner
    WHERE owners.place < %(chunk)s::INTEGER
)

SELECT max(chunk.owner_id)
FROM (
    SELECT known.owner_id
    FROM (
        SELECT owners.owner_id FROM owners
        UNION
        (
            SELECT accounts.player_id FROM accounts
            WHERE accounts.player_id > %(after)s::BIGINT
            ORDER BY accounts.player_id LIMIT %(chunk)s::INTEGER
        )
        UNION
        (
            SELECT players.player_id FROM players
            WHERE players.player_id > %(after)s::BIGINT
            ORDER BY players.player_id LIMIT %(chunk)s::INTEGER
        )
        UNION
        (
            SELECT withdrawals.owner_id FROM withdrawals
            WHERE withdrawals.owner_id > %(after)s::BIGINT
            ORDER BY withdrawals.owner_id LIMIT %(chunk)s::INTEGER
        )
    ) AS known (owner_id)
    ORDER BY known.owner_id
    LIMIT %(chunk)s::INTEGER
) AS chunk (owner_id);

-- The owners of a chunk: their derived rows beside their postings. Those of ledgers are below 0, and of them only the
-- numbers of their transactions are looked at: what they post is seen by wallet and by account.
-- name: owners_chunk
WITH chunk_transactions AS MATERIALIZED (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.owner_id,
        ledger_transactions.owner_version,
        ledger_transactions.currency_network_id,
        ledger_transactions.status,
        ledger_transactions.main_balance_after_minor,
        row_number() OVER history AS place
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id > %(after)s::BIGINT AND ledger_transactions.owner_id <= %(upto)s::BIGINT
    WINDOW history AS (PARTITION BY ledger_transactions.owner_id ORDER BY ledger_transactions.owner_version)
),

chunk_entries AS MATERIALIZED (
    SELECT
        ledger_entries.tx_id,
        ledger_entries.entry_no,
        ledger_entries.account_id,
        ledger_entries.account_version,
        ledger_entries.balance_after,
        ledger_entries.amount_minor,
        sum(ledger_entries.amount_minor) OVER history AS running,
        row_number() OVER history AS place
    FROM chunk_transactions
    INNER JOIN ledger_entries ON chunk_transactions.tx_id = ledger_entries.tx_id
    WHERE chunk_transactions.owner_id > 0
    WINDOW history AS (PARTITION BY ledger_entries.account_id ORDER BY ledger_entries.account_version)
),

chunk_accounts AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.player_id,
        accounts.currency_network_id,
        accounts.account_type,
        account_balances.balance_minor,
        account_balances.version
    FROM accounts
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE accounts.player_id > %(after)s::BIGINT AND accounts.player_id <= %(upto)s::BIGINT
),

posted AS MATERIALIZED (
    SELECT
        chunk_entries.account_id,
        sum(chunk_entries.amount_minor) AS total,
        count(*) AS entries
    FROM chunk_entries
    GROUP BY chunk_entries.account_id
),

main_gains AS MATERIALIZED (
    SELECT
        chunk_entries.tx_id,
        sum(chunk_entries.amount_minor) AS gain
    FROM chunk_entries
    INNER JOIN chunk_accounts ON chunk_entries.account_id = chunk_accounts.account_id
    WHERE chunk_accounts.account_type = 'MAIN'
    GROUP BY chunk_entries.tx_id
),

problems AS (
    SELECT
        'balances_equal_postings' AS name,
        format('account %%s', chunk_accounts.account_id) AS subject,
        format(
            '%%s of player %%s in network %%s: the derived balance is %%s, its postings sum to %%s',
            chunk_accounts.account_type, chunk_accounts.player_id, chunk_accounts.currency_network_id,
            coalesce(chunk_accounts.balance_minor::TEXT, 'missing'), coalesce(posted.total, 0)
        ) AS problem
    FROM chunk_accounts
    LEFT JOIN posted ON chunk_accounts.account_id = posted.account_id
    WHERE chunk_accounts.balance_minor IS DISTINCT FROM coalesce(posted.total, 0)
    UNION ALL
    SELECT
        'versions_count_postings',
        format('account %%s', chunk_accounts.account_id),
        format(
            'its version is %%s, it has %%s postings',
            coalesce(chunk_accounts.version::TEXT, 'missing'), coalesce(posted.entries, 0)
        )
    FROM chunk_accounts
    LEFT JOIN posted ON chunk_accounts.account_id = posted.account_id
    WHERE chunk_accounts.version IS DISTINCT FROM coalesce(posted.entries, 0)
    UNION ALL
    SELECT
        'no_player_account_is_negative',
        format('account %%s', chunk_accounts.account_id),
        format(
            '%%s of player %%s in network %%s is at %%s',
            chunk_accounts.account_type, chunk_accounts.player_id, chunk_accounts.currency_network_id,
            least(chunk_accounts.balance_minor, posted.total)
        )
    FROM chunk_accounts
    LEFT JOIN posted ON chunk_accounts.account_id = posted.account_id
    WHERE chunk_accounts.balance_minor < 0 OR posted.total < 0
    UNION ALL
    SELECT
        'balances_follow_their_postings',
        format('entry %%s of transaction %%s', chunk_entries.entry_no, chunk_entries.tx_id),
        format(
            'it is number %%s of its account with %%s after it, the %%s postings up to it sum to %%s',
            coalesce(chunk_entries.account_version::TEXT, 'missing'),
            coalesce(chunk_entries.balance_after::TEXT, 'missing'), chunk_entries.place, chunk_entries.running
        )
    FROM chunk_entries
    INNER JOIN chunk_accounts ON chunk_entries.account_id = chunk_accounts.account_id
    WHERE
        chunk_entries.balance_after IS DISTINCT FROM chunk_entries.running
        OR chunk_entries.account_version IS DISTINCT FROM chunk_entries.place
    UNION ALL
    SELECT
        'versions_number_transactions',
        format('owner %%s', misplaced.owner_id),
        format(
            'its transaction %%s has the version %%s and is the %%s. of its transactions',
            misplaced.tx_id, misplaced.owner_version, misplaced.place
        )
    FROM (
        SELECT DISTINCT ON (chunk_transactions.owner_id) chunk_transactions.*
        FROM chunk_transactions
        WHERE chunk_transactions.owner_version <> chunk_transactions.place
        ORDER BY chunk_transactions.owner_id, chunk_transactions.place
    ) AS misplaced
    UNION ALL
    SELECT
        'main_balances_are_remembered',
        format('transaction %%s', remembered.tx_id),
        format(
            'its main_balance_after_minor is %%s, the postings up to it leave MAIN at %%s',
            coalesce(remembered.main_balance_after_minor::TEXT, 'missing'), remembered.main
        )
    FROM (
        SELECT
            chunk_transactions.tx_id,
            chunk_transactions.main_balance_after_minor,
            chunk_transactions.currency_network_id IS NOT NULL AND chunk_transactions.status <> 'TOMBSTONE' AS tells,
            coalesce(
                sum(main_gains.gain) OVER (
                    PARTITION BY chunk_transactions.owner_id, chunk_transactions.currency_network_id
                    ORDER BY chunk_transactions.owner_version
                ),
                0
            ) AS main
        FROM chunk_transactions
        LEFT JOIN main_gains ON chunk_transactions.tx_id = main_gains.tx_id
        WHERE chunk_transactions.owner_id > 0
    ) AS remembered
    WHERE remembered.main_balance_after_minor IS DISTINCT FROM CASE WHEN remembered.tells THEN remembered.main END
    UNION ALL
    SELECT
        'player_states_equal_their_transactions',
        format('owner %%s', coalesce(kept.player_id, given.owner_id)),
        format(
            'its state is %%s, the last transaction that gave it one says %%s',
            coalesce(kept.state, 'missing'), coalesce(given.state, 'nothing')
        )
    FROM (
        SELECT
            players.player_id,
            players.state
        FROM players
        WHERE players.player_id > %(after)s::BIGINT AND players.player_id <= %(upto)s::BIGINT
    ) AS kept
    FULL JOIN (
        SELECT DISTINCT ON (ledger_transactions.owner_id)
            ledger_transactions.owner_id,
            ledger_transactions.variant AS state
        FROM ledger_transactions
        WHERE
            ledger_transactions.kind = 'PLAYER_STATE'
            AND ledger_transactions.owner_id > %(after)s::BIGINT
            AND ledger_transactions.owner_id <= %(upto)s::BIGINT
        ORDER BY ledger_transactions.owner_id ASC, ledger_transactions.owner_version DESC
    ) AS given ON kept.player_id = given.owner_id
    WHERE kept.state IS DISTINCT FROM given.state
    UNION ALL
    SELECT
        'withdrawals_equal_their_transactions',
        format('owner %%s', withdrawals.owner_id),
        format('nothing reserved its withdrawal %%s', withdrawals.withdrawal_id)
    FROM withdrawals
    WHERE
        withdrawals.owner_id > %(after)s::BIGINT
        AND withdrawals.owner_id <= %(upto)s::BIGINT
        AND NOT EXISTS (
            SELECT FROM ledger_transactions AS made
            WHERE
                made.key_hash = encode(
                    substr(sha256(convert_to(E'withdrawal\x1f' || withdrawals.withdrawal_id, 'UTF8')), 1, 16), 'hex'
                )::UUID
                AND made.owner_id = withdrawals.owner_id
            OFFSET 0
        )
    UNION ALL
    SELECT
        'holds_equal_open_withdrawals',
        format('account %%s', chunk_accounts.account_id),
        format(
            'WITHDRAW_HOLD of player %%s in network %%s is %%s, the open withdrawals sum to %%s',
            chunk_accounts.player_id, chunk_accounts.currency_network_id, chunk_accounts.balance_minor, held.total
        )
    FROM chunk_accounts
    CROSS JOIN
        LATERAL (
            SELECT coalesce(sum(withdrawals.amount_minor), 0) AS total
            FROM withdrawals
            WHERE
                withdrawals.owner_id = chunk_accounts.player_id
                AND withdrawals.currency_network_id = chunk_accounts.currency_network_id
                AND withdrawals.state IN ('RESERVED', 'BROADCASTED')
        ) AS held
    WHERE chunk_accounts.account_type = 'WITHDRAW_HOLD' AND chunk_accounts.balance_minor <> held.total
    UNION ALL
    SELECT
        'session_holds_equal_open_sessions',
        format('account %%s', chunk_accounts.account_id),
        format(
            'SESSION_HOLD of player %%s in network %%s is %%s, the open sessions lock %%s',
            chunk_accounts.player_id, chunk_accounts.currency_network_id, chunk_accounts.balance_minor, locked.total
        )
    FROM chunk_accounts
    CROSS JOIN
        LATERAL (
            SELECT coalesce(sum(sessions.lock_amount_minor), 0) AS total
            FROM sessions
            WHERE
                sessions.owner_id = chunk_accounts.player_id
                AND sessions.currency_network_id = chunk_accounts.currency_network_id
                AND sessions.state = 'OPEN'
        ) AS locked
    WHERE chunk_accounts.account_type = 'SESSION_HOLD' AND chunk_accounts.balance_minor <> locked.total
)

SELECT
    (SELECT count(*) FROM chunk_accounts) AS accounts,
    (
        SELECT json_agg(json_build_array(problems.name, problems.subject, problems.problem)) FROM problems
    ) AS problems;
