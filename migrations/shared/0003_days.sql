-- What the figures of closed days are kept by; see cell/0005_days.sql.

-- A day's rows come into being in the transaction that closes it: they carry its time, which no later one has.
CREATE FUNCTION check_day_is_closing() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF new.closed_at <> transaction_timestamp() THEN
        RAISE EXCEPTION 'business day % is closed: nothing is added to %', new.day, tg_table_name
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN new;
END
$$;
