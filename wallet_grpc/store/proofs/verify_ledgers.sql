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

-- Where a chunk ends that would have more postings than one statement reads: in the middle of a history.
-- name: journal_accounts_chunk_cut
SELECT
    journal_postings.account_id,
    journal_postings.posting_no
FROM journal_postings
WHERE
    (journal_postings.account_id, journal_postings.posting_no) > (%(after)s::BIGINT, %(after_no)s::BIGINT)
    AND journal_postings.account_id <= %(upto)s::BIGINT
ORDER BY journal_postings.account_id, journal_postings.posting_no
LIMIT 1 OFFSET %(rows_max)s::INTEGER - 1;

-- Accounts that callers defined, beside their histories.
-- name: journal_accounts_chunk
WITH carried AS MATERIALIZED (
    SELECT begun.*
    FROM
        json_to_record(%(carried)s::JSON) AS begun (
            account_id BIGINT, total NUMERIC, postings BIGINT, follows BOOLEAN
        )
    WHERE begun.account_id IS NOT NULL
),

chunk_accounts AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.account_code,
        account_balances.balance_minor,
        account_balances.version
    FROM accounts
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE
        accounts.account_type = 'JOURNAL'
        AND accounts.account_id >= %(after)s::BIGINT
        AND (accounts.account_id > %(after)s::BIGINT OR %(after_no)s::BIGINT < %(ended)s::BIGINT)
        AND accounts.account_id <= %(upto)s::BIGINT
        AND (accounts.account_id < %(upto)s::BIGINT OR %(upto_no)s::BIGINT = %(ended)s::BIGINT)
),

read_now AS MATERIALIZED (
    SELECT
        posted.account_id,
        sum(posted.amount_minor) AS total,
        count(*) AS postings,
        bool_and(posted.balance_after_minor = posted.running AND posted.posting_no = posted.place) AS follows
    FROM (
        SELECT
            journal_postings.*,
            coalesce(carried.total, 0) + sum(journal_postings.amount_minor) OVER history AS running,
            coalesce(carried.postings, 0) + row_number() OVER history AS place
        FROM journal_postings
        LEFT JOIN carried ON journal_postings.account_id = carried.account_id
        WHERE
            (journal_postings.account_id, journal_postings.posting_no) > (%(after)s::BIGINT, %(after_no)s::BIGINT)
            AND (journal_postings.account_id, journal_postings.posting_no) <= (%(upto)s::BIGINT, %(upto_no)s::BIGINT)
        WINDOW history AS (PARTITION BY journal_postings.account_id ORDER BY journal_postings.posting_no)
    ) AS posted
    GROUP BY posted.account_id
),

histories AS MATERIALIZED (
    SELECT
        coalesce(carried.account_id, read_now.account_id) AS account_id,
        coalesce(carried.total, 0) + coalesce(read_now.total, 0) AS total,
        coalesce(carried.postings, 0) + coalesce(read_now.postings, 0) AS postings,
        coalesce(carried.follows, TRUE) AND coalesce(read_now.follows, TRUE) AS follows
    FROM carried
    FULL JOIN read_now ON carried.account_id = read_now.account_id
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
    ) AS problems,
    (
        SELECT row_to_json(histories)::TEXT FROM histories
        WHERE histories.account_id = %(upto)s::BIGINT AND %(upto_no)s::BIGINT < %(ended)s::BIGINT
    ) AS carried;
