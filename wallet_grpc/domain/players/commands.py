"""Player commands: what callers ask of a player's own money and state. One class a mutation of WalletService.

Each command knows the keys under which the ledger remembers it; they are hashed once, when the command is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import final

from msgspec import Struct, field
from msgspec.structs import force_setattr

from wallet_grpc.domain.accounts import PlayerState
from wallet_grpc.domain.identifiers import (
    NO_KEY,
    CurrencyNetworkId,
    Key,
    PlayerId,
    Source,
    caller_key,
    deposit_key,
    output_key,
    round_key,
    withdrawal_ending_key,
    withdrawal_key,
)
from wallet_grpc.domain.transactions import NO_GAME, Direction, GameFacts, WinKind

from .approvals import Approval


@final
class Bet(Struct, frozen=True, kw_only=True, gc=False):
    """Take a stake: MAIN -> HOUSE:WAGER."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    game: GameFacts
    round_closed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    round_key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))
        force_setattr(
            self,
            "round_key",
            round_key(self.source, self.player_id, self.currency_network_id, self.game.game_code, self.game.round_id),
        )


@final
class BetAndWin(Struct, frozen=True, kw_only=True, gc=False):
    """A stake and its payout at once: both, or neither."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    win_amount_minor: int
    game: GameFacts
    round_closed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    round_key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))
        force_setattr(
            self,
            "round_key",
            round_key(self.source, self.player_id, self.currency_network_id, self.game.game_code, self.game.round_id),
        )


@final
class Win(Struct, frozen=True, kw_only=True, gc=False):
    """Pay a win: HOUSE:WAGER -> MAIN."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    win_kind: WinKind
    game: GameFacts = NO_GAME
    round_closed: bool = False
    reference_transaction_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    round_key: Key | None = None
    """None for a win without a round (the kinds other than REGULAR may lack one)."""
    reference_key: Key | None = None
    """The bet's; None for the kinds whose reference is stored unchecked."""

    def __post_init__(self) -> None:
        """Hash the keys."""
        regular = self.win_kind is WinKind.REGULAR
        in_round = self.game.game_code and self.game.round_id
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))
        force_setattr(
            self,
            "round_key",
            round_key(self.source, self.player_id, self.currency_network_id, self.game.game_code, self.game.round_id)
            if in_round
            else None,
        )
        force_setattr(
            self, "reference_key", caller_key(self.source, self.reference_transaction_id) if regular else None
        )


@final
class Rollback(Struct, frozen=True, kw_only=True, gc=False):
    """Reverse a bet, a win or a bet-and-win; or void an id that was not seen yet."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    reference_transaction_id: str
    round_closed: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    reference_key: Key = NO_KEY
    foreign_keys: tuple[Key, Key] = (NO_KEY, NO_KEY)
    """The reference read as a deposit's and as a withdrawal's id: those are never reversible (rule 3)."""

    def __post_init__(self) -> None:
        """Hash the keys."""
        reference = self.reference_transaction_id
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))
        force_setattr(self, "reference_key", caller_key(self.source, reference))
        force_setattr(self, "foreign_keys", (deposit_key(reference), withdrawal_key(reference)))


@final
class ReserveWithdrawal(Struct, frozen=True, kw_only=True, gc=False):
    """Hold money for a withdrawal: MAIN -> WITHDRAW_HOLD."""

    source: Source
    withdrawal_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", withdrawal_key(self.withdrawal_id))


@final
class SettleWithdrawal(Struct, frozen=True, kw_only=True, gc=False):
    """A withdrawal was paid out: WITHDRAW_HOLD -> HOUSE and HOUSE:FEES.

    Player and network are those of its reservation, looked up before.
    """

    source: Source
    withdrawal_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    fee_minor: int
    tx_hash: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    """Both endings of a withdrawal share it, so that there is one."""
    reservation_key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", withdrawal_ending_key(self.withdrawal_id))
        force_setattr(self, "reservation_key", withdrawal_key(self.withdrawal_id))


@final
class FailWithdrawal(Struct, frozen=True, kw_only=True, gc=False):
    """A withdrawal failed: WITHDRAW_HOLD -> MAIN. Player and network are those of its reservation, looked up before."""

    source: Source
    withdrawal_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    """Both endings of a withdrawal share it, so that there is one."""
    reservation_key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", withdrawal_ending_key(self.withdrawal_id))
        force_setattr(self, "reservation_key", withdrawal_key(self.withdrawal_id))


@final
class ApplyDeposit(Struct, frozen=True, kw_only=True, gc=False):
    """Credit a settled deposit: HOUSE -> MAIN."""

    source: Source
    deposit_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    tx_hash: str = ""
    output_index: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY
    output_key: Key | None = None
    """(currency network, tx_hash, output_index), where all are given: credited once (rule 8)."""

    def __post_init__(self) -> None:
        """Hash the keys."""
        force_setattr(self, "key", deposit_key(self.deposit_id))
        force_setattr(
            self,
            "output_key",
            output_key(self.currency_network_id, self.tx_hash, self.output_index)
            if self.tx_hash and self.output_index is not None
            else None,
        )


@final
class Adjust(Struct, frozen=True, kw_only=True, gc=False):
    """Correct a balance by hand: HOUSE <-> MAIN."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    currency_network_id: CurrencyNetworkId
    amount_minor: int
    direction: Direction
    reason: str
    actor: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    alone_max_minor: int | None = None
    """The most that may be moved without another person's approval; None: any amount."""
    approval: Approval | None = None
    """That of the proposal which it is applied for."""
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))


@final
class SetPlayerState(Struct, frozen=True, kw_only=True, gc=False):
    """Block, close or open a player."""

    source: Source
    transaction_id: str
    player_id: PlayerId
    state: PlayerState
    reason: str
    actor: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    key: Key = NO_KEY

    def __post_init__(self) -> None:
        """Hash the key."""
        force_setattr(self, "key", caller_key(self.source, self.transaction_id))


WithdrawalEnding = SettleWithdrawal | FailWithdrawal

PlayerCommand = (
    Bet | BetAndWin | Win | Rollback | ReserveWithdrawal | WithdrawalEnding | ApplyDeposit | Adjust | SetPlayerState
)
"""What is done to a player's own money and state."""


@final
class UnlocatedEnding(Struct, frozen=True, kw_only=True, gc=False):
    """An ending as it arrives: it names a withdrawal, whose owner has to be looked up before it finds its lane."""

    withdrawal_id: str
    _make: Callable[..., WithdrawalEnding]

    @classmethod
    def settle(
        cls, *, source: Source, withdrawal_id: str, fee_minor: int, tx_hash: str, metadata: Mapping[str, str]
    ) -> UnlocatedEnding:
        """A withdrawal was paid out."""
        return cls(
            withdrawal_id=withdrawal_id,
            _make=partial(
                SettleWithdrawal,
                source=source,
                withdrawal_id=withdrawal_id,
                fee_minor=fee_minor,
                tx_hash=tx_hash,
                metadata=metadata,
            ),
        )

    @classmethod
    def fail(cls, *, source: Source, withdrawal_id: str, reason: str, metadata: Mapping[str, str]) -> UnlocatedEnding:
        """A withdrawal failed."""
        return cls(
            withdrawal_id=withdrawal_id,
            _make=partial(FailWithdrawal, source=source, withdrawal_id=withdrawal_id, reason=reason, metadata=metadata),
        )

    def located(self, player_id: PlayerId, currency_network_id: CurrencyNetworkId) -> WithdrawalEnding:
        """Make the command, for the player and network of the reservation."""
        return self._make(player_id=player_id, currency_network_id=currency_network_id)
