-- Business days: what the ledger and the sessions came to, by day. A worker counts one slice of time after the other
-- into the open day, and closes the day when nothing can come to it any more (wallet_grpc/store/background/days.py).
-- What a mutation writes knows nothing of it.

-- How far the worker is. Whoever takes a time for a batch takes none before counting_until, and whoever stores is
-- refused with one: so no row comes to a slice that is counted, also where the clock was set back.
CREATE TABLE day_marks (
    mark_id SMALLINT PRIMARY KEY DEFAULT 1,
    counting_until TIMESTAMPTZ NOT NULL DEFAULT 'epoch',
    counted_until TIMESTAMPTZ,
    day DATE,
    begins_at TIMESTAMPTZ,
    ends_at TIMESTAMPTZ,
    begins_at_hour SMALLINT,
    CONSTRAINT day_marks_one_row_check CHECK (mark_id = 1),
    CONSTRAINT day_marks_begun_check CHECK (
        num_nulls(counted_until, day, begins_at, ends_at, begins_at_hour) IN (0, 5)
    ),
    CONSTRAINT day_marks_hour_check CHECK (begins_at_hour BETWEEN 0 AND 23),
    CONSTRAINT day_marks_order_check CHECK (
        begins_at <= counted_until AND counted_until < ends_at AND counted_until <= counting_until
    )
) WITH (fillfactor = 50);

COMMENT ON COLUMN day_marks.counting_until IS 'no row of a time before this can be stored any more';
COMMENT ON COLUMN day_marks.counted_until IS 'all rows of a time before this are in the figures; whole milliseconds';
COMMENT ON COLUMN day_marks.day IS 'the open day; null before anything was counted';
COMMENT ON COLUMN day_marks.begins_at_hour IS 'when days begin, UTC: fixed with the first one';

INSERT INTO day_marks (mark_id) VALUES (1);

-- The open day as far as it is counted: what was done, and what that moved.
CREATE TABLE open_day_totals (
    currency_network_id INTEGER NOT NULL,
    source TEXT NOT NULL,
    game_code TEXT NOT NULL,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    variant TEXT NOT NULL,
    transactions BIGINT NOT NULL,
    amount_minor NUMERIC(80, 0) NOT NULL,
    win_minor NUMERIC(80, 0) NOT NULL,
    fee_minor NUMERIC(80, 0) NOT NULL,
    CONSTRAINT open_day_totals_pkey PRIMARY KEY (currency_network_id, source, game_code, place, kind, variant)
) WITH (fillfactor = 50);

CREATE TABLE open_day_movements (
    currency_network_id INTEGER NOT NULL,
    account_type TEXT NOT NULL,
    kind TEXT NOT NULL,
    entries BIGINT NOT NULL,
    debits_minor NUMERIC(80, 0) NOT NULL,
    credits_minor NUMERIC(80, 0) NOT NULL,
    CONSTRAINT open_day_movements_pkey PRIMARY KEY (currency_network_id, account_type, kind)
) WITH (fillfactor = 50);

-- Closed days, one after the other without a gap. closed_at stands in each row of a day, and is the same in all.
CREATE TABLE days (
    day DATE PRIMARY KEY,
    begins_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT days_closing_key UNIQUE (day, closed_at),
    CONSTRAINT days_order_check CHECK (begins_at < ends_at)
);

CREATE INDEX days_ends_idx ON days (ends_at);

CREATE TABLE day_totals (
    day DATE NOT NULL,
    closed_at TIMESTAMPTZ NOT NULL,
    currency_network_id INTEGER NOT NULL,
    source TEXT NOT NULL,
    game_code TEXT NOT NULL,
    place TEXT NOT NULL,
    kind TEXT NOT NULL,
    variant TEXT NOT NULL,
    transactions BIGINT NOT NULL,
    amount_minor NUMERIC(80, 0) NOT NULL,
    win_minor NUMERIC(80, 0) NOT NULL,
    fee_minor NUMERIC(80, 0) NOT NULL,
    CONSTRAINT day_totals_pkey PRIMARY KEY (day, currency_network_id, source, game_code, place, kind, variant),
    CONSTRAINT day_totals_day_fkey FOREIGN KEY (day, closed_at) REFERENCES days (day, closed_at),
    CONSTRAINT day_totals_place_check CHECK (place IN ('LEDGER', 'SESSION'))
);

COMMENT ON COLUMN day_totals.place IS 'LEDGER: transactions of the general ledger; SESSION: play inside sessions';
COMMENT ON COLUMN day_totals.kind IS 'as of the transactions; a rollback has the kind that it undid before it';
COMMENT ON COLUMN day_totals.variant IS 'which of its kind: a win''s kind, an adjustment''s direction; or empty';
COMMENT ON COLUMN day_totals.win_minor IS 'of bets-and-wins their wins; of settlements of sessions the payouts';

CREATE TABLE day_movements (
    day DATE NOT NULL,
    closed_at TIMESTAMPTZ NOT NULL,
    currency_network_id INTEGER NOT NULL,
    account_type TEXT NOT NULL,
    kind TEXT NOT NULL,
    entries BIGINT NOT NULL,
    debits_minor NUMERIC(80, 0) NOT NULL,
    credits_minor NUMERIC(80, 0) NOT NULL,
    CONSTRAINT day_movements_pkey PRIMARY KEY (day, currency_network_id, account_type, kind),
    CONSTRAINT day_movements_day_fkey FOREIGN KEY (day, closed_at) REFERENCES days (day, closed_at)
);

COMMENT ON COLUMN day_movements.account_type IS
'as of accounts; SESSION_PLAY: what play in sessions under way has won for players, posted when they are settled';

-- What all accounts of a type had been debited and credited at a day's end, since the first day.
CREATE TABLE day_balances (
    day DATE NOT NULL,
    closed_at TIMESTAMPTZ NOT NULL,
    currency_network_id INTEGER NOT NULL,
    account_type TEXT NOT NULL,
    debits_minor NUMERIC(80, 0) NOT NULL,
    credits_minor NUMERIC(80, 0) NOT NULL,
    CONSTRAINT day_balances_pkey PRIMARY KEY (day, currency_network_id, account_type),
    CONSTRAINT day_balances_day_fkey FOREIGN KEY (day, closed_at) REFERENCES days (day, closed_at)
);

-- Kept by the database itself ---------------------------------------------------------------------------------------

CREATE TRIGGER days_append_only BEFORE UPDATE OR DELETE ON days
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER days_no_truncate BEFORE TRUNCATE ON days
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER days_closing BEFORE INSERT ON days
FOR EACH ROW EXECUTE FUNCTION check_day_is_closing();
CREATE TRIGGER day_totals_append_only BEFORE UPDATE OR DELETE ON day_totals
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_totals_no_truncate BEFORE TRUNCATE ON day_totals
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_totals_closing BEFORE INSERT ON day_totals
FOR EACH ROW EXECUTE FUNCTION check_day_is_closing();
CREATE TRIGGER day_movements_append_only BEFORE UPDATE OR DELETE ON day_movements
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_movements_no_truncate BEFORE TRUNCATE ON day_movements
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_movements_closing BEFORE INSERT ON day_movements
FOR EACH ROW EXECUTE FUNCTION check_day_is_closing();
CREATE TRIGGER day_balances_append_only BEFORE UPDATE OR DELETE ON day_balances
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_balances_no_truncate BEFORE TRUNCATE ON day_balances
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER day_balances_closing BEFORE INSERT ON day_balances
FOR EACH ROW EXECUTE FUNCTION check_day_is_closing();

-- Rights ------------------------------------------------------------------------------------------------------------

GRANT SELECT, UPDATE ON day_marks TO wallet_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON open_day_totals, open_day_movements TO wallet_service;
GRANT SELECT, INSERT ON days, day_totals, day_movements, day_balances TO wallet_service;
