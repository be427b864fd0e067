"""Requests to commands: every field is checked here, in its order, and a bad one is refused by its name.

This is rule 9's "shape" and "network": what comes out is well-formed and of a known currency network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from wallet.v1 import wallet_pb2 as pb
from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.amounts import parse_amount
from wallet_grpc.domain.commands import (
    Adjust,
    ApplyDeposit,
    Bet,
    BetAndWin,
    Request,
    ReserveWithdrawal,
    Rollback,
    SetPlayerState,
    UnlocatedEnding,
    Win,
)
from wallet_grpc.domain.identifiers import (
    DERIVED_ROLLBACK_PREFIX,
    OWN_PREFIXES,
    CurrencyNetworkId,
    PlayerId,
    Source,
)
from wallet_grpc.domain.refusals import Reason, Refusal, invalid
from wallet_grpc.domain.transactions import NO_METADATA, Direction, WinKind
from wallet_grpc.store.keys import Role
from wallet_grpc.store.networks import NetworkDirectory

Member = TypeVar("Member")
Number = TypeVar("Number", bound=int)

ID_LENGTH_MAX = 128
DERIVATIONS_MAX = 8
"""How often an id may have been derived from a derived id."""
TEXT_LENGTH_MAX = 256
METADATA_ENTRIES_MAX = 32
METADATA_KEY_LENGTH_MAX = 64
METADATA_VALUE_LENGTH_MAX = 512

_is_id = re.compile(rf"[\x21-\x7e]{{1,{ID_LENGTH_MAX}}}").fullmatch
_is_derived_id = re.compile(
    rf"(?:{DERIVED_ROLLBACK_PREFIX}){{1,{DERIVATIONS_MAX}}}[\x21-\x7e]{{1,{ID_LENGTH_MAX}}}"
).fullmatch
_ID_RULE = f"must be 1 to {ID_LENGTH_MAX} characters of ASCII 0x21 to 0x7E"

WIN_KINDS = {
    pb.WIN_KIND_REGULAR: WinKind.REGULAR,
    pb.WIN_KIND_FREE_ROUND: WinKind.FREE_ROUND,
    pb.WIN_KIND_JACKPOT: WinKind.JACKPOT,
    pb.WIN_KIND_PROMO: WinKind.PROMO,
}
DIRECTIONS = {pb.DIRECTION_CREDIT: Direction.CREDIT, pb.DIRECTION_DEBIT: Direction.DEBIT}
PLAYER_STATES = {
    pb.PLAYER_STATE_ACTIVE: PlayerState.ACTIVE,
    pb.PLAYER_STATE_BLOCKED: PlayerState.BLOCKED,
    pb.PLAYER_STATE_CLOSED: PlayerState.CLOSED,
}


class MalformedError(Exception):
    """A field is not as it must be. Stays within this package: a servicer answers with the refusal."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Call(NamedTuple):
    """A mutation by its name: who may call it, and how its request becomes a command."""

    role: Role
    convert: Callable[[Any, Source], Request]


async def command_of(call: Call, request: Any, source: Source, networks: NetworkDirectory) -> Request:
    """Convert a request.

    Raises:
        MalformedError: A field is wrong, or the currency network is unknown.
        DatabaseUnavailableError: Nobody can tell now whether the currency network is known.
    """
    command = call.convert(request, source)
    if not isinstance(command, SetPlayerState | UnlocatedEnding):
        await known_network(command.currency_network_id, networks)
    return command


async def known_network(currency_network_id: CurrencyNetworkId, networks: NetworkDirectory) -> None:
    """Refuse a currency network that this installation does not have."""
    if networks.get(currency_network_id) is None and await networks.find(currency_network_id) is None:
        raise MalformedError(
            invalid(
                Reason.UNKNOWN_CURRENCY_NETWORK,
                "currency_network_id",
                f"{currency_network_id} is unknown here; see ListCurrencyNetworks",
            )
        )


def _bet(request: pb.BetRequest, source: Source) -> Bet:
    return Bet(
        source=source,
        transaction_id=transaction_id(request.transaction_id),
        player_id=player_id(request.player_id),
        currency_network_id=currency_network_id(request.currency_network_id),
        amount_minor=_amount(request.amount_minor, "amount_minor"),
        game_code=identifier(request.game_code, "game_code"),
        round_id=identifier(request.round_id, "round_id"),
        round_closed=request.round_closed,
        metadata=_metadata(request.metadata),
    )


def _bet_and_win(request: pb.BetAndWinRequest, source: Source) -> BetAndWin:
    return BetAndWin(
        source=source,
        transaction_id=transaction_id(request.transaction_id),
        player_id=player_id(request.player_id),
        currency_network_id=currency_network_id(request.currency_network_id),
        amount_minor=_amount(request.amount_minor, "amount_minor"),
        game_code=identifier(request.game_code, "game_code"),
        round_id=identifier(request.round_id, "round_id"),
        round_closed=request.round_closed,
        metadata=_metadata(request.metadata),
        win_amount_minor=_amount(request.win_amount_minor, "win_amount_minor"),
    )


def _win(request: pb.WinRequest, source: Source) -> Win:
    regular = request.win_kind == pb.WIN_KIND_REGULAR
    needed = identifier if regular else _optional_identifier
    return Win(
        source=source,
        transaction_id=transaction_id(request.transaction_id),
        player_id=player_id(request.player_id),
        currency_network_id=currency_network_id(request.currency_network_id),
        amount_minor=_amount(request.amount_minor, "amount_minor"),
        game_code=needed(request.game_code, "game_code"),
        round_id=needed(request.round_id, "round_id"),
        round_closed=request.round_closed,
        metadata=_metadata(request.metadata),
        reference_transaction_id=(
            reference(request.reference_transaction_id) if regular or request.reference_transaction_id else ""
        ),
        win_kind=_choice(request.win_kind, WIN_KINDS, "win_kind"),
    )


def _rollback(request: pb.RollbackRequest, source: Source) -> Rollback:
    own_id = transaction_id(request.transaction_id) if request.transaction_id else ""
    player = player_id(request.player_id)
    network = currency_network_id(request.currency_network_id)
    referenced = reference(request.reference_transaction_id)
    if own_id == referenced:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "transaction_id", "must not be the id that is rolled back"))
    return Rollback(
        source=source,
        transaction_id=own_id or DERIVED_ROLLBACK_PREFIX + referenced,
        player_id=player,
        currency_network_id=network,
        reference_transaction_id=referenced,
        round_closed=request.round_closed,
        metadata=_metadata(request.metadata),
    )


def _reserve_withdrawal(request: pb.ReserveWithdrawalRequest, source: Source) -> ReserveWithdrawal:
    return ReserveWithdrawal(
        source=source,
        withdrawal_id=identifier(request.withdrawal_id, "withdrawal_id"),
        player_id=player_id(request.player_id),
        currency_network_id=currency_network_id(request.currency_network_id),
        amount_minor=_positive_amount(request.amount_minor, "amount_minor"),
        metadata=_metadata(request.metadata),
    )


def _settle_withdrawal(request: pb.SettleWithdrawalRequest, source: Source) -> UnlocatedEnding:
    return UnlocatedEnding.settle(
        source=source,
        withdrawal_id=identifier(request.withdrawal_id, "withdrawal_id"),
        fee_minor=_amount(request.fee_minor, "fee_minor"),
        tx_hash=_text(request.tx_hash, "tx_hash"),
        metadata=_metadata(request.metadata),
    )


def _fail_withdrawal(request: pb.FailWithdrawalRequest, source: Source) -> UnlocatedEnding:
    return UnlocatedEnding.fail(
        source=source,
        withdrawal_id=identifier(request.withdrawal_id, "withdrawal_id"),
        reason=_text(request.reason, "reason"),
        metadata=_metadata(request.metadata),
    )


def _apply_deposit_settlement(request: pb.DepositSettlementRequest, source: Source) -> ApplyDeposit:
    output_index = request.output_index if request.HasField("output_index") else None
    deposit_id = identifier(request.deposit_id, "deposit_id")
    player = player_id(request.player_id)
    network = currency_network_id(request.currency_network_id)
    amount_minor = _positive_amount(request.amount_minor, "amount_minor")
    tx_hash = _text(request.tx_hash, "tx_hash")
    if output_index is not None and output_index < 0:
        raise MalformedError(invalid(Reason.INVALID_FIELD, "output_index", "must not be negative"))
    return ApplyDeposit(
        source=source,
        deposit_id=deposit_id,
        player_id=player,
        currency_network_id=network,
        amount_minor=amount_minor,
        tx_hash=tx_hash,
        output_index=output_index,
        metadata=_metadata(request.metadata),
    )


def _adjust(request: pb.AdjustRequest, source: Source) -> Adjust:
    return Adjust(
        source=source,
        transaction_id=transaction_id(request.transaction_id),
        player_id=player_id(request.player_id),
        currency_network_id=currency_network_id(request.currency_network_id),
        amount_minor=_positive_amount(request.amount_minor, "amount_minor"),
        direction=_choice(request.direction, DIRECTIONS, "direction"),
        reason=_required_text(request.reason, "reason"),
        actor=_required_text(request.actor, "actor"),
        metadata=_metadata(request.metadata),
    )


def _set_player_state(request: pb.SetPlayerStateRequest, source: Source) -> SetPlayerState:
    return SetPlayerState(
        source=source,
        transaction_id=transaction_id(request.transaction_id),
        player_id=player_id(request.player_id),
        state=_choice(request.state, PLAYER_STATES, "state"),
        reason=_required_text(request.reason, "reason"),
        actor=_required_text(request.actor, "actor"),
        metadata=_metadata(request.metadata),
    )


CALLS: Mapping[str, Call] = {
    "bet": Call(Role.GAME, _bet),
    "win": Call(Role.GAME, _win),
    "rollback": Call(Role.GAME, _rollback),
    "bet_and_win": Call(Role.GAME, _bet_and_win),
    "reserve_withdrawal": Call(Role.PAYMENTS, _reserve_withdrawal),
    "settle_withdrawal": Call(Role.PAYMENTS, _settle_withdrawal),
    "fail_withdrawal": Call(Role.PAYMENTS, _fail_withdrawal),
    "apply_deposit_settlement": Call(Role.PAYMENTS, _apply_deposit_settlement),
    "adjust": Call(Role.BACKOFFICE, _adjust),
    "set_player_state": Call(Role.BACKOFFICE, _set_player_state),
}
"""Every mutation by its name in `Operation`."""


def identifier(value: str, name: str) -> str:
    """Check a required id or key."""
    if not _is_id(value):
        if not value:
            raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, _ID_RULE))
    return value


def transaction_id(value: str) -> str:
    """Check a caller's own id; the wallet's own are refused."""
    identifier(value, "transaction_id")
    if value.startswith(OWN_PREFIXES):
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, "transaction_id", "ids that begin with wallet: or rollback: are the wallet's")
        )
    return value


def reference(value: str) -> str:
    """Check a referenced id; the wallet's own are fine here, and may be longer."""
    return value if _is_derived_id(value) else identifier(value, "reference_transaction_id")


def any_transaction_id(value: str) -> str:
    """Check an id that is looked up: a caller's, or one of the wallet's own."""
    return value if _is_derived_id(value) else identifier(value, "transaction_id")


def player_id(value: int) -> PlayerId:
    """Check a player's id."""
    return PlayerId(_positive(value, "player_id"))


def currency_network_id(value: int) -> CurrencyNetworkId:
    """Check a currency network's id; whether it is known comes later."""
    return CurrencyNetworkId(_positive(value, "currency_network_id"))


def _positive(value: int, name: str) -> int:
    if value <= 0:
        if value == 0:
            raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, "must be above 0"))
    return value


def _optional_identifier(value: str, name: str) -> str:
    return identifier(value, name) if value else ""


def _amount(value: str, name: str) -> int:
    amount_minor = parse_amount(value)
    if amount_minor is None:
        raise MalformedError(
            invalid(
                Reason.INVALID_AMOUNT, name, "must be whole minor units, 1 to 38 digits without sign or leading zero"
            )
        )
    return amount_minor


def _positive_amount(value: str, name: str) -> int:
    amount_minor = _amount(value, name)
    if amount_minor == 0:
        raise MalformedError(invalid(Reason.INVALID_AMOUNT, name, "must be above 0"))
    return amount_minor


def _text(value: str, name: str) -> str:
    if len(value) > TEXT_LENGTH_MAX or not value.isprintable():
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, name, f"must be up to {TEXT_LENGTH_MAX} printable characters")
        )
    return value


def _required_text(value: str, name: str) -> str:
    if not value:
        raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
    return _text(value, name)


def _choice(value: Number, members: Mapping[Number, Member], name: str) -> Member:
    member = members.get(value)
    if member is None:
        if value == 0:
            raise MalformedError(invalid(Reason.MISSING_FIELD, name, "is required"))
        raise MalformedError(invalid(Reason.INVALID_FIELD, name, f"{value} is no value of it"))
    return member


def _metadata(value: Mapping[str, str]) -> Mapping[str, str]:
    if not value:
        return NO_METADATA
    if len(value) > METADATA_ENTRIES_MAX:
        raise MalformedError(
            invalid(Reason.INVALID_FIELD, "metadata", f"must have at most {METADATA_ENTRIES_MAX} entries")
        )
    notes = dict(value)
    for key, note in notes.items():
        if len(key) > METADATA_KEY_LENGTH_MAX or len(note) > METADATA_VALUE_LENGTH_MAX:
            raise MalformedError(
                invalid(
                    Reason.INVALID_FIELD,
                    "metadata",
                    f"keys have up to {METADATA_KEY_LENGTH_MAX} characters, values up to {METADATA_VALUE_LENGTH_MAX}",
                )
            )
        if "\x00" in key or "\x00" in note:
            raise MalformedError(invalid(Reason.INVALID_FIELD, "metadata", "must not contain NUL"))
    return notes
