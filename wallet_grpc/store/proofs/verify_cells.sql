-- What `wallet verify` asks of a cell where there are several; see verify.py.

-- The owners of a cell, the next so many after one: each is one look at an index, however much it has done. A posting
-- of credit wallets is its ledger's, and stands in the cell of the wallets.
-- name: cell_owners_chunk
WITH RECURSIVE known AS (
    (
        SELECT
            made.owner_id,
            1 AS number
        FROM ledger_transactions AS made
        WHERE made.owner_id > %(after)s::BIGINT
        ORDER BY made.owner_id
        LIMIT 1
    )
    UNION ALL
    SELECT
        further.owner_id,
        known.number + 1 AS number
    FROM known
    CROSS JOIN
        LATERAL (
            SELECT made.owner_id
            FROM ledger_transactions AS made
            WHERE made.owner_id > known.owner_id
            ORDER BY made.owner_id
            LIMIT 1
        ) AS further
    WHERE known.number < %(chunk)s::INTEGER
)

SELECT
    max(known.owner_id) AS upto,
    json_agg(
        json_build_array(
            'owners_are_in_their_cells',
            format('owner %%s', known.owner_id),
            format('its cell is %%s, and it has transactions in cell %%s', placed.cell, %(cell)s::INTEGER)
        )
    ) FILTER (
        WHERE placed.cell <> %(cell)s::INTEGER
        AND EXISTS (
            SELECT FROM ledger_transactions AS made
            WHERE made.owner_id = known.owner_id AND made.kind <> 'WALLET_POSTING'
        )
    ) AS problems
FROM known
CROSS JOIN LATERAL cell_of_owner(known.owner_id, %(cells)s::INTEGER) AS placed (cell);

-- Credit wallets have owners of their own.
-- name: cell_wallets
SELECT
    json_agg(
        json_build_array(
            'owners_are_in_their_cells',
            format('wallet %%s', credit_wallets.wallet_id),
            format('its cell is %%s, and it is in cell %%s', placed.cell, %(cell)s::INTEGER)
        )
    ) AS problems
FROM credit_wallets
CROSS JOIN LATERAL cell_of_owner(credit_wallets.owner_id, %(cells)s::INTEGER) AS placed (cell)
WHERE placed.cell <> %(cell)s::INTEGER;

-- A chunk of transactions: what they use is claimed for their owner.
-- name: claimed_transactions_chunk
SELECT
    json_agg(
        json_build_array(
            'claims_fit_their_transactions',
            format('transaction %%s', used.tx_id),
            'what it uses over all cells is not claimed for it'
        )
    ) AS problems
FROM ledger_transactions AS used
WHERE
    used.tx_id > %(after)s::UUID
    AND used.tx_id <= %(upto)s::UUID
    AND used.kind IN ('DEPOSIT', 'WITHDRAWAL_RESERVATION')
    AND NOT EXISTS (
        SELECT FROM claims
        WHERE
            claims.claim_hash = used.key_hash
            AND claims.owner_id = used.owner_id
            AND claims.tx_id = used.tx_id
    );

-- A chunk of the outputs that deposits have used: each is claimed for its owner.
-- name: claimed_outputs_chunk
WITH chunk AS MATERIALIZED (
    SELECT
        deposit_outputs.output_hash,
        deposit_outputs.owner_id,
        deposit_outputs.tx_id
    FROM deposit_outputs
    WHERE deposit_outputs.output_hash > %(after)s::UUID
    ORDER BY deposit_outputs.output_hash
    LIMIT %(chunk)s::INTEGER
)

SELECT
    (
        SELECT last_one.output_hash::TEXT
        FROM chunk AS last_one
        ORDER BY last_one.output_hash DESC
        LIMIT 1
    ) AS upto,
    json_agg(
        json_build_array(
            'claims_fit_their_transactions',
            format('transaction %%s', chunk.tx_id),
            'the output that it credits is not claimed for it over all cells'
        )
    ) FILTER (
        WHERE NOT EXISTS (
            SELECT FROM claims
            WHERE
                claims.claim_hash = chunk.output_hash
                AND claims.owner_id = chunk.owner_id
                AND claims.tx_id = chunk.tx_id
        )
    ) AS problems
FROM chunk;

-- A chunk of the claims of all cells, and of those of a cell's owners the ones whose transaction is not there.
-- name: claims_chunk
WITH chunk AS (
    SELECT
        claims.claim_hash,
        claims.owner_id,
        claims.tx_id
    FROM claims
    WHERE claims.claim_hash > %(after)s::UUID
    ORDER BY claims.claim_hash
    LIMIT %(chunk)s::INTEGER
)

SELECT
    (
        SELECT last_one.claim_hash::TEXT
        FROM chunk AS last_one
        ORDER BY last_one.claim_hash DESC
        LIMIT 1
    ) AS upto,
    json_agg(
        json_build_array(
            'claims_fit_their_transactions',
            format('claim %%s', chunk.claim_hash),
            format('its transaction %%s is not there', chunk.tx_id)
        )
    ) FILTER (
        WHERE
        cell_of_owner(chunk.owner_id, %(cells)s::INTEGER) = %(cell)s::INTEGER
        AND NOT EXISTS (
            SELECT FROM ledger_transactions AS made
            WHERE
                made.key_hash = chunk.claim_hash
                AND made.tx_id = chunk.tx_id
                AND made.owner_id = chunk.owner_id
                AND made.kind IN ('DEPOSIT', 'WITHDRAWAL_RESERVATION')
        )
        AND NOT EXISTS (
            SELECT FROM deposit_outputs
            WHERE deposit_outputs.output_hash = chunk.claim_hash AND deposit_outputs.tx_id = chunk.tx_id
        )
    ) AS problems
FROM chunk;
