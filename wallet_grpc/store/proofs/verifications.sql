-- Runs of `wallet verify`. See verifications.py.

-- name: record
INSERT INTO verifications (
    began_at, ended_at, clean, transactions, entries, accounts, checks, findings, findings_left_out
)
VALUES (
    %(began_at)s, %(ended_at)s, %(clean)s, %(transactions)s, %(entries)s, %(accounts)s, %(checks)s::JSONB,
    %(findings)s::JSONB, %(findings_left_out)s
);
