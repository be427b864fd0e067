-- An installation that is left for another one is frozen first: nothing is written to it any more, and all of it can
-- still be read. `wallet freeze` puts a trigger on every table that calls this, and takes them away again. So whoever
-- writes is refused by the statement that would have stored, and who does not pays nothing for it. See
-- wallet_grpc/store/operator/freeze.py.
CREATE FUNCTION refuse_while_frozen() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the installation is frozen: nothing is written to %', tg_table_name
        USING ERRCODE = 'WL002', HINT = '`wallet freeze --lift` ends it';
END
$$;

-- How far `wallet copy` has filled this installation from another one; empty in one that was not filled so. A step's
-- row changes in the transaction that has done it. See wallet_grpc/store/copying/.
CREATE TABLE copy_progress (
    step TEXT PRIMARY KEY,
    facts JSONB NOT NULL
);

GRANT SELECT ON copy_progress TO wallet_service, wallet_backoffice;
