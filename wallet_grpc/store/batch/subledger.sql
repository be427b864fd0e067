-- Journals, as a lane stores them; see subledger.py, and accounts.sql on the form.

-- name: step_subledger_entries
INSERT INTO subledger_entries (
    subledger_id, entry_no, owner_id, kind, status, transaction_id, key_hash, amount_minor, change_minor,
    balance_after_minor, open_rounds, round_id, round_hash, closes_round, reference_transaction_id, reference_key,
    reverses_key, variant, late, tx_id, metadata, source, held_minor, held_as_of, created_at
)
SELECT
    unnest(%(subledger_entries__subledger_id)s::UUID[]) AS subledger_id,
    unnest(%(subledger_entries__entry_no)s::BIGINT[]) AS entry_no,
    unnest(%(subledger_entries__owner_id)s::BIGINT[]) AS owner_id,
    unnest(%(subledger_entries__kind)s::TEXT[]) AS kind,
    unnest(%(subledger_entries__status)s::TEXT[]) AS status,
    unnest(string_to_array(%(subledger_entries__transaction_id)s, E'\x1f')) AS transaction_id,
    unnest(%(subledger_entries__key_hash)s::UUID[]) AS key_hash,
    unnest(%(subledger_entries__amount_minor)s::NUMERIC[]) AS amount_minor,
    unnest(%(subledger_entries__change_minor)s::NUMERIC[]) AS change_minor,
    unnest(%(subledger_entries__balance_after_minor)s::NUMERIC[]) AS balance_after_minor,
    unnest(%(subledger_entries__open_rounds)s::BIGINT[]) AS open_rounds,
    unnest(string_to_array(%(subledger_entries__round_id)s, E'\x1f', '')) AS round_id,
    unnest(%(subledger_entries__round_hash)s::UUID[]) AS round_hash,
    unnest(%(subledger_entries__closes_round)s::BOOLEAN[]) AS closes_round,
    unnest(string_to_array(%(subledger_entries__reference_transaction_id)s, E'\x1f', '')) AS reference_transaction_id,
    unnest(%(subledger_entries__reference_key)s::UUID[]) AS reference_key,
    unnest(%(subledger_entries__reverses_key)s::UUID[]) AS reverses_key,
    unnest(%(subledger_entries__variant)s::TEXT[]) AS variant,
    unnest(%(subledger_entries__late)s::BOOLEAN[]) AS late,
    unnest(%(subledger_entries__tx_id)s::UUID[]) AS tx_id,
    unnest(string_to_array(%(subledger_entries__metadata)s, E'\x1f', '')::JSONB[]) AS metadata,
    unnest(string_to_array(%(subledger_entries__source)s, E'\x1f', '')) AS source,
    unnest(%(subledger_entries__held_minor)s::NUMERIC[]) AS held_minor,
    unnest(%(subledger_entries__held_as_of)s::TIMESTAMPTZ[]) AS held_as_of,
    %(now)s::TIMESTAMPTZ AS created_at;
