-- A posting of credit wallets stands in the cell of its wallets, and balances there. Where these come to several cells,
-- it becomes a posting in each: with the entries of the cell's wallets, and what HOUSE:WALLETS gained or lost by them.
-- The first of these cells keeps its tx_id; the others have one of the same time, which follows from it, from the copy
-- and from the cell: the same copy makes the same ids, and a later one, which splits the first cell's part again, makes
-- none that is there already. All this is done to what is staged of a slice.

-- name: parts
CREATE TEMPORARY TABLE posting_parts ON COMMIT DROP AS
SELECT
    part.tx_id,
    part.to_cell,
    CASE
        WHEN part.to_cell = min(part.to_cell) OVER (PARTITION BY part.tx_id) THEN part.tx_id
        ELSE (
            left(part.tx_id::TEXT, 19) || '8' || substr(part.digits, 1, 3) || '-' || substr(part.digits, 4, 9)
            || lpad(to_hex(((('x' || substr(part.digits, 13, 1))::BIT(4)::INTEGER & 3) << 10) | part.to_cell), 3, '0')
        )::UUID
    END AS part_id
FROM (
    SELECT DISTINCT
        staged_wallet_postings.tx_id,
        staged_wallet_postings.to_cell,
        md5(concat_ws(' ', staged_wallet_postings.tx_id, %(copy_id)s::TEXT, staged_wallet_postings.to_cell)) AS digits
    FROM staged_wallet_postings
) AS part;

-- name: move_ranges
UPDATE staged_wallet_postings SET tx_id = posting_parts.part_id
FROM posting_parts
WHERE
    staged_wallet_postings.tx_id = posting_parts.tx_id
    AND staged_wallet_postings.to_cell = posting_parts.to_cell;

-- The house's legs are left behind: each part has its own.
-- name: remove_house_legs
DELETE FROM staged_ledger_entries
WHERE staged_ledger_entries.to_cell IS NULL;

-- name: move_legs
UPDATE staged_ledger_entries SET tx_id = placed.part_id, entry_no = placed.entry_no
FROM (
    SELECT
        leg.tx_id,
        leg.entry_no AS old_no,
        posting_parts.part_id,
        row_number() OVER (PARTITION BY posting_parts.part_id ORDER BY leg.entry_no) AS entry_no
    FROM staged_ledger_entries AS leg
    INNER JOIN posting_parts ON leg.tx_id = posting_parts.tx_id AND leg.to_cell = posting_parts.to_cell
) AS placed
WHERE staged_ledger_entries.tx_id = placed.tx_id AND staged_ledger_entries.entry_no = placed.old_no;

-- As the poster cuts it (store/background/wallet_postings.sql).
-- name: add_house_legs
INSERT INTO staged_ledger_entries (
    tx_id, owner_id, account_id, currency_network_id, entry_no, amount_minor, to_cell
)
SELECT
    gained.part_id,
    gained.owner_id,
    -(4 * gained.currency_network_id + 3),
    gained.currency_network_id,
    gained.legs + 1 + piece.number,
    -sign(gained.amount_minor)
    * least(abs(gained.amount_minor) - piece.number * %(entry_max)s::NUMERIC, %(entry_max)s::NUMERIC),
    gained.to_cell
FROM (
    SELECT
        posting_parts.part_id,
        posting_parts.to_cell,
        leg.owner_id,
        leg.currency_network_id,
        count(*) AS legs,
        sum(leg.amount_minor) AS amount_minor
    FROM staged_ledger_entries AS leg
    INNER JOIN posting_parts ON leg.tx_id = posting_parts.part_id AND leg.to_cell = posting_parts.to_cell
    GROUP BY posting_parts.part_id, posting_parts.to_cell, leg.owner_id, leg.currency_network_id
) AS gained
CROSS JOIN
    LATERAL generate_series(0, div(abs(gained.amount_minor), %(entry_max)s::NUMERIC)::INTEGER) AS piece (number)
WHERE abs(gained.amount_minor) > piece.number * %(entry_max)s::NUMERIC;

-- name: add_parts
INSERT INTO staged_ledger_transactions (
    tx_id, owner_id, owner_version, created_at, key_hash, entry_count, closes_round, currency_network_id,
    reference_tx_id, source, reference, kind, status, amount_minor, to_cell
)
SELECT
    posting_parts.part_id,
    whole.owner_id,
    whole.owner_version,
    whole.created_at,
    CASE
        WHEN posting_parts.part_id = whole.tx_id THEN whole.key_hash
        ELSE left(
            encode(
                sha256(convert_to(%(namespace)s || E'\x1f' || posting_parts.part_id::TEXT, 'UTF8')), 'hex'
            ),
            32
        )::UUID
    END,
    (
        SELECT count(*) FROM staged_ledger_entries AS leg
        WHERE leg.tx_id = posting_parts.part_id AND leg.to_cell = posting_parts.to_cell
    ),
    whole.closes_round,
    whole.currency_network_id,
    whole.reference_tx_id,
    whole.source,
    posting_parts.part_id::TEXT,
    whole.kind,
    whole.status,
    whole.amount_minor,
    posting_parts.to_cell
FROM staged_ledger_transactions AS whole
INNER JOIN posting_parts ON whole.tx_id = posting_parts.tx_id
WHERE whole.to_cell IS NULL;

-- name: remove_wholes
DELETE FROM staged_ledger_transactions
WHERE staged_ledger_transactions.to_cell IS NULL;
