-- What `wallet verify` asks of sessions: one snapshot of bounded size each; see verify_histories.py. Long because all
-- checks of a session stand in the statement that reads its journal.

-- The upper end of the next chunk of sessions; no row where fewer than a chunk are left.
-- name: sessions_chunk_end
SELECT sessions.session_id::TEXT
FROM sessions
WHERE sessions.session_id > %(after)s::UUID
ORDER BY sessions.session_id
LIMIT 1 OFFSET %(chunk)s::INTEGER - 1;

-- The sessions of a chunk beside their journals, openings and settlements, and journals beside their sessions. What was
-- late is left out of what a session had when it was settled. What an entry refers to is looked up by its key, one by
-- one (OFFSET 0): a chunk has no index, and joined with itself by a plan for few rows it takes the square of a
-- session's length.
-- name: sessions_chunk
WITH carried AS MATERIALIZED (
    SELECT begun.*
    FROM
        json_to_record(%(carried)s::JSON) AS begun (
            subledger_id UUID,
            entries BIGINT,
            last_no BIGINT,
            total NUMERIC,
            open_rounds BIGINT,
            is_in_order BOOLEAN,
            settlement_no BIGINT,
            settlement_tx_id TEXT,
            late_posted BIGINT,
            standing_rounds BIGINT
        )
    WHERE begun.subledger_id IS NOT NULL
),

chunk_sessions AS MATERIALIZED (
    SELECT
        sessions.*,
        sessions.session_id < %(upto)s::UUID OR %(upto_no)s::BIGINT = %(ended)s::BIGINT AS is_whole
    FROM sessions
    WHERE
        sessions.session_id >= %(after)s::UUID
        AND sessions.session_id <= %(upto)s::UUID
        AND (sessions.session_id > %(after)s::UUID OR %(after_no)s::BIGINT < %(ended)s::BIGINT)
),

chunk_entries AS MATERIALIZED (
    SELECT
        entries.*,
        coalesce(carried.total, 0) + sum(CASE WHEN NOT entries.late THEN entries.change_minor ELSE 0 END) OVER (
            PARTITION BY entries.subledger_id ORDER BY entries.entry_no
        ) AS running
    FROM subledger_entries AS entries
    LEFT JOIN carried ON entries.subledger_id = carried.subledger_id
    WHERE
        (entries.subledger_id, entries.entry_no) > (%(after)s::UUID, %(after_no)s::BIGINT)
        AND (entries.subledger_id, entries.entry_no) <= (%(upto)s::UUID, %(upto_no)s::BIGINT)
        AND entries.entry_no > 0
),

ends AS MATERIALIZED (
    SELECT
        chunk_entries.subledger_id,
        chunk_entries.entry_no,
        chunk_entries.tx_id::TEXT AS tx_id
    FROM chunk_entries
    WHERE chunk_entries.kind = 'SESSION_SETTLEMENT'
    UNION ALL
    SELECT
        carried.subledger_id,
        carried.settlement_no,
        carried.settlement_tx_id
    FROM carried
    WHERE carried.settlement_no IS NOT NULL
),

read_now AS MATERIALIZED (
    SELECT
        chunk_entries.subledger_id,
        count(*) AS entries,
        max(chunk_entries.entry_no) AS last_no,
        sum(CASE WHEN NOT chunk_entries.late THEN chunk_entries.change_minor ELSE 0 END) AS total,
        (
            array_agg(chunk_entries.open_rounds ORDER BY chunk_entries.entry_no DESC)
            FILTER (WHERE NOT chunk_entries.late)
        )[1] AS open_rounds,
        bool_and(
            chunk_entries.late = (settlement.entry_no IS NOT NULL AND chunk_entries.entry_no > settlement.entry_no)
        ) AS is_in_order,
        min(settlement.entry_no) AS settlement_no,
        min(settlement.tx_id) AS settlement_tx_id,
        count(*) FILTER (WHERE chunk_entries.late AND chunk_entries.tx_id IS NOT NULL) AS late_posted
    FROM chunk_entries
    LEFT JOIN ends AS settlement ON chunk_entries.subledger_id = settlement.subledger_id
    GROUP BY chunk_entries.subledger_id
),

-- What the chunk's entries leave of their rounds, by what has rolled them back up to its end.
chunk_rounds AS MATERIALIZED (
    SELECT
        entries.subledger_id,
        entries.round_id,
        entries.round_hash,
        bool_or(entries.kind = 'BET' AND rollback.entry_no IS NULL) AS has_bet,
        bool_or(entries.closes_round AND rollback.entry_no IS NULL) AS has_closer
    FROM chunk_entries AS entries
    LEFT JOIN LATERAL (
        SELECT found.entry_no
        FROM subledger_entries AS found
        WHERE
            found.reverses_key = entries.key_hash
            AND NOT found.late
            AND (found.subledger_id, found.entry_no) <= (%(upto)s::UUID, %(upto_no)s::BIGINT)
        OFFSET 0
    ) AS rollback ON entries.closes_round OR entries.kind = 'BET'
    WHERE entries.round_id IS NOT NULL AND NOT entries.late
    GROUP BY entries.subledger_id, entries.round_id, entries.round_hash
),

-- Rounds as they stand at the end of the chunk, and those of a journal that was begun before also as they stood at its
-- beginning: there, what the chunks before have left of them is looked up. One entry that stands is enough, so a round
-- may be as long as its journal.
standing_rounds AS MATERIALIZED (
    SELECT
        chunk_rounds.subledger_id,
        ends_at.is_now,
        ends_at.is_now AND chunk_rounds.has_bet AS has_bet,
        ends_at.is_now AND chunk_rounds.has_closer AS has_closer,
        CASE
            WHEN carried.subledger_id IS NOT NULL
                THEN (
                    SELECT TRUE FROM subledger_entries AS bet
                    WHERE
                        bet.round_hash = chunk_rounds.round_hash
                        AND bet.kind = 'BET'
                        AND NOT bet.late
                        AND bet.entry_no <= carried.last_no
                        AND NOT EXISTS (
                            SELECT FROM subledger_entries AS rollback
                            WHERE
                                rollback.reverses_key = bet.key_hash
                                AND NOT rollback.late
                                AND rollback.entry_no <= ends_at.entry_no
                            OFFSET 0
                        )
                    LIMIT 1
                )
        END AS has_earlier_bet,
        CASE
            WHEN carried.subledger_id IS NOT NULL
                THEN (
                    SELECT TRUE FROM subledger_entries AS closer
                    WHERE
                        closer.round_hash = chunk_rounds.round_hash
                        AND closer.closes_round
                        AND NOT closer.late
                        AND closer.entry_no <= carried.last_no
                        AND NOT EXISTS (
                            SELECT FROM subledger_entries AS rollback
                            WHERE
                                rollback.reverses_key = closer.key_hash
                                AND NOT rollback.late
                                AND rollback.entry_no <= ends_at.entry_no
                            OFFSET 0
                        )
                    LIMIT 1
                )
        END AS has_earlier_closer
    FROM chunk_rounds
    LEFT JOIN carried ON chunk_rounds.subledger_id = carried.subledger_id
    INNER JOIN
        LATERAL (
            VALUES
            (FALSE, carried.last_no),
            (
                TRUE,
                CASE chunk_rounds.subledger_id
                    WHEN %(upto)s::UUID THEN %(upto_no)s::BIGINT
                    ELSE %(ended)s::BIGINT
                END
            )
        ) AS ends_at (is_now, entry_no)
        ON ends_at.is_now OR carried.subledger_id IS NOT NULL
),

-- How many rounds more are open after the chunk.
open_rounds AS MATERIALIZED (
    SELECT
        known.subledger_id,
        count(*) FILTER (WHERE known.is_now) - count(*) FILTER (WHERE NOT known.is_now) AS gained
    FROM standing_rounds AS known
    WHERE
        (known.has_bet OR coalesce(known.has_earlier_bet, FALSE))
        AND NOT (known.has_closer OR coalesce(known.has_earlier_closer, FALSE))
    GROUP BY known.subledger_id
),

journaled AS MATERIALIZED (
    SELECT
        coalesce(carried.subledger_id, read_now.subledger_id) AS subledger_id,
        coalesce(carried.entries, 0) + coalesce(read_now.entries, 0) AS entries,
        coalesce(read_now.last_no, carried.last_no) AS last_no,
        coalesce(carried.total, 0) + coalesce(read_now.total, 0) AS total,
        coalesce(read_now.open_rounds, carried.open_rounds) AS open_rounds,
        coalesce(carried.is_in_order, TRUE) AND coalesce(read_now.is_in_order, TRUE) AS is_in_order,
        coalesce(carried.settlement_no, read_now.settlement_no) AS settlement_no,
        coalesce(carried.settlement_tx_id, read_now.settlement_tx_id) AS settlement_tx_id,
        coalesce(carried.late_posted, 0) + coalesce(read_now.late_posted, 0) AS late_posted,
        coalesce(carried.standing_rounds, 0) + coalesce(open_rounds.gained, 0) AS standing_rounds
    FROM carried
    FULL JOIN read_now ON carried.subledger_id = read_now.subledger_id
    LEFT JOIN open_rounds ON read_now.subledger_id = open_rounds.subledger_id
),

settlements AS MATERIALIZED (
    SELECT
        chunk_sessions.session_id,
        coalesce(sum(entries.amount_minor) FILTER (WHERE accounts.account_type = 'SESSION_HOLD'), 0) AS hold_minor,
        coalesce(sum(entries.amount_minor) FILTER (WHERE accounts.account_type = 'MAIN'), 0) AS main_minor,
        coalesce(sum(entries.amount_minor) FILTER (WHERE accounts.account_type = 'HOUSE:WAGER'), 0) AS wager_minor,
        count(entries.entry_no) AS entries
    FROM chunk_sessions
    LEFT JOIN ledger_transactions AS made
        ON
            chunk_sessions.settlement_tx_id = made.tx_id
            AND chunk_sessions.session_id = made.reference_tx_id
            AND made.kind = 'SESSION_SETTLEMENT'
    LEFT JOIN ledger_entries AS entries ON made.tx_id = entries.tx_id
    LEFT JOIN accounts ON entries.account_id = accounts.account_id
    WHERE chunk_sessions.state = 'SETTLED' AND chunk_sessions.is_whole
    GROUP BY chunk_sessions.session_id
),

problems AS (
    SELECT
        checked.name,
        format('session %%s', coalesce(chunk_sessions.session_id, journaled.subledger_id)) AS subject,
        checked.problem
    FROM chunk_sessions
    FULL JOIN journaled ON chunk_sessions.session_id = journaled.subledger_id
    LEFT JOIN settlements ON chunk_sessions.session_id = settlements.session_id
    LEFT JOIN ledger_transactions AS opening ON chunk_sessions.session_id = opening.tx_id
    LEFT JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE made.kind IN ('WIN', 'ROLLBACK')) AS late,
            count(*) FILTER (WHERE made.kind = 'SESSION_SETTLEMENT') AS settlements
        FROM ledger_transactions AS made
        WHERE made.reference_tx_id = chunk_sessions.session_id
    ) AS posted ON chunk_sessions.is_whole
    CROSS JOIN
        LATERAL (
            VALUES
            (
                'sessions_are_opened_and_settled',
                chunk_sessions.session_id IS NULL
                OR opening.kind IS DISTINCT FROM 'SESSION_OPENING'
                OR opening.owner_id <> chunk_sessions.owner_id
                OR opening.source <> chunk_sessions.source
                OR opening.currency_network_id <> chunk_sessions.currency_network_id
                OR opening.amount_minor <> chunk_sessions.lock_amount_minor
                OR posted.settlements <> CASE chunk_sessions.state WHEN 'SETTLED' THEN 1 ELSE 0 END,
                'it has no row, its opening is not the one that locked its stake, or it has not one settlement'
            ),
            (
                'sessions_equal_their_journal',
                chunk_sessions.payout_minor <> chunk_sessions.lock_amount_minor + coalesce(journaled.total, 0),
                format(
                    'its payout is %%s, the lock and its journal sum to %%s',
                    chunk_sessions.payout_minor, chunk_sessions.lock_amount_minor + coalesce(journaled.total, 0)
                )
            ),
            (
                'journals_have_no_gaps',
                journaled.entries <> journaled.last_no,
                format('its journal has %%s entries up to number %%s', journaled.entries, journaled.last_no)
            ),
            (
                'sessions_end_with_their_journal',
                chunk_sessions.settlement_tx_id::TEXT IS DISTINCT FROM journaled.settlement_tx_id
                OR NOT journaled.is_in_order,
                format(
                    'its settlement is %%s, that of its journal %%s; only what comes after it is late',
                    chunk_sessions.settlement_tx_id, journaled.settlement_tx_id
                )
            ),
            (
                'settlements_equal_their_journal',
                settlements.hold_minor <> -chunk_sessions.lock_amount_minor
                OR settlements.main_minor <> chunk_sessions.lock_amount_minor + coalesce(journaled.total, 0)
                OR settlements.wager_minor <> -coalesce(journaled.total, 0),
                format(
                    'SESSION_HOLD, MAIN and HOUSE:WAGER got %%s, %%s and %%s; lock and journal are %%s and %%s',
                    settlements.hold_minor, settlements.main_minor, settlements.wager_minor,
                    chunk_sessions.lock_amount_minor, coalesce(journaled.total, 0)
                )
            ),
            (
                'open_rounds_are_counted',
                chunk_sessions.open_rounds <> coalesce(journaled.standing_rounds, 0)
                OR coalesce(journaled.open_rounds, 0) <> coalesce(journaled.standing_rounds, 0),
                format(
                    'it and its last entry before the settlement count %%s and %%s open rounds, its journal has %%s',
                    chunk_sessions.open_rounds,
                    coalesce(journaled.open_rounds, 0),
                    coalesce(journaled.standing_rounds, 0)
                )
            ),
            (
                'late_entries_are_posted',
                posted.late <> coalesce(journaled.late_posted, 0),
                format(
                    'the ledger has %%s late transactions of it, the journal %%s',
                    posted.late, coalesce(journaled.late_posted, 0)
                )
            )
        ) AS checked (name, broken, problem)
    WHERE
        checked.broken
        AND (
            coalesce(chunk_sessions.session_id, journaled.subledger_id) < %(upto)s::UUID
            OR %(upto_no)s::BIGINT = %(ended)s::BIGINT
        )
    UNION ALL
    SELECT
        checked.name,
        format('entry %%s of session %%s', entries.entry_no, entries.subledger_id),
        checked.problem
    FROM chunk_entries AS entries
    INNER JOIN chunk_sessions ON entries.subledger_id = chunk_sessions.session_id
    LEFT JOIN LATERAL (
        SELECT
            found.subledger_id,
            found.transaction_id,
            found.change_minor
        FROM subledger_entries AS found
        WHERE found.key_hash = entries.reverses_key
        OFFSET 0
    ) AS reversed ON TRUE
    LEFT JOIN LATERAL (
        SELECT
            found.subledger_id,
            found.transaction_id,
            found.kind,
            found.round_id
        FROM subledger_entries AS found
        WHERE found.key_hash = entries.reference_key
        OFFSET 0
    ) AS bet ON TRUE
    LEFT JOIN ledger_transactions AS made ON entries.tx_id = made.tx_id
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(ledger_entries.amount_minor), 0) AS main_minor
        FROM ledger_entries
        INNER JOIN accounts ON ledger_entries.account_id = accounts.account_id AND accounts.account_type = 'MAIN'
        WHERE ledger_entries.tx_id = entries.tx_id
    ) AS posted ON entries.tx_id IS NOT NULL
    CROSS JOIN
        LATERAL (
            VALUES
            (
                'journal_balances_follow',
                NOT entries.late
                AND entries.balance_after_minor <> chunk_sessions.lock_amount_minor + entries.running,
                format(
                    'balance_after is %%s, the lock and the entries up to it sum to %%s',
                    entries.balance_after_minor, chunk_sessions.lock_amount_minor + entries.running
                )
            ),
            (
                'journal_references_exist',
                entries.owner_id <> chunk_sessions.owner_id
                OR (
                    entries.reverses_key IS NOT NULL
                    AND (
                        reversed.subledger_id IS DISTINCT FROM entries.subledger_id
                        OR reversed.transaction_id IS DISTINCT FROM entries.reference_transaction_id
                        OR reversed.change_minor <> -entries.change_minor
                    )
                )
                OR (
                    entries.reference_key IS NOT NULL
                    AND (
                        bet.subledger_id IS DISTINCT FROM entries.subledger_id
                        OR bet.transaction_id IS DISTINCT FROM entries.reference_transaction_id
                        OR bet.kind <> 'BET'
                        OR bet.round_id <> entries.round_id
                    )
                ),
                'the entry that it refers to is missing or another one, or it is another owner''s'
            ),
            (
                'keys_fit_their_ids',
                entries.key_hash <> (
                    substr(replace(entries.subledger_id::TEXT, '-', ''), 1, 12)
                    || substr(
                        encode(
                            sha256(
                                convert_to(
                                    concat_ws(
                                        E'\x1f',
                                        entries.subledger_id,
                                        CASE entries.kind WHEN 'SESSION_SETTLEMENT' THEN 'settlement' ELSE 'entry' END,
                                        entries.transaction_id
                                    ),
                                    'UTF8'
                                )
                            ),
                            'hex'
                        ),
                        1,
                        20
                    )
                )::UUID
                OR entries.round_hash IS DISTINCT FROM (
                    substr(replace(entries.subledger_id::TEXT, '-', ''), 1, 12)
                    || substr(
                        encode(
                            sha256(
                                convert_to(entries.subledger_id || E'\x1fround\x1f' || entries.round_id, 'UTF8')
                            ),
                            'hex'
                        ),
                        1,
                        20
                    )
                )::UUID,
                format('key_hash or round_hash is not that of %%s', entries.transaction_id)
            ),
            (
                'late_entries_are_posted',
                entries.late
                AND entries.tx_id IS NOT NULL
                AND (
                    made.owner_id IS DISTINCT FROM entries.owner_id
                    OR made.reference <> entries.transaction_id
                    OR made.reference_tx_id IS DISTINCT FROM entries.subledger_id
                    OR posted.main_minor <> entries.change_minor
                ),
                format('its transaction %%s is missing, or posts something else to MAIN', entries.tx_id)
            )
        ) AS checked (name, broken, problem)
    WHERE checked.broken
)

SELECT
    (SELECT count(*) FILTER (WHERE chunk_sessions.is_whole) FROM chunk_sessions) AS sessions,
    (SELECT count(*) FROM chunk_entries) AS entries,
    (
        SELECT json_agg(json_build_array(problems.name, problems.subject, problems.problem)) FROM problems
    ) AS problems,
    (
        SELECT row_to_json(journaled)::TEXT FROM journaled
        WHERE journaled.subledger_id = %(upto)s::UUID AND %(upto_no)s::BIGINT < %(ended)s::BIGINT
    ) AS carried;
