"""A story for the console's tests: players with all that support is asked about, told by the wallet's own calls.

Every text that a caller can store holds a script, so that each page that shows one is tried by it.
"""

import json
import secrets
import uuid
from dataclasses import dataclass

from support.console import XSS
from support.credit import Purse, credit_of
from support.database import Installation
from support.requests import Player, fail, fresh_id, settle
from support.sessions import sessions_of
from support.wallet import Wallet
from wallet.v1 import wallet_pb2 as pb

TAG = "<b>x</b>"
"""A text that ids may have, which hold no blanks."""
USDT = 1_000_000
"""Minor units of a USDT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the story is about, by the names that somebody would have of it."""

    player: int
    blocked: int
    in_session: int
    deposit_hash: str
    deposit_id: str
    bet: str
    win: str
    round_id: str
    undone_bet: str
    spin: str
    paid_withdrawal: str
    failed_withdrawal: str
    waiting_withdrawal: str
    open_session: str
    settled_session: str
    wallet_key: str
    ledger_id: str
    adjustment: str
    event_id: str
    tx_id: str


def tell(wallet: Wallet, installation: Installation, *, text: str = XSS, tag: str = TAG) -> Story:
    """Have it all happen.

    Args:
        wallet: Where.
        installation: Its database, for what comes by no call.
        text: What every text that a caller can store ends with.
        tag: The same for ids, which hold no blanks.
    """
    player = Player()
    notes = {"note": text, f"n{text}"[:60]: "x"}
    deposit_hash = "0x" + secrets.token_hex(32)
    deposit = player.deposit(str(50 * USDT), tx_hash=deposit_hash, output_index=0, metadata=notes)
    wallet.applied(deposit)
    bet = player.bet(str(10 * USDT), game_code=f"dice{tag}", round_id=fresh_id("round"), metadata=notes)
    placed = wallet.applied(bet)
    win = player.win(str(25 * USDT), of=bet, round_closed=True, metadata=notes)
    wallet.applied(win)
    undone = player.bet(str(3 * USDT), metadata=notes)
    wallet.applied(undone)
    wallet.applied(player.rollback(undone, metadata=notes))
    spin = player.bet_and_win(str(2 * USDT), str(1 * USDT), metadata=notes)
    wallet.applied(spin)
    paid, failed, waiting = (player.reserve(str(amount * USDT), metadata=notes) for amount in (5, 4, 3))
    for request in (paid, failed, waiting):
        wallet.applied(request)
    wallet.applied(settle(paid, str(USDT // 2), tx_hash=text or "0x" + secrets.token_hex(32)))
    wallet.applied(fail(failed, reason=f"the bank said no {text}"))
    adjustment = player.adjust(str(USDT), reason=f"a goodwill credit {text}", actor=f"ana {text}")
    wallet.applied(adjustment)
    blocked = wallet.player(str(7 * USDT))
    wallet.send(blocked.state(pb.PLAYER_STATE_BLOCKED, reason=f"asked by phone {text}", actor=f"ana {text}"))
    gambler = wallet.player(str(90 * USDT))
    games = sessions_of(wallet)
    still_open, settled = games.open(gambler, str(30 * USDT)), games.open(gambler, str(40 * USDT))
    games.applied(still_open.bet(str(5 * USDT), metadata=notes))
    stake = settled.bet(str(10 * USDT), metadata=notes)
    games.applied(stake)
    games.applied(settled.win(str(35 * USDT), of=stake, round_closed=True))
    games.call(settled.settle())
    credit = credit_of(wallet, "credit")
    purse = Purse(credit.ledger(name=f"tokens {text}"), caller_key=fresh_id(f"purse{tag}"))
    credit.accepted(purse.credit(str(100 * USDT), metadata=notes), str(100 * USDT), str(100 * USDT))
    credit.call(purse.reserve(str(40 * USDT)))
    return Story(
        player=player.player_id,
        blocked=blocked.player_id,
        in_session=gambler.player_id,
        deposit_hash=deposit_hash,
        deposit_id=deposit.deposit_id,
        bet=bet.transaction_id,
        win=win.transaction_id,
        round_id=bet.round_id,
        undone_bet=undone.transaction_id,
        spin=spin.transaction_id,
        paid_withdrawal=paid.withdrawal_id,
        failed_withdrawal=failed.withdrawal_id,
        waiting_withdrawal=waiting.withdrawal_id,
        open_session=still_open.token,
        settled_session=settled.token,
        wallet_key=purse.key,
        ledger_id=purse.ledger_id,
        adjustment=adjustment.transaction_id,
        event_id=park_event(installation, text=text, tag=tag),
        tx_id=placed.tx_id,
    )


def park_event(installation: Installation, *, text: str = XSS, tag: str = TAG) -> str:
    """Set a received event aside, as the consumer does with one that says what cannot be; its id is given."""
    event_id, key, body_key = fresh_id("event"), uuid.uuid4(), uuid.uuid4()
    said = {"depositId": f"d{event_id}", "playerId": f"p{text}", "currencyNetworkId": 1, "amountMinor": "5"}
    body = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/psp{tag}",
        "type": "payments.deposit.settled",
        "data": said,
    }
    with installation.connect() as connection:
        connection.execute(
            "INSERT INTO inbox_events (key_hash, source, event_id, event_type, body_hash, body, state, reason, detail,"
            " attempts, received_at, changed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'PARKED', 'INVALID_FIELD', %s, 3, now(), now())",
            (
                key,
                body["source"],
                event_id,
                body["type"],
                body_key,
                json.dumps(body["data"]),
                f"playerId is no number {text}",
            ),
        )
    return event_id
