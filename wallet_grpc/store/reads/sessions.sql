-- name: session
SELECT
    sessions.source,
    sessions.game_code,
    sessions.lock_amount_minor::TEXT,
    sessions.state,
    sessions.opened_at,
    sessions.expires_at,
    coalesce(sessions.payout_minor, last_entry.balance_after_minor, sessions.lock_amount_minor)::TEXT AS balance_minor,
    clock_timestamp() AS now
FROM sessions
LEFT JOIN LATERAL (
    SELECT entries.balance_after_minor
    FROM subledger_entries AS entries
    WHERE entries.subledger_id = sessions.session_id AND entries.entry_no > 0
    ORDER BY entries.entry_no DESC
    LIMIT 1
) AS last_entry ON TRUE
WHERE
    sessions.session_id = %(session_id)s::UUID
    AND sessions.owner_id = %(owner_id)s
    AND sessions.currency_network_id = %(currency_network_id)s;

-- The settlement is told by the session.
-- name: journal
SELECT
    found.subledger_id::TEXT AS session_id,
    found.entry_no,
    found.owner_id,
    found.kind,
    found.status,
    found.transaction_id,
    found.key_hash::TEXT,
    found.amount_minor::TEXT,
    found.change_minor::TEXT,
    found.balance_after_minor::TEXT,
    found.round_id,
    found.round_hash::TEXT,
    found.closes_round,
    found.reference_transaction_id,
    found.reference_key::TEXT,
    found.reverses_key::TEXT,
    found.variant,
    found.late,
    found.tx_id::TEXT,
    found.created_at,
    found.metadata,
    rollback.transaction_id AS reversed_by_transaction_id
FROM subledger_entries AS found
LEFT JOIN subledger_entries AS rollback ON found.key_hash = rollback.reverses_key
WHERE
    found.subledger_id = %(session_id)s::UUID
    AND found.entry_no > %(after)s
    AND found.entry_no > 0
    AND found.kind <> 'SESSION_SETTLEMENT'
ORDER BY found.entry_no
LIMIT %(rows_max)s;

-- name: round_totals
SELECT
    coalesce(bool_or(played.closes_round AND rollback.entry_no IS NULL), FALSE) AS closed,
    coalesce(sum(played.amount_minor) FILTER (WHERE played.kind = 'BET'), 0)::TEXT AS bets_minor,
    coalesce(sum(played.amount_minor) FILTER (WHERE played.kind = 'WIN'), 0)::TEXT AS wins_minor,
    coalesce(
        sum(played.amount_minor) FILTER (WHERE played.kind = 'BET' AND rollback.entry_no IS NOT NULL), 0
    )::TEXT AS rolled_back_bets_minor,
    coalesce(
        sum(played.amount_minor) FILTER (WHERE played.kind = 'WIN' AND rollback.entry_no IS NOT NULL), 0
    )::TEXT AS rolled_back_wins_minor,
    count(*) AS transactions
FROM subledger_entries AS played
LEFT JOIN subledger_entries AS rollback ON played.key_hash = rollback.reverses_key
WHERE played.round_hash = %(round_key)s::UUID;

-- Sessions whose time has been over for a while, the longest first, after a place in that order.
-- name: expired
SELECT
    sessions.session_id::TEXT,
    sessions.source,
    sessions.owner_id,
    sessions.currency_network_id,
    sessions.expires_at
FROM sessions
WHERE
    sessions.state = 'OPEN'
    AND sessions.lock_amount_minor > 0
    AND sessions.expires_at <= clock_timestamp() - make_interval(secs => %(grace_ms)s / 1000.0)
    AND (sessions.expires_at, sessions.session_id) > (%(after_time)s::TIMESTAMPTZ, %(after_id)s::UUID)
ORDER BY sessions.expires_at, sessions.session_id
LIMIT %(rows_max)s;
