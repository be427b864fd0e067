-- Accounts of pgledger's for the benchmark: a player has funds and cannot fall below zero, the house can. Ids are given here
-- and not made, so that a bet need not look up whose account it is.
CREATE FUNCTION open_accounts(players INTEGER, funds NUMERIC) RETURNS VOID LANGUAGE sql AS $$
INSERT INTO pgledger_accounts
    (id, name, currency, balance, allow_negative_balance, allow_positive_balance, created_at, updated_at)
SELECT 'player_' || number, 'player', 'USDT', funds, FALSE, TRUE, now(), now()
FROM generate_series(1, players) AS number
UNION ALL
SELECT 'house', 'house', 'USDT', -funds * players, TRUE, TRUE, now(), now()
$$;
