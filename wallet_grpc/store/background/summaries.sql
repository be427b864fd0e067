-- Summaries of ranges of pages. See summaries.py.

-- name: summarize
SELECT
    coalesce(  -- an index that is not there: on Citus the cell is leaving this node
        summarize_ranges(to_regclass(%(index_name)s::TEXT), %(since_page)s::BIGINT), %(since_page)s::BIGINT
    ) AS next_page;
