"""The steps of the store statement that concern credit wallets and ledgers. See `sql/credit_batch.sql`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from wallet_grpc.domain.book import Book
from wallet_grpc.domain.credit.state import CreditWallet
from wallet_grpc.domain.identifiers import AccountId
from wallet_grpc.store.connection.arrays import literal, nullable_literal, nullable_separated, separated

Parameters = dict[str, object]

_encode = msgspec.json.Encoder().encode


def credit_steps(book: Book, parameters: Parameters) -> Mapping[str, int]:
    """Give how many rows each step of credit wallets must touch, and add its parameters."""
    written = [book.credit.wallets[wallet_id] for wallet_id in sorted(book.credit.wallets)]
    written = [wallet for wallet in written if wallet.entries]
    if not written:
        return {}
    new = [wallet for wallet in written if wallet.loaded_version is None]
    raised = [wallet for wallet in written if wallet.loaded_version is not None]
    _new_wallets(new, parameters)
    _raised_wallets(raised, parameters)
    parameters["queued_ledger_ids"] = literal([wallet.ledger_id for wallet in written])
    parameters["queued_wallet_ids"] = literal([wallet.wallet_id for wallet in written])
    return {
        "new_wallets": len(new),
        "raised_wallets": len(raised),
        "wallet_entries": _entries(written, parameters),
        **_reservations(written, parameters),
        "posting_queue": len({wallet.ledger_id for wallet in written}),
    }


def ledger_steps(book: Book, parameters: Parameters, take_account_id: Callable[[], AccountId]) -> Mapping[str, int]:
    """Give how many rows each step of ledgers must touch, and add its parameters."""
    counts: dict[str, int] = {}
    ledgers = [change.ledger for change in book.changes if change.ledger is not None]
    if ledgers:
        parameters["new_ledger_ids"] = literal([ledger.ledger_id for ledger in ledgers])
        parameters["new_ledger_owner_ids"] = literal([ledger.owner_id for ledger in ledgers])
        parameters["new_ledger_sources"] = separated([ledger.source for ledger in ledgers])
        parameters["new_ledger_names"] = separated([ledger.name for ledger in ledgers])
        parameters["new_ledger_networks"] = literal([ledger.currency_network_id for ledger in ledgers])
        counts["new_ledgers"] = len(ledgers)
    posted = [(name, account) for name, account in sorted(book.ledgers.accounts.items()) if account.postings]
    if not posted:
        return counts
    new = [(name, account) for name, account in posted if account.account_id is None]
    changed = [account for _, account in posted if account.account_id is not None]
    for _, account in new:
        account.account_id = take_account_id()
    if new:
        parameters["new_journal_account_ids"] = literal([account.account_id for _, account in new])
        parameters["new_journal_networks"] = literal([account.currency_network_id for _, account in new])
        parameters["new_journal_ledger_ids"] = literal([ledger_id for (ledger_id, _), _ in new])
        parameters["new_journal_codes"] = separated([code for (_, code), _ in new])
        parameters["new_journal_balances"] = literal([account.balance_minor for _, account in new])
        parameters["new_journal_versions"] = literal([account.version for _, account in new])
    if changed:
        parameters["changed_journal_ids"] = literal([account.account_id for account in changed])
        parameters["changed_journal_balances"] = literal([account.balance_minor for account in changed])
        parameters["changed_journal_versions"] = literal([account.version for account in changed])
    postings = [(account.account_id, posting) for _, account in posted for posting in account.postings]
    parameters["journal_posting_account_ids"] = literal([account_id for account_id, _ in postings])
    parameters["journal_posting_nos"] = literal([posting.posting_no for _, posting in postings])
    parameters["journal_posting_tx_ids"] = literal([posting.tx_id for _, posting in postings])
    parameters["journal_posting_amounts"] = literal([posting.amount_minor for _, posting in postings])
    parameters["journal_posting_balances"] = literal([posting.balance_after_minor for _, posting in postings])
    return {
        **counts,
        "new_journal_accounts": len(new),
        "new_journal_balances": len(new),
        "changed_journal_balances": len(changed),
        "journal_postings": len(postings),
    }


def _new_wallets(wallets: Sequence[CreditWallet], parameters: Parameters) -> None:
    if wallets:
        parameters["new_wallet_ids"] = literal([row.wallet_id for row in wallets])
        parameters["new_wallet_owner_ids"] = literal([row.owner_id for row in wallets])
        parameters["new_wallet_ledger_ids"] = literal([row.ledger_id for row in wallets])
        parameters["new_wallet_caller_keys"] = separated([row.caller_key for row in wallets])
        parameters["new_wallet_balances"] = literal([row.balance_minor for row in wallets])
        parameters["new_wallet_helds"] = literal([row.held_minor for row in wallets])
        parameters["new_wallet_versions"] = literal([row.version for row in wallets])
        parameters["new_wallet_entry_counts"] = literal([row.entry_count for row in wallets])


def _raised_wallets(wallets: Sequence[CreditWallet], parameters: Parameters) -> None:
    if wallets:
        parameters["raised_wallet_ids"] = literal([row.wallet_id for row in wallets])
        parameters["raised_wallet_loaded_versions"] = literal([row.loaded_version for row in wallets])
        parameters["raised_wallet_versions"] = literal([row.version for row in wallets])
        parameters["raised_wallet_entry_counts"] = literal([row.entry_count for row in wallets])
        parameters["raised_wallet_balances"] = literal([row.balance_minor for row in wallets])
        parameters["raised_wallet_helds"] = literal([row.held_minor for row in wallets])
        parameters["raised_wallet_moments"] = separated([row.now.isoformat() for row in wallets])


def _entries(wallets: Sequence[CreditWallet], parameters: Parameters) -> int:
    rows = sorted([entry for wallet in wallets for entry in wallet.entries], key=lambda entry: entry.key)
    parameters["written_wallet_ids"] = literal([row.wallet_id for row in rows])
    parameters["written_entry_nos"] = literal([row.entry_no for row in rows])
    parameters["written_owner_ids"] = literal([row.owner_id for row in rows])
    parameters["written_kinds"] = literal([row.kind for row in rows])
    parameters["written_transaction_ids"] = separated([row.transaction_id for row in rows])
    parameters["written_keys"] = literal([row.key for row in rows])
    parameters["written_amounts"] = literal([row.amount_minor for row in rows])
    parameters["written_changes"] = literal([row.change_minor for row in rows])
    parameters["written_balances"] = literal([row.balance_after_minor for row in rows])
    parameters["written_reference_keys"] = nullable_literal([row.reservation_key for row in rows])
    parameters["written_metadata"] = nullable_separated(
        [_encode(row.metadata).decode() if row.metadata else None for row in rows]
    )
    parameters["written_sources"] = separated([row.source for row in rows])
    return len(rows)


def _reservations(wallets: Sequence[CreditWallet], parameters: Parameters) -> Mapping[str, int]:
    begun = sorted([row for wallet in wallets for row in wallet.begun.values()], key=lambda row: row.key)
    ended = sorted([row for wallet in wallets for row in wallet.ended.values()], key=lambda row: row.key)
    if begun:
        parameters["begun_keys"] = literal([row.key for row in begun])
        parameters["begun_wallet_ids"] = literal([row.wallet_id for row in begun])
        parameters["begun_owner_ids"] = literal([row.owner_id for row in begun])
        parameters["begun_amounts"] = literal([row.amount_minor for row in begun])
        parameters["begun_ttls"] = literal([row.ttl_s for row in begun])
        parameters["begun_expiries"] = separated([row.expires_at.isoformat() for row in begun])
        parameters["begun_states"] = literal([row.state for row in begun])
        parameters["begun_commits"] = nullable_literal([row.committed_minor for row in begun])
    if ended:
        parameters["ended_keys"] = literal([row.key for row in ended])
        parameters["ended_states"] = literal([row.state for row in ended])
        parameters["ended_commits"] = nullable_literal([row.committed_minor for row in ended])
    return {"new_reservations": len(begun), "ended_reservations": len(ended)}
