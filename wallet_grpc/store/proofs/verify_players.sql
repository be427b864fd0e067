-- What `wallet verify` asks. Each statement is one snapshot of bounded size; see wallet_grpc/store/verify.py.

-- name: facts
SELECT
    (
        SELECT greatest(pg_class.reltuples, 0)::BIGINT FROM pg_class
        WHERE pg_class.oid = 'ledger_transactions'::REGCLASS)
        AS transactions_estimate,
    (SELECT count(*) FROM owners) AS owners,
    (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM credit_wallets) AS wallets,
    (extract(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS now_ms;

-- The upper end of the next chunk of transactions; no row where fewer than a chunk are left.
-- name: transactions_chunk_end
SELECT ledger_transactions.tx_id::TEXT
FROM ledger_transactions
WHERE ledger_transactions.tx_id > %(after)s::UUID
ORDER BY ledger_transactions.tx_id
LIMIT 1 OFFSET %(chunk)s::INTEGER - 1;

-- Every transaction of a chunk beside its entries, and every entry beside its transaction.
-- name: transactions_chunk
WITH chunk_transactions AS MATERIALIZED (
    SELECT ledger_transactions.*
    FROM ledger_transactions
    WHERE ledger_transactions.tx_id > %(after)s::UUID AND ledger_transactions.tx_id <= %(upto)s::UUID
),

chunk_entries AS MATERIALIZED (
    SELECT
        ledger_entries.tx_id,
        ledger_entries.owner_id,
        ledger_entries.amount_minor,
        ledger_entries.currency_network_id,
        accounts.player_id,
        accounts.account_id,
        accounts.currency_network_id AS account_network_id,
        accounts.wallet_id,
        accounts.ledger_id,
        accounts.account_type,
        ledgers.owner_id AS ledger_owner_id
    FROM ledger_entries
    LEFT JOIN accounts ON ledger_entries.account_id = accounts.account_id
    LEFT JOIN ledgers ON accounts.ledger_id = ledgers.ledger_id
    WHERE ledger_entries.tx_id > %(after)s::UUID AND ledger_entries.tx_id <= %(upto)s::UUID
),

posted AS MATERIALIZED (
    SELECT
        chunk_entries.tx_id,
        count(*) AS entries,
        sum(chunk_entries.amount_minor) AS total,
        min(chunk_entries.owner_id) AS owner_min,
        max(chunk_entries.owner_id) AS owner_max,
        min(chunk_entries.currency_network_id) AS network_min,
        max(chunk_entries.currency_network_id) AS network_max,
        bool_and(chunk_entries.account_id IS NOT NULL) AS accounts_known,
        bool_and(chunk_entries.account_network_id = chunk_entries.currency_network_id) AS accounts_of_network,
        bool_and(
            CASE
                WHEN chunk_entries.player_id IS NOT NULL THEN chunk_entries.player_id = chunk_entries.owner_id
                WHEN chunk_entries.ledger_id IS NOT NULL
                    THEN coalesce(chunk_entries.ledger_owner_id = chunk_entries.owner_id, FALSE)
                ELSE TRUE
            END
        ) AS accounts_of_owner
    FROM chunk_entries
    GROUP BY chunk_entries.tx_id
),

-- What the entries of wallets' accounts say, beside the ranges that were posted; and those of callers' own accounts,
-- beside the accounts' histories.
derived AS MATERIALIZED (
    SELECT
        coalesce(entered.tx_id, told.tx_id) AS tx_id,
        bool_or(
            entered.is_wallet IS NOT FALSE
            AND told.is_wallet IS NOT FALSE
            AND coalesce(entered.total, 0) <> coalesce(told.total, 0)
        ) AS ranges_differ,
        bool_or(
            entered.is_wallet IS NOT TRUE
            AND told.is_wallet IS NOT TRUE
            AND (
                coalesce(entered.total, 0) <> coalesce(told.total, 0)
                OR coalesce(entered.entries, 0) <> coalesce(told.entries, 0)
            )
        ) AS histories_differ
    FROM (
        SELECT
            chunk_entries.tx_id,
            chunk_entries.account_id,
            chunk_entries.wallet_id IS NOT NULL AS is_wallet,
            sum(chunk_entries.amount_minor) AS total,
            count(*) AS entries
        FROM chunk_entries
        WHERE chunk_entries.ledger_id IS NOT NULL
        GROUP BY chunk_entries.tx_id, chunk_entries.account_id, chunk_entries.wallet_id IS NOT NULL
    ) AS entered
    FULL JOIN (
        SELECT
            wallet_postings.tx_id,
            accounts.account_id,
            TRUE AS is_wallet,
            sum(wallet_postings.amount_minor) AS total,
            0 AS entries
        FROM wallet_postings
        LEFT JOIN accounts ON wallet_postings.wallet_id = accounts.wallet_id
        WHERE wallet_postings.tx_id > %(after)s::UUID AND wallet_postings.tx_id <= %(upto)s::UUID
        GROUP BY wallet_postings.tx_id, accounts.account_id
        UNION ALL
        SELECT
            journal_postings.tx_id,
            journal_postings.account_id,
            FALSE,
            sum(journal_postings.amount_minor),
            count(*)
        FROM journal_postings
        WHERE journal_postings.tx_id > %(after)s::UUID AND journal_postings.tx_id <= %(upto)s::UUID
        GROUP BY journal_postings.tx_id, journal_postings.account_id
    ) AS told ON entered.tx_id = told.tx_id AND entered.account_id = told.account_id
    GROUP BY coalesce(entered.tx_id, told.tx_id)
),

problems AS (
    SELECT
        checked.name,
        checked.problem,
        coalesce(made.tx_id, posted.tx_id) AS tx_id
    FROM chunk_transactions AS made
    FULL JOIN posted ON made.tx_id = posted.tx_id
    LEFT JOIN owners ON made.owner_id = owners.owner_id
    LEFT JOIN ledger_transactions AS reversed ON made.reverses_tx_id = reversed.tx_id
    LEFT JOIN ledger_transactions AS referenced ON made.reference_tx_id = referenced.tx_id
    LEFT JOIN sessions AS opened ON made.tx_id = opened.session_id
    LEFT JOIN ledgers AS created ON made.tx_id = created.ledger_id
    LEFT JOIN derived ON made.tx_id = derived.tx_id
    CROSS JOIN
        LATERAL (
            VALUES
            (
                'transactions_sum_to_zero',
                posted.total <> 0 OR posted.network_min <> posted.network_max,
                format('its entries sum to %%s', posted.total)
            ),
            (
                'entries_are_complete',
                made.tx_id IS NULL OR made.entry_count <> coalesce(posted.entries, 0),
                format('it has %%s entries and was made with %%s', coalesce(posted.entries, 0), made.entry_count)
            ),
            (
                'entries_fit_their_transaction',
                posted.owner_min <> made.owner_id OR posted.owner_max <> made.owner_id
                OR posted.network_min <> made.currency_network_id
                OR NOT posted.accounts_known OR NOT posted.accounts_of_network OR NOT posted.accounts_of_owner,
                'an entry is of another owner, account or currency network'
            ),
            (
                'keys_fit_their_ids',
                made.key_hash <> encode(
                    substr(
                        sha256(
                            convert_to(
                                CASE
                                    WHEN made.kind = 'DEPOSIT' THEN 'deposit'
                                    WHEN made.kind = 'WITHDRAWAL_RESERVATION' THEN 'withdrawal'
                                    WHEN made.kind = 'WITHDRAWAL_SETTLEMENT' THEN 'withdrawal-ending'
                                    WHEN made.kind = 'WITHDRAWAL_FAILURE' THEN 'withdrawal-ending'
                                    WHEN made.kind = 'SESSION_SETTLEMENT' THEN 'session-settlement'
                                    WHEN made.kind = 'WALLET_POSTING' THEN 'wallet-posting'
                                    WHEN
                                        referenced.kind = 'SESSION_OPENING'
                                        THEN 'session' || E'\x1f' || made.reference_tx_id
                                    ELSE 'source' || E'\x1f' || made.source
                                END || E'\x1f' || made.reference,
                                'UTF8'
                            )
                        ),
                        1,
                        16
                    ),
                    'hex'
                )::UUID,
                format('key_hash is not that of %%s', made.reference)
            ),
            (
                'owners_are_known',
                made.tx_id IS NOT NULL AND owners.owner_id IS NULL,
                format('owner %%s has no row', made.owner_id)
            ),
            (
                'references_exist',
                (made.reverses_tx_id IS NOT NULL AND reversed.owner_id IS DISTINCT FROM made.owner_id)
                OR (made.reference_tx_id IS NOT NULL AND referenced.owner_id IS DISTINCT FROM made.owner_id),
                'the transaction that it refers to is missing or another owner''s'
            ),
            (
                'sessions_are_opened_and_settled',
                made.kind = 'SESSION_OPENING' AND opened.session_id IS NULL,
                'it opened a session that is not there'
            ),
            (
                'ledgers_are_created',
                made.kind = 'LEDGER_CREATION' AND created.ledger_id IS NULL,
                'it created a ledger that is not there'
            ),
            (
                'ranges_equal_ledger_entries',
                derived.ranges_differ,
                'what it posts to credit wallets is not what their ranges of journal entries say'
            ),
            (
                'journal_histories_equal_ledger_entries',
                derived.histories_differ,
                'what it posts to accounts of a ledger is not what their histories say'
            )
        ) AS checked (name, broken, problem)
    WHERE checked.broken
)

SELECT
    (SELECT count(*) FROM chunk_transactions) AS transactions,
    (SELECT count(*) FROM chunk_entries) AS entries,
    (
        SELECT json_agg(json_build_array(problems.name, problems.tx_id, problems.problem)) FROM problems
    ) AS problems,
    (
        SELECT json_agg(json_build_array(settled.network_id, settled.account_id, settled.total::TEXT))
        FROM (
            SELECT
                chunk_entries.currency_network_id AS network_id,
                CASE
                    WHEN chunk_entries.player_id IS NULL AND chunk_entries.ledger_id IS NULL
                        THEN chunk_entries.account_id
                END AS account_id,
                sum(chunk_entries.amount_minor) AS total
            FROM chunk_entries
            WHERE chunk_entries.tx_id < %(cut)s::UUID
            GROUP BY 1, 2
        ) AS settled
    ) AS totals;

-- The end of the sums: the house accounts' stripes and the entries since the cut, in one snapshot.
-- name: house_accounts
SELECT
    accounts.account_id,
    accounts.currency_network_id,
    accounts.account_type,
    coalesce(
        (
            SELECT sum(account_balances.balance_minor)
            FROM account_balances
            WHERE account_balances.account_id = accounts.account_id
        ),
        0
    )::TEXT AS balance_minor,
    coalesce(recent.total, 0)::TEXT AS recent_minor,
    coalesce(all_recent.total, 0)::TEXT AS network_recent_minor
FROM accounts
LEFT JOIN (
    SELECT
        ledger_entries.account_id,
        sum(ledger_entries.amount_minor) AS total
    FROM ledger_entries
    WHERE ledger_entries.tx_id >= %(cut)s::UUID
    GROUP BY ledger_entries.account_id
) AS recent ON accounts.account_id = recent.account_id
LEFT JOIN (
    SELECT
        ledger_entries.currency_network_id,
        sum(ledger_entries.amount_minor) AS total
    FROM ledger_entries
    WHERE ledger_entries.tx_id >= %(cut)s::UUID
    GROUP BY ledger_entries.currency_network_id
) AS all_recent ON accounts.currency_network_id = all_recent.currency_network_id
WHERE accounts.player_id IS NULL AND accounts.ledger_id IS NULL
ORDER BY accounts.account_id;

-- name: owners_chunk_end
SELECT max(chunk.owner_id)
FROM (
    SELECT known.owner_id
    FROM (
        (
            SELECT owners.owner_id FROM owners
            WHERE owners.owner_id > %(after)s::BIGINT
            ORDER BY owners.owner_id LIMIT %(chunk)s::INTEGER
        )
        UNION
        (
            SELECT accounts.player_id FROM accounts
            WHERE accounts.player_id > %(after)s::BIGINT
            ORDER BY accounts.player_id LIMIT %(chunk)s::INTEGER
        )
    ) AS known (owner_id)
    ORDER BY known.owner_id
    LIMIT %(chunk)s::INTEGER
) AS chunk (owner_id);

-- The owners of a chunk: their derived rows beside their postings. Those of ledgers are below 0 and are looked at for
-- their version alone: what they post is seen by wallet and by account.
-- name: owners_chunk
WITH chunk_transactions AS MATERIALIZED (
    SELECT
        ledger_transactions.tx_id,
        ledger_transactions.owner_id,
        ledger_transactions.status
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id > %(after)s::BIGINT AND ledger_transactions.owner_id <= %(upto)s::BIGINT
),

chunk_entries AS MATERIALIZED (
    SELECT
        ledger_entries.entry_id,
        ledger_entries.tx_id,
        ledger_entries.account_id,
        ledger_entries.balance_after,
        ledger_entries.amount_minor,
        sum(ledger_entries.amount_minor) OVER (
            PARTITION BY ledger_entries.account_id ORDER BY ledger_entries.entry_id
        ) AS running
    FROM chunk_transactions
    INNER JOIN ledger_entries ON chunk_transactions.tx_id = ledger_entries.tx_id
    WHERE chunk_transactions.owner_id > 0
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
    LEFT JOIN account_balances
        ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
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
        format('entry %%s', chunk_entries.entry_id),
        format(
            'of transaction %%s: balance_after is %%s, the postings up to it sum to %%s',
            chunk_entries.tx_id, coalesce(chunk_entries.balance_after::TEXT, 'missing'), chunk_entries.running
        )
    FROM chunk_entries
    INNER JOIN chunk_accounts ON chunk_entries.account_id = chunk_accounts.account_id
    WHERE chunk_entries.balance_after IS DISTINCT FROM chunk_entries.running
    UNION ALL
    SELECT
        'versions_count_mutations',
        format('owner %%s', coalesce(owners.owner_id, counted.owner_id)),
        format(
            'its version is %%s, it has %%s mutations',
            coalesce(owners.version::TEXT, 'missing'), coalesce(counted.mutations, 0)
        )
    FROM (
        SELECT
            owners.owner_id,
            owners.version
        FROM owners
        WHERE owners.owner_id > %(after)s::BIGINT AND owners.owner_id <= %(upto)s::BIGINT
    ) AS owners
    FULL JOIN (
        SELECT
            chunk_transactions.owner_id,
            count(*) FILTER (WHERE chunk_transactions.status <> 'TOMBSTONE') AS mutations
        FROM chunk_transactions
        GROUP BY chunk_transactions.owner_id
    ) AS counted ON owners.owner_id = counted.owner_id
    WHERE owners.version IS DISTINCT FROM coalesce(counted.mutations, 0)
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

-- name: outbox_waiting
SELECT count(*) FROM (SELECT FROM outbox_events LIMIT 1000000) AS waiting;

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
