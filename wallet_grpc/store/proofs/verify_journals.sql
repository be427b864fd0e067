-- What `wallet verify` asks alike of the journals of sessions and of credit wallets; see verify_histories.py.

-- Where a chunk ends that would have more entries than one statement reads: in the middle of a journal.
-- name: journals_chunk_cut
SELECT
    entries.subledger_id::TEXT,
    entries.entry_no
FROM subledger_entries AS entries
WHERE
    (entries.subledger_id, entries.entry_no) > (%(after)s::UUID, %(after_no)s::BIGINT)
    AND entries.subledger_id <= %(upto)s::UUID
    AND entries.entry_no > 0
ORDER BY entries.subledger_id, entries.entry_no
LIMIT 1 OFFSET %(rows_max)s::INTEGER - 1;
