-- How an installation is filled from another one; see transfer.py and copy.py.

-- name: mark
SELECT copy_progress.facts FROM public.copy_progress
WHERE copy_progress.step = %(step)s;

-- name: put_mark
INSERT INTO public.copy_progress (step, facts)
VALUES (%(step)s, %(facts)s::JSONB)
ON CONFLICT (step) DO UPDATE SET facts = excluded.facts;

-- name: installation
SELECT
    installation.environment,
    installation.installation_uuid::TEXT
FROM public.installation;

-- What was applied: as a cell has it, and beside the cells.
-- name: migrations
SELECT DISTINCT
    schema_migrations.version,
    schema_migrations.sha256,
    schema_migrations.schema_name <> 'public' AS of_cell
FROM public.schema_migrations;

-- name: tables
SELECT pg_class.relname
FROM pg_class
WHERE
    pg_class.relkind = 'r'
    AND (
        pg_class.relnamespace = 'cell_0'::REGNAMESPACE
        OR (
            pg_class.relnamespace = 'public'::REGNAMESPACE
            AND has_table_privilege('wallet_service', pg_class.oid, 'SELECT')
        )
    );

-- Whether anything was done here but setting it up.
-- name: is_used
SELECT
    EXISTS (SELECT FROM public.currency_networks)
    OR EXISTS (SELECT FROM public.api_keys)
    OR EXISTS (SELECT FROM public.inbox_events)
    OR EXISTS (SELECT FROM public.ledgers) AS is_used;

-- name: settled_until
SELECT day_marks.counted_until
FROM day_marks
WHERE day_marks.mark_id = 1;

-- name: days
SELECT
    day_marks.begins_at_hour,
    day_marks.counting_until,
    coalesce((SELECT min(days.begins_at) FROM days), day_marks.begins_at) AS begins_at
FROM day_marks
WHERE day_marks.mark_id = 1;

-- name: begin_days
UPDATE day_marks SET
    counted_until = %(begins_at)s::TIMESTAMPTZ,
    counting_until = greatest(day_marks.counting_until, %(begins_at)s::TIMESTAMPTZ),
    day = %(day)s::DATE,
    begins_at = %(begins_at)s::TIMESTAMPTZ,
    ends_at = %(ends_at)s::TIMESTAMPTZ,
    begins_at_hour = %(begins_at_hour)s::SMALLINT
WHERE day_marks.mark_id = 1 AND day_marks.day IS NULL;

-- No time that a cell gave out is later, where its clock went forward; one that was set back gives out the mark's.
-- name: given_out_until
SELECT greatest(clock_timestamp(), day_marks.counting_until) AS given_out_until
FROM day_marks
WHERE day_marks.mark_id = 1;

-- name: last_transaction
SELECT made.tx_id::TEXT
FROM ledger_transactions AS made
ORDER BY made.tx_id DESC
LIMIT 1;

-- No time is given out at the target that the source had counted, or was about to, or had given out.
-- name: count_from
UPDATE day_marks SET counting_until = greatest(day_marks.counting_until, %(counting_until)s::TIMESTAMPTZ)
WHERE day_marks.mark_id = 1;

-- name: first_entry
SELECT min(subledger_entries.created_at) FROM subledger_entries;

-- The last one from a time on: what is before it is not read again, which would take long while all wait.
-- name: last_entry
SELECT max(subledger_entries.created_at)
FROM subledger_entries
WHERE subledger_entries.created_at >= %(begins_at)s::TIMESTAMPTZ;

-- The transactions of ledgers' owners are numbered anew in their cell: postings have come to it from others. In three
-- statements, since on Citus one of them may not join what is staged with what a cell has.
-- name: staged_ledgers
SELECT DISTINCT staged_ledger_transactions.owner_id
FROM staged_ledger_transactions
WHERE staged_ledger_transactions.to_cell = %(cell)s::INTEGER AND staged_ledger_transactions.owner_id < 0;

-- name: last_versions
SELECT
    wanted.owner_id,
    known.owner_version
FROM unnest(%(owner_ids)s::BIGINT[]) AS wanted (owner_id)
CROSS JOIN LATERAL (
    SELECT ledger_transactions.owner_version
    FROM ledger_transactions
    WHERE ledger_transactions.owner_id = wanted.owner_id
    ORDER BY ledger_transactions.owner_version DESC
    LIMIT 1
) AS known;

-- name: number_ledgers
UPDATE staged_ledger_transactions SET owner_version = numbered.owner_version
FROM (
    SELECT
        made.tx_id,
        row_number() OVER (PARTITION BY made.owner_id ORDER BY made.tx_id) + coalesce(
            known.owner_version, 0
        ) AS owner_version
    FROM staged_ledger_transactions AS made
    LEFT JOIN
        unnest(%(owner_ids)s::BIGINT[], %(owner_versions)s::BIGINT[]) AS known (owner_id, owner_version)
        ON made.owner_id = known.owner_id
    WHERE made.to_cell = %(cell)s::INTEGER AND made.owner_id < 0
) AS numbered
WHERE
    staged_ledger_transactions.tx_id = numbered.tx_id
    AND staged_ledger_transactions.to_cell = %(cell)s::INTEGER;

-- What the houses gained, as lanes append it.
-- name: add_house_postings
INSERT INTO house_postings (account_id, amount_minor)
SELECT
    staged_ledger_entries.account_id,
    sum(staged_ledger_entries.amount_minor) AS amount_minor
FROM staged_ledger_entries
WHERE staged_ledger_entries.account_id < 0 AND staged_ledger_entries.to_cell = %(cell)s::INTEGER
GROUP BY staged_ledger_entries.account_id;

-- name: claim_transactions
INSERT INTO public.claims (claim_hash, owner_id, tx_id)
SELECT
    staged_ledger_transactions.key_hash,
    staged_ledger_transactions.owner_id,
    staged_ledger_transactions.tx_id
FROM staged_ledger_transactions
WHERE staged_ledger_transactions.kind IN ('DEPOSIT', 'WITHDRAWAL_RESERVATION');

-- Those that are staged; what was claimed in an earlier round comes again only if it was under way at its end.
-- name: claim_outputs
INSERT INTO public.claims (claim_hash, owner_id, tx_id)
SELECT
    staged_deposit_outputs.output_hash,
    staged_deposit_outputs.owner_id,
    staged_deposit_outputs.tx_id
FROM staged_deposit_outputs
ON CONFLICT (claim_hash) DO NOTHING;

-- name: oldest_under_way
SELECT (pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT & 4294967295) AS oldest;

-- name: networks_without_house
SELECT currency_networks.currency_network_id
FROM currency_networks
WHERE
    NOT EXISTS (
        SELECT FROM accounts
        WHERE
            accounts.currency_network_id = currency_networks.currency_network_id
            AND accounts.account_id < 0
    );

-- Events of an owner stay in their order, under numbers of the target's own.
-- name: add_outbox
INSERT INTO outbox_events (owner_id, sequence, tx_id, event_no, traceparent, parked_at, failure)
SELECT
    waiting.owner_id,
    waiting.sequence,
    waiting.tx_id,
    waiting.event_no,
    waiting.traceparent,
    waiting.parked_at,
    waiting.failure
FROM staged_outbox_events AS waiting
WHERE waiting.to_cell = %(cell)s::INTEGER
ORDER BY waiting.outbox_id;

-- name: queued_wallets
SELECT
    posting_queue.ledger_id::TEXT,
    posting_queue.queued_at,
    (
        SELECT json_agg(json_build_array(credit_wallets.wallet_id, credit_wallets.owner_id))
        FROM credit_wallets
        WHERE credit_wallets.wallet_id = any(posting_queue.wallet_ids)
    ) AS wallets
FROM posting_queue
ORDER BY posting_queue.queue_id;

-- name: add_queued
INSERT INTO posting_queue (ledger_id, wallet_ids, queued_at)
VALUES (%(ledger_id)s::UUID, %(wallet_ids)s::UUID[], %(queued_at)s);

-- name: go_on_with_inbox
SELECT
    setval(
        pg_get_serial_sequence('public.inbox_events', 'inbox_id'),
        coalesce((SELECT max(inbox_events.inbox_id) FROM public.inbox_events), 0) + 1,
        FALSE
    );

-- The last account of each node's range of ids: on Citus each node counts in its own, which have 48 bits. The
-- coordinator's sequence has no upper bound, so a range is told by where it begins.
-- name: last_accounts
SELECT max(accounts.account_id) AS account_id
FROM accounts
WHERE accounts.account_id > 0
GROUP BY (accounts.account_id - 1) >> 48;

-- name: go_on_with_accounts
SELECT setval(quote_ident(pg_sequences.schemaname) || '.accounts_account_id_seq', last_accounts.account_id)
FROM pg_sequences
INNER JOIN
    unnest(%(account_ids)s::BIGINT[]) AS last_accounts (account_id)
    ON (last_accounts.account_id - 1) >> 48 = (pg_sequences.min_value - 1) >> 48
WHERE pg_sequences.schemaname = %(schema)s::TEXT AND pg_sequences.sequencename = 'accounts_account_id_seq';

-- A cell may come to any node of Citus, and goes on there by the node's own sequence.
-- name: on_all_nodes
SELECT
    asked.success,
    asked.result
FROM run_command_on_all_nodes(%(command)s::TEXT) AS asked;

-- name: last_freeze
SELECT (array_agg(operator_actions.action_id ORDER BY operator_actions.action_id DESC))[1]::TEXT AS action_id
FROM public.operator_actions
WHERE operator_actions.kind = 'FREEZE';

-- The target is the installation from now on: the broker, say, knows it by its id.
-- name: become
UPDATE public.installation SET installation_uuid = %(installation_uuid)s::UUID;
