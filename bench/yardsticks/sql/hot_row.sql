-- The textbook wallet, as a yardstick: one function call a bet, which locks and updates the player's and the house's
-- balance row and inserts the transaction and its two entries. Every bet waits for the house's row.
CREATE TABLE hot_balances (
    account_id BIGINT PRIMARY KEY,
    balance_minor NUMERIC(60, 0) NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE hot_transactions (
    tx_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    player_id BIGINT NOT NULL,
    amount_minor NUMERIC(38, 0) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE hot_entries (
    entry_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tx_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL,
    amount_minor NUMERIC(38, 0) NOT NULL,
    balance_after NUMERIC(60, 0) NOT NULL
);

CREATE FUNCTION place_hot_bet(player BIGINT, stake NUMERIC) RETURNS NUMERIC LANGUAGE plpgsql AS $$
DECLARE
    player_balance NUMERIC;
    house_balance NUMERIC;
    bet BIGINT;
BEGIN
    SELECT balance_minor INTO player_balance FROM hot_balances WHERE account_id = player FOR UPDATE;
    IF player_balance < stake THEN
        RAISE EXCEPTION 'insufficient funds';
    END IF;
    SELECT balance_minor INTO house_balance FROM hot_balances WHERE account_id = 0 FOR UPDATE;
    UPDATE hot_balances SET balance_minor = balance_minor - stake WHERE account_id = player;
    UPDATE hot_balances SET balance_minor = balance_minor + stake WHERE account_id = 0;
    INSERT INTO hot_transactions (player_id, amount_minor) VALUES (player, stake) RETURNING tx_id INTO bet;
    INSERT INTO hot_entries (tx_id, account_id, amount_minor, balance_after)
    VALUES (bet, player, -stake, player_balance - stake), (bet, 0, stake, house_balance + stake);
    RETURN player_balance - stake;
END
$$;
