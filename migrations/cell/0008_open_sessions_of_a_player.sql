-- wallet: no transaction
-- Open sessions of a player in the order in which they were opened: a list of them goes on from where a page ended,
-- however many a player has. Lanes sum up what a player has locked through it as well, so the narrower index is not
-- needed any more; servers from before look up the same by it.
CREATE INDEX CONCURRENTLY sessions_open_player_idx ON sessions (owner_id, session_id) WHERE state = 'OPEN';
DROP INDEX CONCURRENTLY IF EXISTS sessions_open_owner_idx;
