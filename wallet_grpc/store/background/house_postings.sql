-- What is folded into the balances of house accounts; see house_postings.py.

-- Removes up to so many rows and adds what they say to the balances, unless somebody else is at it: then it does
-- nothing. Rows are taken by their address, in whatever order they lie. The balances are written in the order of their
-- ids, for whoever comes without the lock.
-- name: fold
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(%(fold_class)s::INTEGER, %(cell)s::INTEGER) AS taken
),

folded AS (
    DELETE FROM house_postings
    WHERE
        house_postings.ctid = any(
            array(
                SELECT waiting.address
                FROM turn
                CROSS JOIN
                    LATERAL (
                        SELECT found.ctid AS address
                        FROM house_postings AS found
                        LIMIT %(rows_max)s::INTEGER
                    ) AS waiting
                WHERE turn.taken
            )
        )
    RETURNING house_postings.account_id, house_postings.amount_minor
),

balances AS (
    INSERT INTO account_balances (account_id, balance_minor, version)
    SELECT
        folded.account_id,
        sum(folded.amount_minor) AS balance_minor,
        0 AS version
    FROM folded
    GROUP BY folded.account_id
    ORDER BY folded.account_id
    ON CONFLICT (account_id) DO UPDATE SET balance_minor = account_balances.balance_minor + excluded.balance_minor
)

SELECT count(*) AS folded
FROM folded;
