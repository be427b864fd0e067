-- Summaries of ranges of pages. See summaries.py.

-- name: summarize
SELECT summarize_ranges(to_regclass(%(index_name)s::TEXT), %(since_page)s::BIGINT) AS next_page;
