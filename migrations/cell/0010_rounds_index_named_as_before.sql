-- The index that 0009 built takes the name of the one that it replaced: servers of the release before ask for that name
-- when they make summaries.
ALTER INDEX ledger_transactions_round_ids_idx RENAME TO ledger_transactions_round_id_idx;
