-- What the cells of both sides come to together; see comparing.py. Each row is a key and a number.

-- What the houses have, with what is yet to be folded into it.
-- name: house_sums
SELECT
    'account ' || had.account_id AS account,
    sum(had.amount_minor)::TEXT AS amount_minor
FROM (
    SELECT
        account_balances.account_id,
        account_balances.balance_minor AS amount_minor
    FROM account_balances
    WHERE account_balances.account_id < 0
    UNION ALL
    SELECT
        house_postings.account_id,
        house_postings.amount_minor
    FROM house_postings
) AS had
GROUP BY had.account_id
HAVING sum(had.amount_minor) <> 0;

-- The same in every cell.
-- name: houses
SELECT accounts.account_id::TEXT AS account
FROM accounts
WHERE accounts.account_id < 0;

-- By currency network and type of account.
-- name: account_sums
SELECT
    'currency network ' || accounts.currency_network_id || ', ' || accounts.account_type AS what,
    sum(account_balances.balance_minor)::TEXT AS balance_minor
FROM account_balances
INNER JOIN accounts ON account_balances.account_id = accounts.account_id
WHERE accounts.account_id > 0
GROUP BY accounts.currency_network_id, accounts.account_type
HAVING sum(account_balances.balance_minor) <> 0;

-- Wallets that wait to be posted.
-- name: queued
SELECT
    'wallet ' || waiting.wallet_id AS wallet,
    count(*)::TEXT AS rows_that_name_it
FROM posting_queue
CROSS JOIN LATERAL unnest(posting_queue.wallet_ids) AS waiting (wallet_id)
GROUP BY waiting.wallet_id;

-- Events that are not published, by their places among those of their owner.
-- name: events_in_order
SELECT
    'event ' || outbox_events.tx_id || '-' || outbox_events.event_no AS event,
    (row_number() OVER (PARTITION BY outbox_events.owner_id ORDER BY outbox_events.outbox_id))::TEXT AS place
FROM outbox_events;
