-- On Citus: keeps a cell from being moved as hold_cell does, for who stores while another session of its own holds the
-- cell: what it writes may not end after that session has gone and the cell has left. Where a move waits already, to
-- wait behind it would be to wait for oneself. On plain PostgreSQL nobody calls it. See
-- wallet_grpc/store/connection/placement.py.
CREATE FUNCTION hold_cell_as_well(shard_id BIGINT) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '10ms' AS $$
BEGIN
    PERFORM lock_shard_metadata(5, ARRAY[shard_id]);
EXCEPTION WHEN lock_not_available THEN
    PERFORM public.raise_lost_race('the cell is about to be moved');
END
$$;

REVOKE EXECUTE ON FUNCTION hold_cell_as_well FROM public;
GRANT EXECUTE ON FUNCTION hold_cell_as_well TO wallet_service;
