-- What a credit wallet has stands in its last entry, as what an open session has left does: a write is one inserted
-- row, where it also rewrote the wallet's row. What is reserved of a balance comes into the journal with it.
-- The wallet's own row is what never changes of it. See docs/decisions/0031-a-wallets-state-is-its-last-entry.md.
--
-- A server from before this migration cannot write to credit wallets any more: end it first.

ALTER TABLE subledger_entries ADD COLUMN held_minor NUMERIC(60, 0);
ALTER TABLE subledger_entries ADD COLUMN held_as_of TIMESTAMPTZ;

COMMENT ON COLUMN subledger_entries.held_minor IS
'what a wallet''s reservations hold, those that did not end and expire after held_as_of; NULL before the first';
COMMENT ON COLUMN subledger_entries.held_as_of IS
'up to when held_minor leaves out what has expired: whoever reads it subtracts what has since';

-- The last entry of a wallet that has reserved tells it; the others' balances are there.
DROP TRIGGER subledger_entries_append_only ON subledger_entries;

UPDATE subledger_entries SET held_minor = credit_wallets.held_minor, held_as_of = credit_wallets.held_as_of
FROM credit_wallets
WHERE
    subledger_entries.subledger_id = credit_wallets.wallet_id
    AND subledger_entries.entry_no = credit_wallets.entry_count
    AND subledger_entries.entry_no > 0
    AND EXISTS (
        SELECT FROM reservations
        WHERE reservations.wallet_id = credit_wallets.wallet_id AND reservations.ttl_s > 0
    );

CREATE TRIGGER subledger_entries_append_only BEFORE UPDATE OR DELETE ON subledger_entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE subledger_entries ADD CONSTRAINT subledger_entries_held_check CHECK (
    (held_minor IS NULL) = (held_as_of IS NULL) AND held_minor >= 0 AND held_minor <= balance_after_minor
);

ALTER TABLE credit_wallets
DROP COLUMN balance_minor,
DROP COLUMN held_minor,
DROP COLUMN held_as_of,
DROP COLUMN version,
DROP COLUMN entry_count;

DROP TRIGGER credit_wallets_keep ON credit_wallets;
CREATE TRIGGER credit_wallets_append_only BEFORE UPDATE OR DELETE ON credit_wallets
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE ON credit_wallets FROM wallet_service;

-- What has expired of a wallet since its last entry, whether or not a sweeper has passed.
DROP INDEX reservations_open_wallet_idx;
CREATE INDEX reservations_unended_wallet_idx ON reservations (wallet_id, expires_at) INCLUDE (amount_minor)
WHERE state IN ('OPEN', 'EXPIRED');
