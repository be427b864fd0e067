-- Summarizes the ranges of pages that a BRIN index does not know yet, from a page on, and gives where to go on the next
-- time. What is not summarized is read whole by every search: a minute of bets would be, since PostgreSQL's own
-- workers look at a database once a minute. The newest ranges are left out: a row that comes into a summarized one is
-- written into its summary. Where somebody else works at the table (VACUUM, which summarizes as well), or it belongs to
-- another role than this function, nothing is done. On Citus the tables that are named here are empty.
CREATE FUNCTION summarize_ranges(index_name REGCLASS, since_page BIGINT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '10ms' AS $$
DECLARE
    range_pages BIGINT;
    full_pages BIGINT;
    next_page BIGINT;
BEGIN
    SELECT
        coalesce(
            (
                SELECT given.option_value FROM pg_options_to_table(indexes.reloptions) AS given
                WHERE given.option_name = 'pages_per_range'
            ),
            '128'
        )::BIGINT,
        pg_relation_size(pg_index.indrelid) / current_setting('block_size')::BIGINT
    INTO range_pages, full_pages
    FROM pg_index
    INNER JOIN pg_class AS indexes ON pg_index.indexrelid = indexes.oid
    WHERE pg_index.indexrelid = index_name;
    full_pages := greatest(0, full_pages / range_pages - 1) * range_pages;
    -- Of a table that grew before anybody looked, the newest 160 MB: VACUUM has summarized what is older.
    next_page := greatest(since_page, full_pages - 20480) / range_pages * range_pages;
    WHILE next_page < full_pages LOOP
        PERFORM brin_summarize_range(index_name, next_page);
        next_page := next_page + range_pages;
    END LOOP;
    RETURN next_page;
EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
    RETURN since_page;
END
$$;

REVOKE EXECUTE ON FUNCTION summarize_ranges FROM public;
GRANT EXECUTE ON FUNCTION summarize_ranges TO wallet_service;
