-- What `wallet verify` asks of players: what is derived of each owner, beside what it is derived from; see
-- verify_histories.py. Long because all checks of an owner stand in the statement that reads its history.

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

-- Where a chunk ends that would have more transactions than one statement reads: in the middle of an owner's history.
-- name: owners_chunk_cut
SELECT
    ledger_transactions.owner_id,
    ledger_transactions.owner_version
FROM ledger_transactions
WHERE
    (ledger_transactions.owner_id, ledger_transactions.owner_version) > (%(after)s::BIGINT, %(after_no)s::BIGINT)
    AND ledger_transactions.owner_id <= %(upto)s::BIGINT
ORDER BY ledger_transactions.owner_id, ledger_transactions.owner_version
LIMIT 1 OFFSET %(rows_max)s::INTEGER - 1;

-- The owners of a chunk: their derived rows beside their postings. Those of ledgers are below 0, and of them only the
-- numbers of their transactions are looked at: what they post is seen by wallet and by account. Carried over is of an
-- owner whose history was begun before: how many transactions it has, whether one of them has another number, and of
-- each account how many entries and their sum.
-- name: owners_chunk
WITH carried AS MATERIALIZED (
    SELECT begun.*
    FROM
        json_to_record(%(carried)s::JSON) AS begun (
            owner_id BIGINT, place BIGINT, is_misplaced BOOLEAN, accounts JSON
        )
    WHERE begun.owner_id IS NOT NULL
),

carried_accounts AS MATERIALIZED (
    SELECT begun.*
    FROM carried
    CROSS JOIN
        LATERAL json_to_recordset(carried.accounts) AS begun (account_id BIGINT, total NUMERIC, entries BIGINT)
),

chunk_transactions AS MATERIALIZED (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.owner_id,
        ledger_transactions.owner_version,
        ledger_transactions.currency_network_id,
        ledger_transactions.status,
        ledger_transactions.main_balance_after_minor,
        carried.is_misplaced AS is_misplaced_before,
        coalesce(carried.place, 0) + row_number() OVER history AS place
    FROM ledger_transactions
    LEFT JOIN carried ON ledger_transactions.owner_id = carried.owner_id
    WHERE
        (ledger_transactions.owner_id, ledger_transactions.owner_version) > (%(after)s::BIGINT, %(after_no)s::BIGINT)
        AND (ledger_transactions.owner_id, ledger_transactions.owner_version) <= (%(upto)s::BIGINT, %(upto_no)s::BIGINT)
    WINDOW history AS (PARTITION BY ledger_transactions.owner_id ORDER BY ledger_transactions.owner_version)
),

chunk_accounts AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.player_id,
        accounts.currency_network_id,
        accounts.account_type,
        account_balances.balance_minor,
        account_balances.version,
        accounts.player_id < %(upto)s::BIGINT OR %(upto_no)s::BIGINT = %(ended)s::BIGINT AS is_whole
    FROM accounts
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE
        accounts.player_id >= %(after)s::BIGINT
        AND accounts.player_id <= %(upto)s::BIGINT
        AND (accounts.player_id > %(after)s::BIGINT OR %(after_no)s::BIGINT < %(ended)s::BIGINT)
),

chunk_entries AS MATERIALIZED (
    SELECT
        ledger_entries.tx_id,
        ledger_entries.entry_no,
        ledger_entries.account_id,
        ledger_entries.account_version,
        ledger_entries.balance_after,
        ledger_entries.amount_minor,
        chunk_transactions.owner_id,
        chunk_transactions.owner_version,
        chunk_transactions.currency_network_id,
        chunk_accounts.account_type,
        coalesce(carried_accounts.total, 0) + sum(ledger_entries.amount_minor) OVER history AS running,
        coalesce(carried_accounts.entries, 0) + row_number() OVER history AS place
    FROM chunk_transactions
    INNER JOIN ledger_entries ON chunk_transactions.tx_id = ledger_entries.tx_id
    INNER JOIN chunk_accounts ON ledger_entries.account_id = chunk_accounts.account_id
    LEFT JOIN carried_accounts ON ledger_entries.account_id = carried_accounts.account_id
    WHERE chunk_transactions.owner_id > 0
    WINDOW history AS (PARTITION BY ledger_entries.account_id ORDER BY ledger_entries.account_version)
),

read_now AS MATERIALIZED (
    SELECT
        chunk_entries.account_id,
        sum(chunk_entries.amount_minor) AS total,
        count(*) AS entries
    FROM chunk_entries
    GROUP BY chunk_entries.account_id
),

posted AS MATERIALIZED (
    SELECT
        coalesce(carried_accounts.account_id, read_now.account_id) AS account_id,
        coalesce(carried_accounts.total, 0) + coalesce(read_now.total, 0) AS total,
        coalesce(carried_accounts.entries, 0) + coalesce(read_now.entries, 0) AS entries
    FROM carried_accounts
    FULL JOIN read_now ON carried_accounts.account_id = read_now.account_id
),

main_before AS MATERIALIZED (
    SELECT
        chunk_accounts.player_id,
        chunk_accounts.currency_network_id,
        carried_accounts.total
    FROM carried_accounts
    INNER JOIN chunk_accounts ON carried_accounts.account_id = chunk_accounts.account_id
    WHERE chunk_accounts.account_type = 'MAIN'
),

-- Each transaction, and beside it what it moved of MAIN, under the same version: a sum up to the one has the other.
-- A join of the two would be planned for few rows where the statistics know of few, and take the square of many.
main_moves AS (
    SELECT
        chunk_transactions.tx_id,
        chunk_transactions.owner_id,
        chunk_transactions.owner_version,
        chunk_transactions.currency_network_id,
        chunk_transactions.main_balance_after_minor,
        chunk_transactions.currency_network_id IS NOT NULL AND chunk_transactions.status <> 'TOMBSTONE' AS tells,
        0 AS gain
    FROM chunk_transactions
    WHERE chunk_transactions.owner_id > 0
    UNION ALL
    SELECT
        NULL,
        chunk_entries.owner_id,
        chunk_entries.owner_version,
        chunk_entries.currency_network_id,
        NULL,
        FALSE,
        chunk_entries.amount_minor
    FROM chunk_entries
    WHERE chunk_entries.account_type = 'MAIN'
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
    WHERE chunk_accounts.is_whole AND chunk_accounts.balance_minor IS DISTINCT FROM coalesce(posted.total, 0)
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
    WHERE chunk_accounts.is_whole AND chunk_accounts.version IS DISTINCT FROM coalesce(posted.entries, 0)
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
    WHERE chunk_accounts.is_whole AND (chunk_accounts.balance_minor < 0 OR posted.total < 0)
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
        WHERE
            chunk_transactions.owner_version <> chunk_transactions.place
            AND NOT coalesce(chunk_transactions.is_misplaced_before, FALSE)
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
            main_moves.tx_id,
            main_moves.main_balance_after_minor,
            main_moves.tells,
            coalesce(main_before.total, 0) + sum(main_moves.gain) OVER (
                PARTITION BY main_moves.owner_id, main_moves.currency_network_id ORDER BY main_moves.owner_version
            ) AS main
        FROM main_moves
        LEFT JOIN main_before
            ON
                main_moves.owner_id = main_before.player_id
                AND main_moves.currency_network_id = main_before.currency_network_id
    ) AS remembered
    WHERE
        remembered.tx_id IS NOT NULL
        AND remembered.main_balance_after_minor IS DISTINCT FROM CASE WHEN remembered.tells THEN remembered.main END
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
        WHERE players.player_id >= %(after)s::BIGINT AND players.player_id <= %(upto)s::BIGINT
    ) AS kept
    FULL JOIN (
        SELECT DISTINCT ON (ledger_transactions.owner_id)
            ledger_transactions.owner_id,
            ledger_transactions.variant AS state
        FROM ledger_transactions
        WHERE
            ledger_transactions.kind = 'PLAYER_STATE'
            AND ledger_transactions.owner_id >= %(after)s::BIGINT
            AND ledger_transactions.owner_id <= %(upto)s::BIGINT
        ORDER BY ledger_transactions.owner_id ASC, ledger_transactions.owner_version DESC
    ) AS given ON kept.player_id = given.owner_id
    CROSS JOIN LATERAL (SELECT coalesce(kept.player_id, given.owner_id) AS owner_id) AS whose
    WHERE
        kept.state IS DISTINCT FROM given.state
        AND (whose.owner_id > %(after)s::BIGINT OR %(after_no)s::BIGINT < %(ended)s::BIGINT)
        AND (whose.owner_id < %(upto)s::BIGINT OR %(upto_no)s::BIGINT = %(ended)s::BIGINT)
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
    WHERE
        chunk_accounts.is_whole
        AND chunk_accounts.account_type = 'WITHDRAW_HOLD'
        AND chunk_accounts.balance_minor <> held.total
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
    WHERE
        chunk_accounts.is_whole
        AND chunk_accounts.account_type = 'SESSION_HOLD'
        AND chunk_accounts.balance_minor <> locked.total
)

SELECT
    (SELECT count(*) FILTER (WHERE chunk_accounts.is_whole) FROM chunk_accounts) AS accounts,
    (
        SELECT json_agg(json_build_array(problems.name, problems.subject, problems.problem)) FROM problems
    ) AS problems,
    (
        SELECT
            json_build_object(
                'owner_id', %(upto)s::BIGINT,
                'place', (
                    SELECT max(chunk_transactions.place) FROM chunk_transactions
                    WHERE chunk_transactions.owner_id = %(upto)s::BIGINT
                ),
                'is_misplaced', (
                    SELECT
                        bool_or(
                            chunk_transactions.is_misplaced_before IS TRUE
                            OR chunk_transactions.owner_version <> chunk_transactions.place
                        )
                    FROM chunk_transactions
                    WHERE chunk_transactions.owner_id = %(upto)s::BIGINT
                ),
                'accounts', (
                    SELECT coalesce(json_agg(row_to_json(posted)), '[]'::JSON)
                    FROM posted
                    INNER JOIN chunk_accounts ON posted.account_id = chunk_accounts.account_id
                    WHERE chunk_accounts.player_id = %(upto)s::BIGINT
                )
            )::TEXT
        WHERE %(upto_no)s::BIGINT < %(ended)s::BIGINT
    ) AS carried;

-- A chunk of the withdrawals that are kept, and of those the ones that nothing reserved.
-- name: withdrawals_chunk
WITH chunk_withdrawals AS MATERIALIZED (
    SELECT
        withdrawals.withdrawal_id,
        withdrawals.owner_id
    FROM withdrawals
    WHERE withdrawals.withdrawal_id > %(after)s::TEXT
    ORDER BY withdrawals.withdrawal_id
    LIMIT %(chunk)s::INTEGER
)

SELECT
    (
        SELECT last_withdrawal.withdrawal_id
        FROM chunk_withdrawals AS last_withdrawal
        ORDER BY last_withdrawal.withdrawal_id DESC
        LIMIT 1
    ) AS upto,
    (SELECT count(counted.withdrawal_id) FROM chunk_withdrawals AS counted) AS withdrawals,
    json_agg(
        json_build_array(
            'withdrawals_equal_their_transactions',
            format('owner %%s', chunk_withdrawals.owner_id),
            format('nothing reserved its withdrawal %%s', chunk_withdrawals.withdrawal_id)
        )
    ) FILTER (
        WHERE NOT EXISTS (
            SELECT FROM ledger_transactions AS made
            WHERE
                made.key_hash = encode(
                    substr(sha256(convert_to(E'withdrawal\x1f' || chunk_withdrawals.withdrawal_id, 'UTF8')), 1, 16),
                    'hex'
                )::UUID
                AND made.owner_id = chunk_withdrawals.owner_id
            OFFSET 0
        )
    ) AS problems
FROM chunk_withdrawals;
