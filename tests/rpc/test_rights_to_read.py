"""Who reads what: what a key may not read is not there for it, word for word; and an auditor changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.message import Message
from support.credit import CreditCaller, credit_of
from support.database import Installation
from support.refusals import Refusal, check_refusal
from support.requests import Player, fail, fresh_id, settle
from support.sessions import SessionCaller, open_session, sessions_of
from support.wallet import Sender, Wallet, expect_error

from wallet.v1 import credit_wallet_pb2, ledger_pb2, session_pb2
from wallet.v1 import wallet_pb2 as pb

pytestmark = pytest.mark.parametrize("shared", ["group-commit"], indirect=True)

SESSIONS = session_pb2.DESCRIPTOR.message_types_by_name
CREDIT = {**credit_wallet_pb2.DESCRIPTOR.message_types_by_name, **ledger_pb2.DESCRIPTOR.message_types_by_name}
NOBODY_ELSE = {"backoffice", "auditor", "operator"}
NO_ID = "01890000-0000-7000-8000-00000000dead"


class Reader:
    """A key with all the services' calls."""

    def __init__(self, wallet: Wallet, name: str) -> None:
        caller = wallet.callers[name]
        self._senders: tuple[Sender, SessionCaller, CreditCaller] = (
            caller, sessions_of(wallet, caller), credit_of(wallet, name),
        )  # fmt: skip

    def attempt(self, request: Message) -> Any:
        name = type(request).DESCRIPTOR.name
        return self._senders[1 if name in SESSIONS else 2 if name in CREDIT else 0].attempt(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """Something to read: how, who may, and the same read of what is not there."""

    read: Message
    missing: Message
    reason: str
    readers: frozenset[str]


@pytest.fixture(scope="module")
def things(shared_servers: Callable[[str], Any]) -> Mapping[str, Thing]:
    """One of each kind of what can be read, made by `games`, `payments`, `backoffice` and `credit`."""
    wallet = shared_servers("group-commit").wallet
    games, credit = sessions_of(wallet), credit_of(wallet)
    player = wallet.player("100")
    bet, deposit, reservation, back = player.bet("10"), player.deposit("5"), player.reserve("10"), player.reserve("1")
    adjustment, state = player.adjust("1"), player.state(pb.PLAYER_STATE_ACTIVE)
    placed, paid_in, held, corrected = (
        wallet.applied(request).tx_id for request in (bet, deposit, reservation, adjustment)
    )
    paid = wallet.applied(settle(reservation)).tx_id
    wallet.applied(back)
    wallet.applied(fail(back))
    wallet.applied(state)
    play = games.open(player, "20")
    played = play.bet("1")
    games.call(played)
    settled = games.call(play.settle()).tx_id
    late = games.attempt(play.win("1", win_kind=pb.WIN_KIND_PROMO))
    assert late.late
    journal = games.call(session_pb2.ListSessionTransactionsRequest(session_token=play.token)).transactions
    purse = credit.purse("7")
    legs = [
        ledger_pb2.JournalPosting(account_code=code, amount_minor=amount) for code, amount in (("a", "1"), ("b", "-1"))
    ]
    entry = credit.call(
        ledger_pb2.PostJournalEntryRequest(ledger_id=purse.ledger_id, transaction_id=fresh_id("entry"), postings=legs)
    )
    no_token = play.token[:-32] + NO_ID.replace("-", "")
    no_wallet = f"{NO_ID}:{purse.caller_key}"

    def transaction(tx_id: str, *readers: str) -> Thing:
        return Thing(
            read=pb.GetTransactionRequest(tx_id=tx_id),
            missing=pb.GetTransactionRequest(tx_id=NO_ID),
            reason="TRANSACTION_NOT_FOUND",
            readers=frozenset(readers) | NOBODY_ELSE,
        )

    def named(name: str, *readers: str, namespace: pb.Namespace = pb.NAMESPACE_UNSPECIFIED) -> Thing:
        return Thing(
            read=pb.GetTransactionRequest(transaction_id=name, namespace=namespace),
            missing=pb.GetTransactionRequest(transaction_id=fresh_id(), namespace=namespace),
            reason="TRANSACTION_NOT_FOUND",
            readers=frozenset(readers),
        )

    def of_session(kind: type[Any], **fields: Any) -> Thing:
        return Thing(
            read=kind(session_token=play.token, **fields),
            missing=kind(session_token=no_token, **fields),
            reason="SESSION_NOT_FOUND",
            readers=NOBODY_ELSE | {"games", "games-second-key"},
        )

    def of_ledger(kind: type[Any], **fields: Any) -> Thing:
        named = (
            {"wallet_key": purse.key}
            if "wallet_key" in kind.DESCRIPTOR.fields_by_name
            else {"ledger_id": purse.ledger_id}
        )
        absent = {"wallet_key": no_wallet} if "wallet_key" in named else {"ledger_id": NO_ID}
        return Thing(
            read=kind(**named, **fields),
            missing=kind(**absent, **fields),
            reason="LEDGER_NOT_FOUND",
            readers=NOBODY_ELSE | {"credit"},
        )

    round_fields = {"currency_network_id": 1, "game_code": bet.game_code, "round_id": bet.round_id}
    own_round = Thing(
        read=pb.GetRoundRequest(player_id=player.player_id, **round_fields),
        missing=pb.GetRoundRequest(player_id=Player().player_id, **round_fields),
        reason="ROUND_NOT_FOUND",
        readers=frozenset({"games", "games-second-key"}),
    )
    named_round = Thing(
        read=pb.GetRoundRequest(player_id=player.player_id, source="games", **round_fields),
        missing=pb.GetRoundRequest(player_id=Player().player_id, source="games", **round_fields),
        reason="ROUND_NOT_FOUND",
        readers=own_round.readers | NOBODY_ELSE,
    )
    payers = ("payments", "other-payments")
    return {
        "bet": transaction(placed, "games", "games-second-key"),
        "session's opening": transaction("-".join(_uuid_of(play.token)), "games", "games-second-key"),
        "session's settlement": transaction(settled, "games", "games-second-key"),
        "late win": transaction(journal[-1].tx_id, "games", "games-second-key"),
        "deposit": transaction(paid_in, *payers),
        "reservation": transaction(held, *payers),
        "ending": transaction(paid, *payers),
        "adjustment": transaction(corrected),
        "ledger's creation": transaction(purse.ledger_id, "credit"),
        "journal entry": transaction(entry.tx_id, "credit"),
        "bet by its id": named(bet.transaction_id, "games", "games-second-key"),
        "deposit by its id": named(deposit.deposit_id, *payers, *NOBODY_ELSE),
        "deposit by its namespace": named(
            deposit.deposit_id, *payers, *NOBODY_ELSE, namespace=pb.NAMESPACE_DEPOSIT
        ),
        "failed withdrawal by its namespace": named(
            back.withdrawal_id, *payers, *NOBODY_ELSE, namespace=pb.NAMESPACE_WITHDRAWAL_ENDING
        ),
        "state by its id": named(state.transaction_id, "backoffice"),
        "round": own_round,
        "round of a source": named_round,
        "session": of_session(session_pb2.GetSessionRequest),
        "session's journal": of_session(session_pb2.ListSessionTransactionsRequest),
        "session's round": of_session(session_pb2.GetSessionRoundRequest, round_id=played.round_id),
        "wallet": of_ledger(credit_wallet_pb2.GetWalletRequest),
        "wallet's entries": of_ledger(credit_wallet_pb2.ListWalletEntriesRequest),
        "wallet's postings": of_ledger(credit_wallet_pb2.ListPostingsRequest),
        "ledger's account": of_ledger(ledger_pb2.GetLedgerAccountRequest, account_code="a"),
        "ledger's entry": of_ledger(ledger_pb2.GetJournalEntryRequest, tx_id=entry.tx_id),
    }  # fmt: skip


def _uuid_of(token: str) -> tuple[str, ...]:
    digits = token.rsplit("_", 1)[1]
    return digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]


@pytest.mark.parametrize(
    "name",
    [
        "games", "games-second-key", "other-games", "payments", "other-payments", "credit", "other-credit",
        "backoffice", "auditor", "operator",
    ],
)  # fmt: skip
def test_what_a_key_may_not_read_is_not_there(wallet: Wallet, things: Mapping[str, Thing], name: str) -> None:
    reader = Reader(wallet, name)
    for thing_name, thing in things.items():
        found, missing = reader.attempt(thing.read), reader.attempt(thing.missing)
        assert check_refusal(missing, thing.reason), thing_name
        if name in thing.readers:
            assert not isinstance(found, Refusal), f"{name} should read the {thing_name}: {found}"
        else:
            assert found == missing, f"{name} and the {thing_name}"


def test_how_long_a_refusal_takes_tells_nothing_of_a_round(
    wallet: Wallet, installation: Installation, things: Mapping[str, Thing]
) -> None:
    read = things["round of a source"].read
    with installation.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE ledger_transactions IN ACCESS EXCLUSIVE MODE")
        for name in ("other-games", "payments", "credit"):
            check_refusal(Reader(wallet, name).attempt(read), "ROUND_NOT_FOUND")


def test_who_reads_balances(wallet: Wallet, player: Player) -> None:
    for name in ("games", "other-games", "payments", "backoffice", "auditor", "operator"):
        assert wallet.callers[name].call(player.balance()).available_minor == "100"
        assert wallet.callers[name].call(pb.ListCurrencyNetworksRequest()).currency_networks
    for asked in (player, Player()):  # a zero that is not true would be worse than a no
        wallet.refused(asked.balance(), "CALL_NOT_ALLOWED", by=wallet.callers["credit"])
    assert wallet.callers["credit"].call(pb.ListCurrencyNetworksRequest()).currency_networks


def test_who_lists_which_ledgers(wallet: Wallet) -> None:
    ours, theirs = credit_of(wallet).ledger(), credit_of(wallet, "other-credit").ledger()

    def listed(name: str) -> set[str]:
        caller, found, token = credit_of(wallet, name), set(), ""
        while True:
            page = caller.call(ledger_pb2.ListLedgersRequest(page_size=50, page_token=token))
            found |= {ledger.ledger_id for ledger in page.ledgers}
            token = page.next_page_token
            if not token:
                return found & {ours, theirs}

    assert listed("credit") == {ours}
    assert listed("other-credit") == {theirs}
    assert listed("auditor") == listed("backoffice") == {ours, theirs}
    assert listed("games") == listed("payments") == set()


@pytest.mark.parametrize("name", ["other-credit", "operator"])
def test_a_ledger_takes_writes_of_its_own_source_alone(wallet: Wallet, name: str) -> None:
    credit, other = credit_of(wallet), credit_of(wallet, name)
    purse = credit.purse("100")
    reserved = credit.accepted(purse.reserve("40"), "100", "60")
    requests = [
        purse.credit("1"), purse.debit("1"), purse.reserve("1"), purse.commit(reserved), purse.release(reserved),
    ]  # fmt: skip
    missing = other.refused(type(purse)(NO_ID).credit("1"), "LEDGER_NOT_FOUND")
    for request in requests:
        assert other.attempt(request) == missing
    assert other.batch(requests) == [missing] * len(requests)
    legs = [ledger_pb2.JournalPosting(account_code="a", amount_minor=amount) for amount in ("1", "-1")]
    entry = ledger_pb2.PostJournalEntryRequest(
        ledger_id=purse.ledger_id, transaction_id=fresh_id("entry"), postings=legs
    )
    assert other.attempt(entry) == missing
    credit.holds(purse, "100", "60")


def test_an_auditor_changes_nothing(wallet: Wallet, player: Player) -> None:
    auditor = wallet.callers["auditor"]
    sessions, credit = sessions_of(wallet, auditor), credit_of(wallet, "auditor")
    games = sessions_of(wallet)
    play, purse = games.open(player, "20"), credit_of(wallet).purse("7")
    mutations = [open_session(player, "1"), play.bet("1"), play.settle()]
    for request in mutations:
        sessions.refused(request, "CALL_NOT_ALLOWED", role="game")
    for way in (sessions.batch, sessions.stream):
        for outcome in way(mutations):
            check_refusal(outcome, "CALL_NOT_ALLOWED", role="game")
    credit.refused(purse.credit("1"), "CALL_NOT_ALLOWED", role="credit")
    for outcome in credit.batch([purse.credit("1"), purse.debit("1")]):
        check_refusal(outcome, "CALL_NOT_ALLOWED", role="credit")
    creation = ledger_pb2.CreateLedgerRequest(transaction_id=fresh_id("l"), name="x", currency_network_id=1)
    credit.refused(creation, "CALL_NOT_ALLOWED", role="credit")
    assert wallet.main(player) == "80"


def test_a_key_reads_what_any_of_its_roles_reads(
    wallet: Wallet, installation: Installation, things: Mapping[str, Thing]
) -> None:
    _, key = installation.create_key("games", ["game", "payments"])
    both = wallet.caller(key)
    for name in ("bet", "deposit", "round", "reservation"):
        assert not isinstance(both.attempt(things[name].read), Refusal)
    for name in ("adjustment", "journal entry"):
        check_refusal(both.attempt(things[name].read), "TRANSACTION_NOT_FOUND")


def test_case_62_another_sources_bet(wallet: Wallet, player: Player) -> None:
    placed = wallet.applied(player.bet("10"))
    read = pb.GetTransactionRequest(tx_id=placed.tx_id)
    wallet.refused(read, "TRANSACTION_NOT_FOUND", by=wallet.other_games)
    assert wallet.callers["auditor"].call(read).tx_id == placed.tx_id


def test_each_of_the_transactions_of_one_id(wallet: Wallet) -> None:
    name, player = fresh_id("same"), wallet.player("100")
    requests = {
        pb.NAMESPACE_OWN: player.bet("1", transaction_id=name),
        pb.NAMESPACE_DEPOSIT: player.deposit("2", deposit_id=name),
        pb.NAMESPACE_WITHDRAWAL: player.reserve("3", withdrawal_id=name),
        pb.NAMESPACE_WITHDRAWAL_ENDING: settle(name, "1"),
    }
    operator = wallet.operator
    made = {namespace: wallet.applied(request, by=operator).tx_id for namespace, request in requests.items()}
    for namespace, tx_id in made.items():
        asked = pb.GetTransactionRequest(transaction_id=name, namespace=namespace)
        assert operator.call(asked).tx_id == tx_id
    unnamed = pb.GetTransactionRequest(transaction_id=name)
    assert operator.call(unnamed).tx_id == made[pb.NAMESPACE_OWN]
    assert wallet.payments.call(unnamed).tx_id == made[pb.NAMESPACE_DEPOSIT]
    check_refusal(
        operator.attempt(pb.GetTransactionRequest(transaction_id=fresh_id(), namespace=pb.NAMESPACE_DEPOSIT)),
        "TRANSACTION_NOT_FOUND",
    )


def test_shapes_of_namespaces(wallet: Wallet) -> None:
    for fields in ({"transaction_id": "x", "namespace": 5}, {"tx_id": NO_ID, "namespace": pb.NAMESPACE_OWN}):
        expect_error(
            lambda fields=fields: wallet.operator.call(pb.GetTransactionRequest(**fields)),
            "INVALID_FIELD",
            field="namespace",
        )
