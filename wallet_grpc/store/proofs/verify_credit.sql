-- What `wallet verify` asks of credit wallets: one snapshot of bounded size each; see verify.py.

-- name: wallets_chunk_end
SELECT credit_wallets.wallet_id::TEXT
FROM credit_wallets
WHERE credit_wallets.wallet_id > %(after)s::UUID
ORDER BY credit_wallets.wallet_id
LIMIT 1 OFFSET %(chunk)s::INTEGER - 1;

-- The wallets of a chunk beside their journals, reservations, postings and watermarks; journals beside their wallets.
-- name: wallets_chunk
WITH chunk_wallets AS MATERIALIZED (
    SELECT
        credit_wallets.*,
        last_entry.entry_no AS entry_count,
        last_entry.held_minor,
        last_entry.held_as_of,
        accounts.account_id,
        coalesce(account_balances.balance_minor, 0) AS posted_minor,
        coalesce(account_balances.version, 0) AS posted_no
    FROM credit_wallets
    LEFT JOIN LATERAL (
        SELECT
            entries.entry_no,
            entries.held_minor,
            entries.held_as_of
        FROM subledger_entries AS entries
        WHERE entries.subledger_id = credit_wallets.wallet_id AND entries.entry_no > 0
        ORDER BY entries.entry_no DESC
        LIMIT 1
    ) AS last_entry ON TRUE
    LEFT JOIN accounts ON credit_wallets.wallet_id = accounts.wallet_id
    LEFT JOIN account_balances ON accounts.account_id = account_balances.account_id
    WHERE credit_wallets.wallet_id > %(after)s::UUID AND credit_wallets.wallet_id <= %(upto)s::UUID
),

chunk_entries AS MATERIALIZED (
    SELECT
        entries.subledger_id,
        entries.entry_no,
        entries.owner_id,
        entries.kind,
        entries.transaction_id,
        entries.key_hash,
        entries.amount_minor,
        entries.change_minor,
        entries.balance_after_minor,
        entries.reference_key,
        sum(entries.change_minor) OVER (
            PARTITION BY entries.subledger_id ORDER BY entries.entry_no
        ) AS running
    FROM subledger_entries AS entries
    WHERE
        entries.subledger_id > %(after)s::UUID
        AND entries.subledger_id <= %(upto)s::UUID
        AND entries.entry_no > 0
),

journaled AS MATERIALIZED (
    SELECT
        chunk_entries.subledger_id,
        count(*) AS entries,
        max(chunk_entries.entry_no) AS last_no,
        sum(chunk_entries.change_minor) FILTER (WHERE chunk_entries.entry_no <= chunk_wallets.posted_no) AS posted
    FROM chunk_entries
    LEFT JOIN chunk_wallets ON chunk_entries.subledger_id = chunk_wallets.wallet_id
    GROUP BY chunk_entries.subledger_id
),

chunk_reservations AS MATERIALIZED (
    SELECT reservations.*
    FROM reservations
    WHERE
        reservations.wallet_id > %(after)s::UUID
        AND reservations.wallet_id <= %(upto)s::UUID
        AND reservations.ttl_s > 0
),

chunk_postings AS MATERIALIZED (
    SELECT
        wallet_postings.*,
        lag(wallet_postings.last_entry_no, 1, 0::BIGINT) OVER (
            PARTITION BY wallet_postings.wallet_id ORDER BY wallet_postings.last_entry_no
        ) AS posted_before
    FROM wallet_postings
    WHERE wallet_postings.wallet_id > %(after)s::UUID AND wallet_postings.wallet_id <= %(upto)s::UUID
),

ranges AS MATERIALIZED (
    SELECT
        chunk_postings.wallet_id,
        max(chunk_postings.last_entry_no) AS last_no,
        sum(chunk_postings.amount_minor) AS total
    FROM chunk_postings
    GROUP BY chunk_postings.wallet_id
),

queued AS MATERIALIZED (
    SELECT DISTINCT
        posting_queue.ledger_id,
        written.wallet_id
    FROM posting_queue
    CROSS JOIN LATERAL unnest(posting_queue.wallet_ids) AS written (wallet_id)
    WHERE written.wallet_id > %(after)s::UUID AND written.wallet_id <= %(upto)s::UUID
),

held AS MATERIALIZED (
    SELECT
        chunk_wallets.wallet_id,
        sum(chunk_reservations.amount_minor) AS total
    FROM chunk_wallets
    INNER JOIN chunk_reservations
        ON
            chunk_wallets.wallet_id = chunk_reservations.wallet_id
            AND coalesce(chunk_wallets.held_as_of, '-infinity') < chunk_reservations.expires_at
    WHERE chunk_reservations.state IN ('OPEN', 'EXPIRED')
    GROUP BY chunk_wallets.wallet_id
),

problems AS (
    SELECT
        checked.name,
        format('wallet %%s', coalesce(chunk_wallets.wallet_id, journaled.subledger_id)) AS subject,
        checked.problem
    FROM chunk_wallets
    FULL JOIN journaled ON chunk_wallets.wallet_id = journaled.subledger_id
    LEFT JOIN ranges ON chunk_wallets.wallet_id = ranges.wallet_id
    LEFT JOIN ledgers ON chunk_wallets.ledger_id = ledgers.ledger_id
    LEFT JOIN LATERAL (
        SELECT encode(
            sha256(convert_to(chunk_wallets.ledger_id || E'\x1f' || chunk_wallets.caller_key, 'UTF8')), 'hex'
        ) AS digest
    ) AS named ON TRUE
    LEFT JOIN held ON chunk_wallets.wallet_id = held.wallet_id
    LEFT JOIN queued ON chunk_wallets.wallet_id = queued.wallet_id AND chunk_wallets.ledger_id = queued.ledger_id
    CROSS JOIN
        LATERAL (
            VALUES
            (
                'wallets_fit_their_keys',
                chunk_wallets.wallet_id IS NULL
                OR ledgers.ledger_id IS NULL
                OR set_bit(substr(decode(named.digest, 'hex'), 1, 16), 7, 1)
                <> decode(replace(chunk_wallets.wallet_id::TEXT, '-', ''), 'hex')
                OR chunk_wallets.owner_id
                <> -1 - (
                    (('x' || substr(named.digest, 33, 16))::BIT(64)::BIGINT >> 1) & 9223372036854775807
                ),
                'it has no row or no ledger, or its ids are not those of its key'
            ),
            (
                'journals_have_no_gaps',
                journaled.entries IS NULL OR journaled.entries <> journaled.last_no,
                format(
                    'its journal has %%s entries up to number %%s', coalesce(journaled.entries, 0), journaled.last_no
                )
            ),
            (
                'wallet_holds_equal_reservations',
                coalesce(chunk_wallets.held_minor, 0) <> coalesce(held.total, 0),
                format(
                    'it holds %%s, its reservations that did not end before %%s sum to %%s',
                    coalesce(chunk_wallets.held_minor, 0), chunk_wallets.held_as_of, coalesce(held.total, 0)
                )
            ),
            (
                'watermarks_equal_postings',
                chunk_wallets.posted_minor <> coalesce(ranges.total, 0)
                OR chunk_wallets.posted_no <> coalesce(ranges.last_no, 0),
                format(
                    'its account has %%s up to entry %%s, its postings sum to %%s up to entry %%s',
                    chunk_wallets.posted_minor, chunk_wallets.posted_no, coalesce(ranges.total, 0),
                    coalesce(ranges.last_no, 0)
                )
            ),
            (
                'postings_equal_their_journal',
                chunk_wallets.posted_minor <> coalesce(journaled.posted, 0)
                OR chunk_wallets.posted_no > chunk_wallets.entry_count,
                format(
                    '%%s is posted up to entry %%s, its journal sums to %%s there',
                    chunk_wallets.posted_minor, chunk_wallets.posted_no, coalesce(journaled.posted, 0)
                )
            ),
            (
                'unposted_wallets_are_queued',
                chunk_wallets.entry_count > chunk_wallets.posted_no AND queued.wallet_id IS NULL,
                'it has entries that are not posted, and nothing tells the poster of them'
            )
        ) AS checked (name, broken, problem)
    WHERE checked.broken
    UNION ALL
    SELECT
        'postings_cover_each_entry_once',
        format('wallet %%s', chunk_postings.wallet_id),
        format(
            'transaction %%s covers entries %%s to %%s, the one before ends with %%s; they sum to %%s and it has %%s',
            chunk_postings.tx_id, chunk_postings.first_entry_no, chunk_postings.last_entry_no,
            chunk_postings.posted_before, covered.total, chunk_postings.amount_minor
        )
    FROM chunk_postings
    CROSS JOIN
        LATERAL (
            SELECT sum(entries.change_minor) AS total
            FROM subledger_entries AS entries
            WHERE
                entries.subledger_id = chunk_postings.wallet_id
                AND entries.entry_no > 0
                AND entries.entry_no > chunk_postings.posted_before
                AND entries.entry_no <= chunk_postings.last_entry_no
        ) AS covered
    WHERE
        chunk_postings.first_entry_no <> chunk_postings.posted_before + 1
        OR chunk_postings.amount_minor IS DISTINCT FROM covered.total
    UNION ALL
    SELECT
        'reservations_fit_their_journal',
        format(
            'reservation %%s of wallet %%s',
            coalesce(chunk_reservations.reservation_id, reserved.key_hash),
            coalesce(chunk_reservations.wallet_id, reserved.subledger_id)
        ),
        format(
            'it is %%s of %%s, its journal has %%s, ended by %%s',
            chunk_reservations.state, chunk_reservations.amount_minor, reserved.amount_minor, ending.kind
        )
    FROM chunk_reservations
    FULL JOIN (
        SELECT chunk_entries.*
        FROM chunk_entries
        WHERE chunk_entries.kind = 'RESERVE'
    ) AS reserved ON chunk_reservations.reservation_id = reserved.key_hash
    LEFT JOIN LATERAL (
        SELECT
            found.kind,
            found.amount_minor
        FROM subledger_entries AS found
        WHERE
            found.reference_key = coalesce(chunk_reservations.reservation_id, reserved.key_hash)
            AND found.kind IN ('COMMIT', 'RELEASE')
        OFFSET 0
    ) AS ending ON TRUE
    WHERE
        chunk_reservations.reservation_id IS NULL
        OR reserved.amount_minor IS DISTINCT FROM chunk_reservations.amount_minor
        OR reserved.subledger_id <> chunk_reservations.wallet_id
        OR coalesce(ending.kind, 'NONE') <> CASE chunk_reservations.state
            WHEN 'COMMITTED' THEN 'COMMIT'
            WHEN 'RELEASED' THEN 'RELEASE'
            ELSE 'NONE'
        END
        OR (ending.kind = 'COMMIT' AND ending.amount_minor <> chunk_reservations.committed_minor)
    UNION ALL
    SELECT
        checked.name,
        format('entry %%s of wallet %%s', entries.entry_no, entries.subledger_id),
        checked.problem
    FROM chunk_entries AS entries
    INNER JOIN chunk_wallets ON entries.subledger_id = chunk_wallets.wallet_id
    LEFT JOIN LATERAL (
        SELECT found.wallet_id
        FROM reservations AS found
        WHERE found.reservation_id = entries.reference_key AND found.ttl_s > 0
        OFFSET 0
    ) AS ended ON TRUE
    CROSS JOIN
        LATERAL (
            VALUES
            (
                'journal_balances_follow',
                entries.balance_after_minor IS DISTINCT FROM entries.running,
                format(
                    'balance_after is %%s, the entries up to it sum to %%s',
                    entries.balance_after_minor, entries.running
                )
            ),
            (
                'journal_references_exist',
                entries.owner_id <> chunk_wallets.owner_id
                OR (
                    entries.kind IN ('COMMIT', 'RELEASE') AND ended.wallet_id IS DISTINCT FROM entries.subledger_id
                ),
                'the reservation that it ends is missing or another wallet''s, or it is another owner''s'
            ),
            (
                'keys_fit_their_ids',
                entries.key_hash <> (
                    substr(replace(entries.subledger_id::TEXT, '-', ''), 1, 12)
                    || substr(
                        encode(
                            sha256(
                                convert_to(
                                    entries.subledger_id || E'\x1fentry\x1f' || entries.transaction_id, 'UTF8'
                                )
                            ),
                            'hex'
                        ),
                        1,
                        20
                    )
                )::UUID,
                format('key_hash is not that of %%s', entries.transaction_id)
            )
        ) AS checked (name, broken, problem)
    WHERE checked.broken
)

SELECT
    (SELECT count(*) FROM chunk_wallets) AS wallets,
    (SELECT count(*) FROM chunk_entries) AS entries,
    (
        SELECT json_agg(json_build_array(problems.name, problems.subject, problems.problem)) FROM problems
    ) AS problems;
