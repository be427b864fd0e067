-- What operators have done and what waits for them: keys and rails of a hundred callers, proposals and decisions, the
-- trail, events that are parked, proofs.
SET session_replication_role = replica;

INSERT INTO api_keys (key_id, key_hash, source, roles, created_at, revoked_at)
SELECT
    'filled-' || number,
    sha256(number::TEXT::BYTEA),
    'studio-' || number % 100,
    ARRAY['game'],
    now() - INTERVAL '30 days',
    CASE WHEN number >= 100 THEN now() - INTERVAL '10 days' END
FROM generate_series(0, 199) AS number;
INSERT INTO settlement_rails (source, currency_network_id, rail)
SELECT
    'studio-' || number,
    1,
    'ledger'
FROM generate_series(0, 99) AS number;

INSERT INTO adjustment_proposals (
    proposal_id, proposed_at, key_hash, player_id, currency_network_id, amount_minor, direction, source, transaction_id,
    operator, actor, reason
)
SELECT
    fill.tx_id(:transactions * number / :proposals),
    fill.moment(:transactions * number / :proposals),
    fill.key('source|backoffice|proposal-' || number),
    1 + number % :players,
    1,
    1000 + number,
    'CREDIT',
    'backoffice',
    'proposal-' || number,
    'operator-' || number % 20,
    'operator-' || number % 20,
    'ticket ' || number
FROM generate_series(1::BIGINT, :proposals) AS number;
INSERT INTO adjustment_decisions (proposal_id, decided_at, verdict, operator, reason, tx_id)
SELECT
    proposal_id,
    proposed_at + INTERVAL '1 hour',
    CASE WHEN amount_minor % 3 = 0 THEN 'REFUSED' ELSE 'APPROVED' END,
    'operator-21',
    'seen',
    CASE WHEN amount_minor % 3 > 0 THEN proposal_id END
FROM adjustment_proposals
WHERE amount_minor % 20 > 0;

INSERT INTO operator_actions (
    action_id, acted_at, kind, channel, operator, subject, player_id, key_id, actor, reason, result_id, facts_before,
    facts_after
)
SELECT
    fill.tx_id(:transactions * number / :actions),
    fill.moment(:transactions * number / :actions),
    (ARRAY['ADJUSTMENT', 'PLAYER_STATE', 'PROPOSAL', 'APPROVAL'])[1 + number % 4],
    'CONSOLE',
    'operator-' || number % 20,
    'player ' || 1 + number % :players,
    1 + number % :players,
    'filled-1',
    'operator-' || number % 20,
    'ticket ' || number,
    fill.tx_id(:transactions * number / :actions),
    jsonb_build_object('state', 'ACTIVE'),
    jsonb_build_object('state', 'ACTIVE', 'number', number)
FROM generate_series(1::BIGINT, :actions) AS number;

INSERT INTO inbox_events (
    key_hash, source, event_id, event_type, body_hash, body, state, reason, detail, attempts, due_at, received_at,
    changed_at
)
SELECT
    fill.key('event|' || number),
    'payments',
    'event-' || number,
    'payments.deposit.settled.v1',
    fill.key('body|' || number),
    json_build_object(
        'depositId', 'late-' || number, 'playerId', (1 + number % :players)::TEXT, 'currencyNetworkId', 1,
        'amountMinor', '1000', 'txHash', md5('c' || number), 'outputIndex', 0
    ),
    CASE WHEN number % 4 = 0 THEN 'WAITING' ELSE 'PARKED' END,
    'UNKNOWN_CURRENCY_NETWORK',
    'there is no such currency network',
    3,
    CASE WHEN number % 4 = 0 THEN now() + INTERVAL '1 day' END,
    now() - INTERVAL '1 hour',
    now() - INTERVAL '1 hour'
FROM generate_series(1, :events) AS number;
INSERT INTO outbox_events (owner_id, sequence, tx_id, event_no, parked_at, failure)
SELECT
    numbered.owner_id,
    numbered.version,
    fill.tx_id(numbered.number),
    1,
    now() - INTERVAL '1 hour',
    'no queue takes it'
FROM fill.transactions(:transactions - :events + 1, :transactions) AS numbered
WHERE numbered.kind = 'BET';

INSERT INTO verifications (
    began_at, ended_at, clean, transactions, entries, accounts, checks, findings, findings_left_out
)
SELECT
    now() - number * INTERVAL '1 day',
    now() - number * INTERVAL '1 day' + INTERVAL '10 minutes',
    TRUE,
    :transactions,
    2 * :transactions,
    3 * :players,
    (
        SELECT jsonb_agg(jsonb_build_object('check', 'check_' || checks, 'findings', 0))
        FROM generate_series(1, 30) AS checks
    ),
    '[]',
    0
FROM generate_series(1, 365) AS number;
