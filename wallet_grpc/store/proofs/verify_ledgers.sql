-- What `wallet verify` asks of ledgers and the accounts that callers defined in them; see verify.py.

-- name: ledgers
SELECT json_agg(json_build_array('ledgers_are_created', format('ledger %%s', ledgers.ledger_id), 'it has no creation'))
FROM ledgers
LEFT JOIN ledger_transactions AS creation
    ON
        ledgers.ledger_id = creation.tx_id
        AND ledgers.owner_id = creation.owner_id
        AND ledgers.source = creation.source
        AND ledgers.currency_network_id = creation.currency_network_id
        AND creation.kind = 'LEDGER_CREATION'
WHERE creation.tx_id IS NULL;

-- name: journal_accounts_chunk_end
SELECT max(chunk.account_id)
FROM (
    SELECT accounts.account_id
    FROM accounts
    WHERE accounts.account_type = 'JOURNAL' AND accounts.account_id > %(after)s::BIGINT
    ORDER BY accounts.account_id
    LIMIT %(chunk)s::INTEGER
) AS chunk;

-- Accounts that callers defined, beside their histories.
-- name: journal_accounts_chunk
WITH chunk_accounts AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.account_code,
        account_balances.balance_minor,
        account_balances.version
    FROM accounts
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE
        accounts.account_type = 'JOURNAL'
        AND accounts.account_id > %(after)s::BIGINT
        AND accounts.account_id <= %(upto)s::BIGINT
),

histories AS MATERIALIZED (
    SELECT
        posted.account_id,
        sum(posted.amount_minor) AS total,
        count(*) AS postings,
        bool_and(posted.balance_after_minor = posted.running AND posted.posting_no = posted.place) AS follows
    FROM (
        SELECT
            journal_postings.*,
            sum(journal_postings.amount_minor) OVER history AS running,
            row_number() OVER history AS place
        FROM journal_postings
        WHERE
            journal_postings.account_id > %(after)s::BIGINT
            AND journal_postings.account_id <= %(upto)s::BIGINT
        WINDOW history AS (PARTITION BY journal_postings.account_id ORDER BY journal_postings.posting_no)
    ) AS posted
    GROUP BY posted.account_id
)

SELECT
    (SELECT count(*) FROM chunk_accounts) AS accounts,
    (
        SELECT
            json_agg(
                json_build_array(
                    'journal_accounts_equal_postings',
                    format('account %%s', chunk_accounts.account_id),
                    format(
                        '%%s: the derived balance is %%s after %%s postings, its history sums to %%s over %%s',
                        chunk_accounts.account_code, chunk_accounts.balance_minor, chunk_accounts.version,
                        coalesce(histories.total, 0), coalesce(histories.postings, 0)
                    )
                )
            )
        FROM chunk_accounts
        LEFT JOIN histories ON chunk_accounts.account_id = histories.account_id
        WHERE
            chunk_accounts.balance_minor IS DISTINCT FROM coalesce(histories.total, 0)
            OR chunk_accounts.version IS DISTINCT FROM coalesce(histories.postings, 0)
            OR NOT coalesce(histories.follows, TRUE)
    ) AS problems;
