-- Who did what: the trail of operators' actions, and adjustments that one person proposes and another decides.

-- A person has a key of their own, or logs in where a key speaks for them. Without a name the key's source stands for
-- it.
ALTER TABLE api_keys ADD COLUMN operator TEXT;
ALTER TABLE api_keys ADD COLUMN speaks_for_logins BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_operator_check CHECK (operator IS NULL OR NOT speaks_for_logins);

COMMENT ON COLUMN api_keys.operator IS 'the person whose key it is, in small letters; null: called as its source';
COMMENT ON COLUMN api_keys.speaks_for_logins IS 'its calls name the person who is logged in where they come from';

-- One row for each act of an operator, written by the transaction that does it. Acts that are transactions of the
-- ledger have their tx_id; ids of others are made as those are, so that all sort by their time.
CREATE TABLE operator_actions (
    action_id UUID PRIMARY KEY,
    acted_at TIMESTAMPTZ NOT NULL,
    kind TEXT NOT NULL,
    channel TEXT NOT NULL,
    operator TEXT NOT NULL,
    subject TEXT NOT NULL,
    player_id BIGINT,
    key_id TEXT,
    actor TEXT,
    reason TEXT,
    result_id UUID,
    request_id TEXT,
    facts_before JSONB,
    facts_after JSONB,
    CONSTRAINT operator_actions_channel_check CHECK (channel IN ('CALL', 'CONSOLE', 'COMMAND'))
);

COMMENT ON COLUMN operator_actions.operator IS
'who did it, as their key, their login or, of a command, the database knows them; nothing that a caller writes freely';
COMMENT ON COLUMN operator_actions.actor IS 'who did it as the caller tells; of a command the user of the machine';
COMMENT ON COLUMN operator_actions.subject IS 'what it was done to: its kind and its id, such as `player 42`';
COMMENT ON COLUMN operator_actions.result_id IS 'the transaction or the proposal that came of it';
COMMENT ON COLUMN operator_actions.facts_before IS 'what was changed, as it was before';

CREATE INDEX operator_actions_operator_idx ON operator_actions (operator, action_id);
CREATE INDEX operator_actions_actor_idx ON operator_actions (actor, action_id) WHERE actor IS NOT NULL;
CREATE INDEX operator_actions_kind_idx ON operator_actions (kind, action_id);
CREATE INDEX operator_actions_player_idx ON operator_actions (player_id, action_id) WHERE player_id IS NOT NULL;

-- An adjustment that somebody proposes. It is applied under its source and transaction_id, once.
CREATE TABLE adjustment_proposals (
    proposal_id UUID PRIMARY KEY,
    proposed_at TIMESTAMPTZ NOT NULL,
    key_hash UUID NOT NULL,
    player_id BIGINT NOT NULL,
    currency_network_id INTEGER NOT NULL REFERENCES currency_networks (currency_network_id),
    amount_minor NUMERIC(38, 0) NOT NULL,
    direction TEXT NOT NULL,
    source TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    operator TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    metadata JSONB,
    CONSTRAINT adjustment_proposals_key_hash_key UNIQUE (key_hash),
    CONSTRAINT adjustment_proposals_player_check CHECK (player_id > 0),
    CONSTRAINT adjustment_proposals_amount_check CHECK (amount_minor > 0),
    CONSTRAINT adjustment_proposals_direction_check CHECK (direction IN ('CREDIT', 'DEBIT'))
);

COMMENT ON COLUMN adjustment_proposals.key_hash IS 'of source and transaction_id, as in ledger_transactions';

CREATE INDEX adjustment_proposals_player_idx ON adjustment_proposals (player_id, proposal_id);

-- What somebody decided about a proposal: once. An approval is written by the statement that applies the adjustment.
CREATE TABLE adjustment_decisions (
    proposal_id UUID PRIMARY KEY,
    decided_at TIMESTAMPTZ NOT NULL,
    verdict TEXT NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    tx_id UUID,
    CONSTRAINT adjustment_decisions_verdict_check CHECK (verdict IN ('APPROVED', 'REFUSED')),
    CONSTRAINT adjustment_decisions_tx_check CHECK ((verdict = 'APPROVED') = (tx_id IS NOT NULL))
);

COMMENT ON COLUMN adjustment_decisions.tx_id IS 'the adjustment that an approval applied';

-- Kept by the database itself ---------------------------------------------------------------------------------------

CREATE TRIGGER operator_actions_append_only BEFORE UPDATE OR DELETE ON operator_actions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operator_actions_no_truncate BEFORE TRUNCATE ON operator_actions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER adjustment_proposals_append_only BEFORE UPDATE OR DELETE ON adjustment_proposals
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER adjustment_proposals_no_truncate BEFORE TRUNCATE ON adjustment_proposals
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER adjustment_decisions_append_only BEFORE UPDATE OR DELETE ON adjustment_decisions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER adjustment_decisions_no_truncate BEFORE TRUNCATE ON adjustment_decisions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Rights ------------------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT ON operator_actions, adjustment_proposals, adjustment_decisions TO wallet_service;
