-- What `wallet verify` asks of credit wallets: one snapshot of bounded size each; see verify_histories.py. Long because
-- all checks of a wallet stand in the statement that reads its journal.

-- name: wallets_chunk_end
SELECT credit_wallets.wallet_id::TEXT
FROM credit_wallets
WHERE credit_wallets.wallet_id > %(after)s::UUID
ORDER BY credit_wallets.wallet_id
LIMIT 1 OFFSET %(chunk)s::INTEGER - 1;

-- The wallets of a chunk beside their journals, reservations, postings and watermarks; journals beside their wallets.
-- What a posting covers is what the balances after its last entry and before its first one differ by: each entry's is
-- proved here to be the sum up to it. So a wallet's watermark is the last posting's, and what it has posted the balance
-- there: no journal and no postings are summed twice.
-- name: wallets_chunk
WITH carried AS MATERIALIZED (
    SELECT begun.*
    FROM
        json_to_record(%(carried)s::JSON) AS begun (
            subledger_id UUID, entries BIGINT, last_no BIGINT, total NUMERIC, posted_no BIGINT
        )
    WHERE begun.subledger_id IS NOT NULL
),

chunk_wallets AS MATERIALIZED (
    SELECT
        credit_wallets.*,
        last_entry.entry_no AS entry_count,
        last_entry.held_minor,
        last_entry.held_as_of,
        accounts.account_id,
        coalesce(account_balances.balance_minor, 0) AS posted_minor,
        coalesce(account_balances.version, 0) AS posted_no,
        credit_wallets.wallet_id < %(upto)s::UUID OR %(upto_no)s::BIGINT = %(ended)s::BIGINT AS is_whole
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
    WHERE
        credit_wallets.wallet_id >= %(after)s::UUID
        AND credit_wallets.wallet_id <= %(upto)s::UUID
        AND (credit_wallets.wallet_id > %(after)s::UUID OR %(after_no)s::BIGINT < %(ended)s::BIGINT)
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
        coalesce(carried.total, 0) + sum(entries.change_minor) OVER (
            PARTITION BY entries.subledger_id ORDER BY entries.entry_no
        ) AS running
    FROM subledger_entries AS entries
    LEFT JOIN carried ON entries.subledger_id = carried.subledger_id
    WHERE
        (entries.subledger_id, entries.entry_no) > (%(after)s::UUID, %(after_no)s::BIGINT)
        AND (entries.subledger_id, entries.entry_no) <= (%(upto)s::UUID, %(upto_no)s::BIGINT)
        AND entries.entry_no > 0
),

read_now AS MATERIALIZED (
    SELECT
        chunk_entries.subledger_id,
        count(*) AS entries,
        max(chunk_entries.entry_no) AS last_no,
        sum(chunk_entries.change_minor) AS total
    FROM chunk_entries
    GROUP BY chunk_entries.subledger_id
),

journaled AS MATERIALIZED (
    SELECT
        coalesce(carried.subledger_id, read_now.subledger_id) AS subledger_id,
        coalesce(carried.entries, 0) + coalesce(read_now.entries, 0) AS entries,
        coalesce(read_now.last_no, carried.last_no) AS last_no,
        coalesce(carried.total, 0) + coalesce(read_now.total, 0) AS total
    FROM carried
    FULL JOIN read_now ON carried.subledger_id = read_now.subledger_id
),

-- Postings go on from the last one that was seen, not from the last entry: what a part has read of a journal is posted
-- while the next one is waited for.
chunk_postings AS MATERIALIZED (
    SELECT
        wallet_postings.*,
        coalesce(before.last_entry_no, 0) AS posted_before
    FROM wallet_postings
    LEFT JOIN LATERAL (
        SELECT earlier.last_entry_no
        FROM wallet_postings AS earlier
        WHERE
            earlier.wallet_id = wallet_postings.wallet_id
            AND earlier.last_entry_no < wallet_postings.last_entry_no
        ORDER BY earlier.last_entry_no DESC
        LIMIT 1
    ) AS before ON TRUE
    WHERE
        (wallet_postings.wallet_id, wallet_postings.last_entry_no)
        > (%(after)s::UUID, coalesce((SELECT carried.posted_no FROM carried), %(after_no)s::BIGINT))
        AND (wallet_postings.wallet_id, wallet_postings.last_entry_no) <= (%(upto)s::UUID, %(upto_no)s::BIGINT)
),

queued AS MATERIALIZED (
    SELECT DISTINCT
        posting_queue.ledger_id,
        written.wallet_id
    FROM posting_queue
    CROSS JOIN LATERAL unnest(posting_queue.wallet_ids) AS written (wallet_id)
    WHERE
        written.wallet_id >= %(after)s::UUID
        AND written.wallet_id <= %(upto)s::UUID
        AND (written.wallet_id > %(after)s::UUID OR %(after_no)s::BIGINT < %(ended)s::BIGINT)
),

problems AS (
    SELECT
        checked.name,
        format('wallet %%s', coalesce(chunk_wallets.wallet_id, journaled.subledger_id)) AS subject,
        checked.problem
    FROM chunk_wallets
    FULL JOIN journaled ON chunk_wallets.wallet_id = journaled.subledger_id
    LEFT JOIN LATERAL (
        SELECT wallet_postings.last_entry_no AS last_no
        FROM wallet_postings
        WHERE wallet_postings.wallet_id = chunk_wallets.wallet_id
        ORDER BY wallet_postings.last_entry_no DESC
        LIMIT 1
    ) AS ranges ON chunk_wallets.is_whole
    LEFT JOIN LATERAL (
        SELECT entries.balance_after_minor AS total
        FROM subledger_entries AS entries
        WHERE
            entries.subledger_id = chunk_wallets.wallet_id
            AND entries.entry_no = chunk_wallets.posted_no
            AND entries.entry_no > 0
    ) AS posted ON chunk_wallets.is_whole
    LEFT JOIN LATERAL (
        SELECT sum(reservations.amount_minor) AS total
        FROM reservations
        WHERE
            reservations.wallet_id = chunk_wallets.wallet_id
            AND reservations.state IN ('OPEN', 'EXPIRED')
            AND coalesce(chunk_wallets.held_as_of, '-infinity') < reservations.expires_at
    ) AS held ON chunk_wallets.is_whole
    LEFT JOIN ledgers ON chunk_wallets.ledger_id = ledgers.ledger_id
    LEFT JOIN LATERAL (
        SELECT encode(
            sha256(convert_to(chunk_wallets.ledger_id || E'\x1f' || chunk_wallets.caller_key, 'UTF8')), 'hex'
        ) AS digest
    ) AS named ON TRUE
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
                chunk_wallets.posted_no <> coalesce(ranges.last_no, 0),
                format(
                    'its account is posted up to entry %%s, its postings cover it up to entry %%s',
                    chunk_wallets.posted_no, coalesce(ranges.last_no, 0)
                )
            ),
            (
                'postings_equal_their_journal',
                chunk_wallets.posted_minor <> coalesce(posted.total, 0)
                OR chunk_wallets.posted_no > chunk_wallets.entry_count,
                format(
                    '%%s is posted up to entry %%s, its journal sums to %%s there',
                    chunk_wallets.posted_minor, chunk_wallets.posted_no, coalesce(posted.total, 0)
                )
            ),
            (
                'unposted_wallets_are_queued',
                chunk_wallets.entry_count > chunk_wallets.posted_no AND queued.wallet_id IS NULL,
                'it has entries that are not posted, and nothing tells the poster of them'
            )
        ) AS checked (name, broken, problem)
    WHERE
        checked.broken
        AND (
            coalesce(chunk_wallets.wallet_id, journaled.subledger_id) < %(upto)s::UUID
            OR %(upto_no)s::BIGINT = %(ended)s::BIGINT
        )
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
            SELECT
                (
                    SELECT entries.balance_after_minor
                    FROM subledger_entries AS entries
                    WHERE
                        entries.subledger_id = chunk_postings.wallet_id
                        AND entries.entry_no = chunk_postings.last_entry_no
                        AND entries.entry_no > 0
                ) - coalesce(
                    (
                        SELECT entries.balance_after_minor
                        FROM subledger_entries AS entries
                        WHERE
                            entries.subledger_id = chunk_postings.wallet_id
                            AND entries.entry_no = chunk_postings.posted_before
                            AND entries.entry_no > 0
                    ),
                    0
                ) AS total
        ) AS covered
    WHERE
        chunk_postings.first_entry_no <> chunk_postings.posted_before + 1
        OR chunk_postings.amount_minor IS DISTINCT FROM covered.total
    UNION ALL
    SELECT
        'reservations_fit_their_journal',
        format('reservation %%s of wallet %%s', reserved.key_hash, reserved.subledger_id),
        format(
            'it is %%s of %%s, its journal has %%s, ended by %%s',
            coalesce(kept.state, 'missing'), kept.amount_minor, reserved.amount_minor, ending.kind
        )
    FROM chunk_entries AS reserved
    LEFT JOIN LATERAL (
        SELECT
            found.reservation_id,
            found.wallet_id,
            found.amount_minor,
            found.state,
            found.committed_minor
        FROM reservations AS found
        WHERE found.reservation_id = reserved.key_hash
        OFFSET 0
    ) AS kept ON TRUE
    LEFT JOIN LATERAL (
        SELECT
            found.kind,
            found.amount_minor
        FROM subledger_entries AS found
        WHERE
            found.reference_key = reserved.key_hash
            AND found.kind IN ('COMMIT', 'RELEASE')
        OFFSET 0
    ) AS ending ON TRUE
    WHERE
        reserved.kind = 'RESERVE'
        AND (
            kept.reservation_id IS NULL
            OR reserved.amount_minor <> kept.amount_minor
            OR reserved.subledger_id <> kept.wallet_id
            OR coalesce(ending.kind, 'NONE') <> CASE kept.state
                WHEN 'COMMITTED' THEN 'COMMIT'
                WHEN 'RELEASED' THEN 'RELEASE'
                ELSE 'NONE'
            END
            OR (ending.kind = 'COMMIT' AND ending.amount_minor <> kept.committed_minor)
        )
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
    (SELECT count(*) FILTER (WHERE chunk_wallets.is_whole) FROM chunk_wallets) AS wallets,
    (SELECT count(*) FROM chunk_entries) AS entries,
    (
        SELECT json_agg(json_build_array(problems.name, problems.subject, problems.problem)) FROM problems
    ) AS problems,
    (
        SELECT row_to_json(next_part)::TEXT
        FROM (
            SELECT
                journaled.*,
                coalesce(seen.posted_no, carried.posted_no, 0) AS posted_no
            FROM journaled
            LEFT JOIN carried ON journaled.subledger_id = carried.subledger_id
            LEFT JOIN (
                SELECT
                    chunk_postings.wallet_id,
                    max(chunk_postings.last_entry_no) AS posted_no
                FROM chunk_postings
                GROUP BY chunk_postings.wallet_id
            ) AS seen ON journaled.subledger_id = seen.wallet_id
            WHERE journaled.subledger_id = %(upto)s::UUID AND %(upto_no)s::BIGINT < %(ended)s::BIGINT
        ) AS next_part
    ) AS carried;

-- A chunk of the reservations that are kept, and of those the ones that no entry made. The other way round is a check
-- of entries.
-- name: reservations_chunk
WITH chunk_reservations AS MATERIALIZED (
    SELECT
        reservations.reservation_id,
        reservations.wallet_id,
        reservations.state,
        reservations.amount_minor
    FROM reservations
    WHERE reservations.reservation_id > %(after)s::UUID
    ORDER BY reservations.reservation_id
    LIMIT %(chunk)s::INTEGER
)

SELECT
    (
        SELECT last_reservation.reservation_id::TEXT
        FROM chunk_reservations AS last_reservation
        ORDER BY last_reservation.reservation_id DESC
        LIMIT 1
    ) AS upto,
    (SELECT count(counted.reservation_id) FROM chunk_reservations AS counted) AS reservations,
    json_agg(
        json_build_array(
            'reservations_fit_their_journal',
            format('reservation %%s of wallet %%s', chunk_reservations.reservation_id, chunk_reservations.wallet_id),
            format(
                'it is %%s of %%s, its journal has none', chunk_reservations.state, chunk_reservations.amount_minor
            )
        )
    ) FILTER (
        WHERE NOT EXISTS (
            SELECT FROM subledger_entries AS entries
            WHERE entries.key_hash = chunk_reservations.reservation_id AND entries.kind = 'RESERVE'
            OFFSET 0
        )
    ) AS problems
FROM chunk_reservations;
