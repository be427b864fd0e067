-- What `wallet verify` asks of transactions and their entries, and of the whole ledger. Each statement is one snapshot
-- of bounded size; see verify.py. Long because all checks of a transaction stand in the statement that reads its chunk.

-- name: facts
SELECT
    (
        SELECT greatest(pg_class.reltuples, 0)::BIGINT FROM pg_class
        WHERE pg_class.oid = 'ledger_transactions'::REGCLASS)
        AS transactions_estimate,
    (SELECT count(DISTINCT accounts.player_id) FROM accounts) + (SELECT count(*) FROM ledgers) AS owners,
    (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM credit_wallets) AS wallets;

-- name: cut
SELECT clock_timestamp() - make_interval(secs => %(cut_ms)s::INTEGER / 1000.0) AS cut;

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
        ledger_entries.entry_no,
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
        max(chunk_entries.entry_no) AS last_no,
        sum(chunk_entries.amount_minor) AS total,
        min(chunk_entries.owner_id) AS owner_min,
        max(chunk_entries.owner_id) AS owner_max,
        min(chunk_entries.currency_network_id) AS network_min,
        max(chunk_entries.currency_network_id) AS network_max,
        coalesce(sum(chunk_entries.amount_minor) FILTER (WHERE chunk_entries.account_type = 'MAIN'), 0) AS main,
        coalesce(sum(chunk_entries.amount_minor) FILTER (WHERE chunk_entries.account_type = 'WITHDRAW_HOLD'), 0)
            AS withdraw_hold,
        coalesce(sum(chunk_entries.amount_minor) FILTER (WHERE chunk_entries.account_type = 'SESSION_HOLD'), 0)
            AS session_hold,
        coalesce(sum(chunk_entries.amount_minor) FILTER (WHERE chunk_entries.account_type = 'HOUSE:WAGER'), 0)
            AS wager,
        coalesce(sum(chunk_entries.amount_minor) FILTER (WHERE chunk_entries.account_type = 'HOUSE'), 0) AS house,
        coalesce(sum(chunk_entries.amount_minor) FILTER (WHERE chunk_entries.account_type = 'HOUSE:FEES'), 0) AS fees,
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
    LEFT JOIN ledger_transactions AS reversed ON made.reverses_tx_id = reversed.tx_id
    LEFT JOIN ledger_transactions AS referenced ON made.reference_tx_id = referenced.tx_id
    LEFT JOIN ledgers AS posted_ledger
        ON made.kind = 'WALLET_POSTING' AND made.reference_tx_id = posted_ledger.ledger_id
    LEFT JOIN sessions AS opened ON made.tx_id = opened.session_id
    LEFT JOIN ledgers AS created ON made.tx_id = created.ledger_id
    LEFT JOIN derived ON made.tx_id = derived.tx_id
    -- What a transaction of its kind and amounts moves, account by account.
    CROSS JOIN
        LATERAL (
            SELECT
                CASE
                    WHEN made.status <> 'APPLIED' THEN 0
                    WHEN made.kind IN ('BET', 'WITHDRAWAL_RESERVATION', 'SESSION_OPENING') THEN -made.amount_minor
                    WHEN made.kind IN ('WIN', 'WITHDRAWAL_FAILURE', 'DEPOSIT') THEN made.amount_minor
                    WHEN made.kind = 'BET_AND_WIN' THEN made.win_amount_minor - made.amount_minor
                    WHEN made.kind = 'SESSION_SETTLEMENT' THEN made.win_amount_minor
                    WHEN made.kind = 'ADJUSTMENT' AND made.variant = 'CREDIT' THEN made.amount_minor
                    WHEN made.kind = 'ADJUSTMENT' THEN -made.amount_minor
                    WHEN made.kind = 'ROLLBACK' AND reversed.kind = 'BET' THEN made.amount_minor
                    WHEN made.kind = 'ROLLBACK' AND reversed.kind = 'WIN' THEN -made.amount_minor
                    WHEN made.kind = 'ROLLBACK' AND reversed.kind = 'BET_AND_WIN'
                        THEN made.amount_minor - made.win_amount_minor
                    -- A late rollback in a session of what was in time: its journal's entry tells which way it goes.
                    WHEN made.kind = 'ROLLBACK' THEN sign(coalesce(posted.main, 0)) * made.amount_minor
                    ELSE 0
                END AS main,
                CASE made.kind
                    WHEN 'WITHDRAWAL_RESERVATION' THEN made.amount_minor
                    WHEN 'WITHDRAWAL_SETTLEMENT' THEN -made.amount_minor
                    WHEN 'WITHDRAWAL_FAILURE' THEN -made.amount_minor
                    ELSE 0
                END AS withdraw_hold,
                CASE made.kind
                    WHEN 'SESSION_OPENING' THEN made.amount_minor
                    WHEN 'SESSION_SETTLEMENT' THEN -made.amount_minor
                    ELSE 0
                END AS session_hold,
                CASE made.kind WHEN 'WITHDRAWAL_SETTLEMENT' THEN made.fee_minor ELSE 0 END AS fees
            LIMIT 1
        ) AS moved
    -- Long conditions, each made ready once (LIMIT): in VALUES, where they would come to stand, it is once a row.
    CROSS JOIN
        LATERAL (
            SELECT
                coalesce(posted.main, 0) <> moved.main
                OR coalesce(posted.withdraw_hold, 0) <> moved.withdraw_hold
                OR coalesce(posted.session_hold, 0) <> moved.session_hold
                OR coalesce(posted.fees, 0) <> moved.fees
                OR coalesce(posted.house, 0) <> CASE
                    WHEN made.kind IN ('DEPOSIT', 'ADJUSTMENT') THEN -moved.main
                    WHEN made.kind = 'WITHDRAWAL_SETTLEMENT' THEN made.amount_minor - made.fee_minor
                    ELSE 0
                END
                OR coalesce(posted.wager, 0) <> CASE
                    WHEN made.kind IN ('BET', 'WIN', 'BET_AND_WIN', 'ROLLBACK', 'SESSION_SETTLEMENT')
                        THEN -moved.main - moved.session_hold
                    ELSE 0
                END
                    AS amounts_differ,
                made.reverses_tx_id IS NOT NULL
                AND (
                    made.amount_minor <> reversed.amount_minor
                    OR made.win_amount_minor IS DISTINCT FROM reversed.win_amount_minor
                    OR made.currency_network_id <> reversed.currency_network_id
                    OR reversed.kind NOT IN ('BET', 'WIN', 'BET_AND_WIN')
                )
                    AS reversal_differs,
                -- By their keys, one by one (OFFSET 0).
                made.kind = 'WITHDRAWAL_RESERVATION'
                AND NOT EXISTS (
                    SELECT
                    FROM withdrawals
                    LEFT JOIN ledger_transactions AS ending
                        ON
                            made.tx_id = ending.reference_tx_id
                            AND ending.kind IN ('WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE')
                    WHERE
                        withdrawals.withdrawal_id = made.reference
                        AND withdrawals.owner_id = made.owner_id
                        AND withdrawals.currency_network_id = made.currency_network_id
                        AND withdrawals.amount_minor = made.amount_minor
                        AND CASE
                            WHEN ending.kind = 'WITHDRAWAL_SETTLEMENT' THEN withdrawals.state = 'SETTLED'
                            WHEN ending.kind = 'WITHDRAWAL_FAILURE' THEN withdrawals.state = 'FAILED'
                            ELSE withdrawals.state IN ('RESERVED', 'BROADCASTED')
                        END
                    OFFSET 0
                )
                    AS withdrawal_differs,
                made.kind IN ('WITHDRAWAL_SETTLEMENT', 'WITHDRAWAL_FAILURE')
                AND (
                    referenced.kind IS DISTINCT FROM 'WITHDRAWAL_RESERVATION'
                    OR referenced.reference <> made.reference
                    OR referenced.amount_minor <> made.amount_minor
                )
                    AS ending_differs,
                made.kind = 'DEPOSIT'
                AND made.details ->> 'tx_hash' <> ''
                AND made.details ->> 'output_index' IS NOT NULL
                AND NOT EXISTS (
                    SELECT FROM deposit_outputs
                    WHERE
                        deposit_outputs.output_hash = encode(
                            substr(
                                sha256(
                                    convert_to(
                                        concat_ws(
                                            E'\x1f',
                                            'output',
                                            made.currency_network_id,
                                            CASE
                                                WHEN made.details ->> 'tx_hash' ~ '^(0[xX])?[0-9a-fA-F]{64}$'
                                                    THEN lower(right(made.details ->> 'tx_hash', 64))
                                                ELSE made.details ->> 'tx_hash'
                                            END,
                                            made.details ->> 'output_index'
                                        ),
                                        'UTF8'
                                    )
                                ),
                                1,
                                16
                            ),
                            'hex'
                        )::UUID
                        AND deposit_outputs.owner_id = made.owner_id
                        AND deposit_outputs.tx_id = made.tx_id
                    OFFSET 0
                )
                    AS output_is_missing,
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
                )::UUID
                    AS key_differs,
                posted.owner_min <> made.owner_id OR posted.owner_max <> made.owner_id
                OR posted.network_min <> made.currency_network_id
                OR NOT posted.accounts_known OR NOT posted.accounts_of_network OR NOT posted.accounts_of_owner
                    AS entries_are_others,
                (made.reverses_tx_id IS NOT NULL AND reversed.owner_id IS DISTINCT FROM made.owner_id)
                OR (
                    made.reference_tx_id IS NOT NULL
                    -- A posting of credit wallets refers to its ledger, which may have been created in another cell.
                    AND coalesce(referenced.owner_id, posted_ledger.owner_id) IS DISTINCT FROM made.owner_id
                )
                    AS reference_is_missing
            LIMIT 1
        ) AS wrong
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
                made.tx_id IS NULL
                OR made.entry_count <> coalesce(posted.entries, 0)
                OR made.entry_count <> coalesce(posted.last_no, 0),
                format(
                    'it has %%s entries up to number %%s and was made with %%s',
                    coalesce(posted.entries, 0), coalesce(posted.last_no, 0), made.entry_count
                )
            ),
            (
                'entries_fit_their_transaction',
                wrong.entries_are_others,
                'an entry is of another owner, account or currency network'
            ),
            (
                'keys_fit_their_ids',
                wrong.key_differs,
                format('key_hash is not that of %%s', made.reference)
            ),
            (
                'references_exist',
                wrong.reference_is_missing,
                'the transaction that it refers to is missing or another owner''s'
            ),
            (
                'amounts_equal_their_entries',
                wrong.amounts_differ,
                'its entries are not what its kind and amounts move'
            ),
            (
                'rollbacks_equal_what_they_reverse',
                wrong.reversal_differs,
                'its amounts are not those of what it reverses'
            ),
            (
                'withdrawals_equal_their_transactions',
                wrong.withdrawal_differs,
                'the row of its withdrawal is missing, or tells another amount or state'
            ),
            (
                'withdrawals_equal_their_transactions',
                wrong.ending_differs,
                'what it ends is not the reservation of its amount for its withdrawal'
            ),
            (
                'outputs_fit_their_deposits',
                wrong.output_is_missing,
                'the output that it credits is not kept for it: it could be credited again'
            ),
            (
                'acts_are_in_the_trail',
                made.kind IN ('ADJUSTMENT', 'PLAYER_STATE')
                -- What was done before there was a trail has no row in it.
                AND made.tx_id > (
                    SELECT first_act.action_id FROM operator_actions AS first_act
                    ORDER BY first_act.action_id LIMIT 1
                )
                AND NOT EXISTS (
                    SELECT FROM operator_actions AS act
                    WHERE act.action_id = made.tx_id
                ),
                'nothing tells who did it'
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

-- A chunk of the outputs that deposits have used, and of those the ones whose deposit is not there.
-- name: outputs_chunk
WITH chunk_outputs AS MATERIALIZED (
    SELECT
        deposit_outputs.output_hash,
        deposit_outputs.owner_id,
        deposit_outputs.tx_id
    FROM deposit_outputs
    WHERE deposit_outputs.output_hash > %(after)s::UUID
    ORDER BY deposit_outputs.output_hash
    LIMIT %(chunk)s::INTEGER
)

SELECT
    (
        SELECT last_output.output_hash::TEXT
        FROM chunk_outputs AS last_output
        ORDER BY last_output.output_hash DESC
        LIMIT 1
    ) AS upto,
    (SELECT count(counted.output_hash) FROM chunk_outputs AS counted) AS outputs,
    json_agg(
        json_build_array(
            'outputs_fit_their_deposits',
            chunk_outputs.tx_id,
            format(
                'output %%s is kept for it, which is no deposit of owner %%s',
                chunk_outputs.output_hash, chunk_outputs.owner_id
            )
        )
    ) FILTER (
        WHERE NOT EXISTS (
            SELECT FROM ledger_transactions AS made
            WHERE made.tx_id = chunk_outputs.tx_id AND made.owner_id = chunk_outputs.owner_id AND made.kind = 'DEPOSIT'
            OFFSET 0
        )
    ) AS problems
FROM chunk_outputs;

-- The end of the sums, in one snapshot: the house accounts' balances with what is yet to be folded into them, and the
-- entries since the cut.
-- name: house_accounts
SELECT
    accounts.account_id,
    accounts.currency_network_id,
    accounts.account_type,
    (coalesce(account_balances.balance_minor, 0) + coalesce(unfolded.total, 0))::TEXT AS balance_minor,
    coalesce(recent.total, 0)::TEXT AS recent_minor,
    coalesce(all_recent.total, 0)::TEXT AS network_recent_minor
FROM accounts
LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
LEFT JOIN (
    SELECT
        house_postings.account_id,
        sum(house_postings.amount_minor) AS total
    FROM house_postings
    GROUP BY house_postings.account_id
) AS unfolded ON accounts.account_id = unfolded.account_id
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
