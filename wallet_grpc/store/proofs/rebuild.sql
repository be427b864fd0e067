-- What `wallet balances rebuild` asks; see wallet_grpc/store/rebuild.py. Each kind of derived row has a statement that
-- names a chunk of it and the owners to lock for it, one that locks the rows, and one that sets them right and tells
-- each value that was wrong. Rows are locked since a store may be under way without its owner's lock (its lane has lost
-- that connection); one that comes later fails to serialize with this, and loads again.

-- name: expected
SELECT
    (
        SELECT count(*) FROM owners
        WHERE owners.owner_id > 0
    ) AS players,
    (SELECT count(*) FROM sessions) AS sessions,
    (SELECT count(*) FROM credit_wallets) AS wallets,
    (
        SELECT count(*) FROM accounts
        WHERE accounts.account_type = 'JOURNAL'
    ) AS journal_accounts;

-- name: lock_owners
SELECT count(pg_advisory_xact_lock(wanted.owner_id))
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id);

-- Players, of whom one with accounts has a row in owners, unless somebody removed it.
-- name: players_chunk
SELECT
    known.owner_id::TEXT AS id,
    ARRAY[known.owner_id] AS owner_ids
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
LIMIT %(chunk)s::INTEGER;

-- name: lock_players
SELECT account_balances.account_id
FROM unnest(%(ids)s::BIGINT[]) AS wanted (owner_id)
INNER JOIN accounts ON wanted.owner_id = accounts.player_id
INNER JOIN account_balances ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
ORDER BY account_balances.account_id
FOR UPDATE OF account_balances;

-- name: rebuild_players
WITH posted AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.player_id,
        accounts.account_type,
        accounts.currency_network_id,
        coalesce(sum(ledger_entries.amount_minor), 0) AS total,
        count(ledger_entries.entry_id) AS entries
    FROM unnest(%(ids)s::BIGINT[]) AS wanted (owner_id)
    INNER JOIN accounts ON wanted.owner_id = accounts.player_id
    LEFT JOIN ledger_transactions ON wanted.owner_id = ledger_transactions.owner_id
    LEFT JOIN ledger_entries
        ON ledger_transactions.tx_id = ledger_entries.tx_id AND accounts.account_id = ledger_entries.account_id
    GROUP BY accounts.account_id
),

wrong AS MATERIALIZED (
    SELECT
        posted.*,
        account_balances.balance_minor AS was_minor,
        account_balances.version AS was_version
    FROM posted
    LEFT JOIN account_balances ON posted.account_id = account_balances.account_id AND account_balances.stripe = 0
    WHERE
        account_balances.balance_minor IS DISTINCT FROM posted.total
        OR account_balances.version IS DISTINCT FROM posted.entries
),

rebuilt AS (
    INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
    SELECT
        wrong.account_id,
        0,
        wrong.player_id,
        wrong.total,
        wrong.entries
    FROM wrong
    ON CONFLICT (account_id, stripe) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('account %%s', wrong.account_id) AS subject,
    format('%%s of player %%s in network %%s', wrong.account_type, wrong.player_id, wrong.currency_network_id) AS name
FROM wrong
CROSS JOIN
    LATERAL (
        VALUES
        ('balance_minor', wrong.was_minor, wrong.total),
        ('version', wrong.was_version, wrong.entries)
    ) AS changed (field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now
ORDER BY wrong.account_id, changed.field;

-- name: sessions_chunk
SELECT
    sessions.session_id::TEXT AS id,
    ARRAY[sessions.owner_id] AS owner_ids
FROM sessions
WHERE sessions.session_id > %(after)s::UUID
ORDER BY sessions.session_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_sessions
SELECT sessions.session_id
FROM sessions
WHERE sessions.session_id = any(%(ids)s::UUID[])
ORDER BY sessions.session_id
FOR UPDATE;

-- What was late moved MAIN, not the session.
-- name: rebuild_sessions
WITH played AS MATERIALIZED (
    SELECT
        entries.*,
        wanted.session_id,
        entries.kind = 'BET' AND rollback.entry_no IS NULL AS is_standing_bet,
        entries.closes_round AND rollback.entry_no IS NULL AS stays_closed
    FROM unnest(%(ids)s::UUID[]) AS wanted (session_id)
    INNER JOIN subledger_entries AS entries ON wanted.session_id = entries.subledger_id AND entries.entry_no > 0
    LEFT JOIN LATERAL (
        SELECT found.entry_no
        FROM subledger_entries AS found
        WHERE found.reverses_key = entries.key_hash AND NOT found.late
        OFFSET 0
    ) AS rollback ON entries.closes_round OR entries.kind = 'BET'
),

journaled AS MATERIALIZED (
    SELECT
        played.session_id,
        count(*) AS entries,
        sum(CASE WHEN NOT played.late THEN played.change_minor ELSE 0 END) AS total
    FROM played
    GROUP BY played.session_id
),

open_rounds AS MATERIALIZED (
    SELECT
        rounds.session_id,
        count(*) AS open
    FROM (
        SELECT
            played.session_id,
            played.round_id
        FROM played
        WHERE played.round_id IS NOT NULL AND NOT played.late
        GROUP BY played.session_id, played.round_id
        HAVING bool_or(played.is_standing_bet) AND NOT bool_or(played.stays_closed)
    ) AS rounds
    GROUP BY rounds.session_id
),

known AS MATERIALIZED (
    SELECT
        sessions.*,
        sessions.lock_amount_minor + coalesce(journaled.total, 0) AS now_minor,
        coalesce(journaled.entries, 0) + CASE sessions.state WHEN 'SETTLED' THEN 1 ELSE 0 END AS now_version,
        coalesce(open_rounds.open, 0) AS now_open_rounds
    FROM unnest(%(ids)s::UUID[]) AS wanted (session_id)
    INNER JOIN sessions ON wanted.session_id = sessions.session_id
    LEFT JOIN journaled ON wanted.session_id = journaled.session_id
    LEFT JOIN open_rounds ON wanted.session_id = open_rounds.session_id
),

rebuilt AS (
    UPDATE sessions
    SET
        balance_minor = known.now_minor,
        version = known.now_version,
        open_rounds = known.now_open_rounds
    FROM known
    WHERE
        sessions.session_id = known.session_id
        AND (known.balance_minor, known.version, known.open_rounds)
        IS DISTINCT FROM (known.now_minor, known.now_version, known.now_open_rounds)
)

SELECT
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('session %%s', known.session_id) AS subject,
    format('session of player %%s in network %%s', known.owner_id, known.currency_network_id) AS name
FROM known
CROSS JOIN
    LATERAL (
        VALUES
        ('balance_minor', known.balance_minor, known.now_minor),
        ('open_rounds', known.open_rounds, known.now_open_rounds),
        ('version', known.version, known.now_version)
    ) AS changed (field, was, now)
WHERE changed.was <> changed.now
ORDER BY known.session_id, changed.field;

-- A wallet and its account in the ledger: the wallet's own lock, and its ledger's, under which it is posted.
-- name: wallets_chunk
SELECT
    credit_wallets.wallet_id::TEXT AS id,
    ARRAY[credit_wallets.owner_id, ledgers.owner_id] AS owner_ids
FROM credit_wallets
INNER JOIN ledgers ON credit_wallets.ledger_id = ledgers.ledger_id
WHERE credit_wallets.wallet_id > %(after)s::UUID
ORDER BY credit_wallets.wallet_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_wallets
SELECT credit_wallets.wallet_id
FROM credit_wallets
WHERE credit_wallets.wallet_id = any(%(ids)s::UUID[])
ORDER BY credit_wallets.wallet_id
FOR UPDATE;

-- A version also counts sweeps, which leave no entry: it is right unless it is below the number of entries.
-- name: rebuild_wallets
WITH journaled AS MATERIALIZED (
    SELECT
        entries.subledger_id,
        count(*) AS entries,
        sum(entries.change_minor) AS total
    FROM subledger_entries AS entries
    WHERE entries.subledger_id = any(%(ids)s::UUID[]) AND entries.entry_no > 0
    GROUP BY entries.subledger_id
),

posted AS MATERIALIZED (
    SELECT
        wallet_postings.wallet_id,
        max(wallet_postings.last_entry_no) AS last_no,
        sum(wallet_postings.amount_minor) AS total
    FROM wallet_postings
    WHERE wallet_postings.wallet_id = any(%(ids)s::UUID[])
    GROUP BY wallet_postings.wallet_id
),

held AS MATERIALIZED (
    SELECT
        credit_wallets.wallet_id,
        sum(reservations.amount_minor) AS total
    FROM credit_wallets
    INNER JOIN reservations
        ON credit_wallets.wallet_id = reservations.wallet_id AND credit_wallets.held_as_of < reservations.expires_at
    WHERE
        credit_wallets.wallet_id = any(%(ids)s::UUID[])
        AND reservations.ttl_s > 0
        AND reservations.state IN ('OPEN', 'EXPIRED')
    GROUP BY credit_wallets.wallet_id
),

known AS MATERIALIZED (
    SELECT
        credit_wallets.*,
        accounts.account_id,
        account_balances.balance_minor AS posted_minor,
        account_balances.version AS posted_no,
        coalesce(journaled.total, 0) AS now_minor,
        coalesce(held.total, 0) AS now_held_minor,
        coalesce(journaled.entries, 0) AS now_entry_count,
        greatest(credit_wallets.version, coalesce(journaled.entries, 0)) AS now_version,
        coalesce(posted.total, 0) AS now_posted_minor,
        coalesce(posted.last_no, 0) AS now_posted_no
    FROM credit_wallets
    LEFT JOIN accounts ON credit_wallets.wallet_id = accounts.wallet_id
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
    LEFT JOIN journaled ON credit_wallets.wallet_id = journaled.subledger_id
    LEFT JOIN held ON credit_wallets.wallet_id = held.wallet_id
    LEFT JOIN posted ON credit_wallets.wallet_id = posted.wallet_id
    WHERE credit_wallets.wallet_id = any(%(ids)s::UUID[])
),

rebuilt AS (
    UPDATE credit_wallets
    SET
        balance_minor = known.now_minor,
        held_minor = known.now_held_minor,
        entry_count = known.now_entry_count,
        version = known.now_version
    FROM known
    WHERE
        credit_wallets.wallet_id = known.wallet_id
        AND (known.balance_minor, known.held_minor, known.entry_count, known.version)
        IS DISTINCT FROM (known.now_minor, known.now_held_minor, known.now_entry_count, known.now_version)
),

watermarks AS (
    INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
    SELECT
        known.account_id,
        0,
        known.owner_id,
        known.now_posted_minor,
        known.now_posted_no
    FROM known
    WHERE
        known.account_id IS NOT NULL
        AND (known.posted_minor, known.posted_no) IS DISTINCT FROM (known.now_posted_minor, known.now_posted_no)
    ON CONFLICT (account_id, stripe) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    changed.subject,
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('wallet %%s of ledger %%s', known.caller_key, known.ledger_id) AS name
FROM known
CROSS JOIN
    LATERAL (
        VALUES
        (format('wallet %%s', known.wallet_id), 'balance_minor', known.balance_minor, known.now_minor),
        (format('wallet %%s', known.wallet_id), 'held_minor', known.held_minor, known.now_held_minor),
        (format('wallet %%s', known.wallet_id), 'entry_count', known.entry_count, known.now_entry_count),
        (format('wallet %%s', known.wallet_id), 'version', known.version, known.now_version),
        (format('account %%s', known.account_id), 'balance_minor', known.posted_minor, known.now_posted_minor),
        (format('account %%s', known.account_id), 'version', known.posted_no, known.now_posted_no)
    ) AS changed (subject, field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now AND (known.account_id IS NOT NULL OR changed.subject LIKE 'wallet%%')
ORDER BY known.wallet_id, changed.subject, changed.field;

-- Accounts that callers defined: their history is written with each entry.
-- name: journal_accounts_chunk
SELECT
    accounts.account_id::TEXT AS id,
    ARRAY[ledgers.owner_id] AS owner_ids
FROM accounts
INNER JOIN ledgers ON accounts.ledger_id = ledgers.ledger_id
WHERE accounts.account_type = 'JOURNAL' AND accounts.account_id > %(after)s::BIGINT
ORDER BY accounts.account_id
LIMIT %(chunk)s::INTEGER;

-- name: lock_journal_accounts
SELECT account_balances.account_id
FROM account_balances
WHERE account_balances.account_id = any(%(ids)s::BIGINT[]) AND account_balances.stripe = 0
ORDER BY account_balances.account_id
FOR UPDATE;

-- name: rebuild_journal_accounts
WITH known AS MATERIALIZED (
    SELECT
        accounts.*,
        account_balances.balance_minor,
        account_balances.version,
        history.total,
        history.postings
    FROM accounts
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id AND account_balances.stripe = 0
    CROSS JOIN
        LATERAL (
            SELECT
                coalesce(sum(journal_postings.amount_minor), 0) AS total,
                count(*) AS postings
            FROM journal_postings
            WHERE journal_postings.account_id = accounts.account_id
        ) AS history
    WHERE accounts.account_id = any(%(ids)s::BIGINT[])
),

rebuilt AS (
    INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
    SELECT
        known.account_id,
        0,
        NULL,
        known.total,
        known.postings
    FROM known
    WHERE (known.balance_minor, known.version) IS DISTINCT FROM (known.total, known.postings)
    ON CONFLICT (account_id, stripe) DO UPDATE SET
        balance_minor = excluded.balance_minor, version = excluded.version
)

SELECT
    changed.field,
    changed.was::TEXT,
    changed.now::TEXT,
    format('account %%s', known.account_id) AS subject,
    format('%%s of ledger %%s', known.account_code, known.ledger_id) AS name
FROM known
CROSS JOIN
    LATERAL (
        VALUES
        ('balance_minor', known.balance_minor, known.total),
        ('version', known.version, known.postings)
    ) AS changed (field, was, now)
WHERE changed.was IS DISTINCT FROM changed.now
ORDER BY known.account_id, changed.field;

-- Keeps stores out while the house accounts are summed: a short stop, for a repair that is rarely needed.
-- name: lock_house
LOCK TABLE account_balances IN SHARE ROW EXCLUSIVE MODE;

-- name: rebuild_house
WITH wrong AS MATERIALIZED (
    SELECT
        accounts.account_id,
        accounts.account_type,
        accounts.currency_network_id,
        derived.total AS was_minor,
        posted.total
    FROM accounts
    CROSS JOIN
        LATERAL (
            SELECT coalesce(sum(account_balances.balance_minor), 0) AS total
            FROM account_balances
            WHERE account_balances.account_id = accounts.account_id
        ) AS derived
    LEFT JOIN (
        SELECT
            ledger_entries.account_id,
            sum(ledger_entries.amount_minor) AS total
        FROM ledger_entries
        GROUP BY ledger_entries.account_id
    ) AS summed ON accounts.account_id = summed.account_id
    CROSS JOIN LATERAL (SELECT coalesce(summed.total, 0) AS total) AS posted
    WHERE accounts.player_id IS NULL AND accounts.ledger_id IS NULL AND derived.total <> posted.total
),

rebuilt AS (
    INSERT INTO account_balances (account_id, stripe, owner_id, balance_minor, version)
    SELECT
        wrong.account_id,
        0,
        NULL,
        wrong.total - wrong.was_minor,
        0
    FROM wrong
    ON CONFLICT (account_id, stripe) DO UPDATE SET
        balance_minor = account_balances.balance_minor + excluded.balance_minor
)

SELECT
    'balance_minor' AS field,
    wrong.was_minor::TEXT AS was,
    wrong.total::TEXT AS now,
    format('account %%s', wrong.account_id) AS subject,
    format('%%s in network %%s', wrong.account_type, wrong.currency_network_id) AS name
FROM wrong
ORDER BY wrong.account_id;
