"""The figures that a run produces: their names (those of the results file), units and meanings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from statistics import fmean, median
from typing import assert_never


class Of(Enum):
    """What a figure is of its windows: the machine is noisy."""

    MEAN = auto()
    MEDIAN = auto()
    """A slow phase of the machine moves one window's p99 a lot."""
    FOUR_IN_FIVE = auto()
    """What four windows of five are within, where the lower is the better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the table."""

    name: str
    unit: str
    meaning: str
    decimals: int = 0
    of: Of = Of.MEAN


FIGURES: Sequence[Figure] = (
    Figure(name="tpcb_tps", unit="/s", meaning="pgbench TPC-B, scale 20, 32 clients, prepared"),
    Figure(
        name="hot_row_tps", unit="/s", meaning="one SQL function a bet locks player and house; best of 1, 8, 32 clients"
    ),
    Figure(
        name="pgledger_tps",
        unit="/s",
        meaning="pgledger's function, a transfer from player to house a bet; best of 1, 8, 32 clients",
    ),
    Figure(name="echo_unary_rps", unit="/s", meaning="bare grpc.aio server, same messages, 64 in flight"),
    Figure(name="unary_bets_per_s", unit="/s", meaning="one call a bet, 64 in flight"),
    Figure(name="stream_bets_per_s", unit="/s", meaning="4 streams"),
    Figure(name="batch_bets_per_s", unit="/s", meaning="batches of 100, 8 in flight"),
    Figure(name="mixed_batch_per_s", unit="/s", meaning="operations: 50% bets, 45% wins, 5% rollbacks; batches of 100"),
    Figure(name="single_bets_per_s", unit="/s", meaning="one call a bet, 64 in flight, one mutation a transaction"),
    Figure(name="hot_players_bets_per_s", unit="/s", meaning="batches of 100, 200 players, two server processes"),
    Figure(name="unary_p50_ms", unit="ms", meaning="one call at a time", decimals=2),
    Figure(name="unary_p99_ms", unit="ms", meaning="one call at a time", decimals=2),
    Figure(
        name="paced_p99_ms",
        unit="ms",
        meaning="1,000 calls a second, from the intended send time; four windows of five are within it",
        decimals=2,
        of=Of.FOUR_IN_FIVE,
    ),
    Figure(name="quiet_p99_ms", unit="ms", meaning="one source of 100 calls a second, alone", decimals=2, of=Of.MEDIAN),
    Figure(
        name="quiet_beside_flood_p99_ms",
        unit="ms",
        meaning="beside another source's 4 full streams",
        decimals=2,
        of=Of.MEDIAN,
    ),
    Figure(
        name="quiet_beside_two_floods_p99_ms",
        unit="ms",
        meaning="beside 4 full streams of each of two other sources",
        decimals=2,
        of=Of.MEDIAN,
    ),
    Figure(
        name="quiet_beside_limited_p99_ms",
        unit="ms",
        meaning="beside 4 full streams under a key with a rate of 200 a second",
        decimals=2,
        of=Of.MEDIAN,
    ),
    Figure(
        name="quiet_beside_echo_p99_ms",
        unit="ms",
        meaning="beside the same streams to an echo, which answers them as fast as the wallet did",
        decimals=2,
        of=Of.MEDIAN,
    ),
    Figure(name="session_batch_bets_per_s", unit="/s", meaning="in 2,000 open sessions; batches of 100, 8 in flight"),
    Figure(name="session_stream_bets_per_s", unit="/s", meaning="in 2,000 open sessions; 4 streams"),
    Figure(name="session_unary_p50_ms", unit="ms", meaning="a session's bet, one call at a time", decimals=2),
    Figure(name="session_unary_p99_ms", unit="ms", meaning="a session's bet, one call at a time", decimals=2),
    Figure(
        name="session_paced_p99_ms",
        unit="ms",
        meaning="1,000 bets in sessions a second; four windows of five are within it",
        decimals=2,
        of=Of.FOUR_IN_FIVE,
    ),
    Figure(name="session_settle_per_s", unit="/s", meaning="settlements, batches of 100, 4 in flight"),
    Figure(name="session_settle_10_ms", unit="ms", meaning="settling a session of 10 bets", decimals=2),
    Figure(name="session_settle_1k_ms", unit="ms", meaning="settling a session of 1,000 bets", decimals=2),
    Figure(name="session_settle_100k_ms", unit="ms", meaning="settling a session of 100,000 bets", decimals=2),
    Figure(name="credit_batch_writes_per_s", unit="/s", meaning="credits and debits of 20,000 wallets, batches of 100"),
    Figure(name="posting_lag_p99_s", unit="s", meaning="from a write to its posting, under that load", decimals=2),
    Figure(name="credit_unary_p50_ms", unit="ms", meaning="a wallet's credit, one call at a time", decimals=2),
    Figure(name="credit_unary_p99_ms", unit="ms", meaning="a wallet's credit, one call at a time", decimals=2),
    Figure(
        name="credit_paced_p99_ms",
        unit="ms",
        meaning="1,000 credits a second; four windows of five are within it",
        decimals=2,
        of=Of.FOUR_IN_FIVE,
    ),
    Figure(name="hot_wallet_writes_per_s", unit="/s", meaning="one wallet, batches of 100 of 64 callers at once"),
    Figure(name="hot_wallet_calls_per_s", unit="/s", meaning="one wallet, one call a write, 64 callers at once"),
    Figure(name="journal_entries_per_s", unit="/s", meaning="direct entries of two postings, 64 in flight, 10 ledgers"),
    Figure(name="retries_per_batch", unit="", meaning="batches tried again; the worst of all workloads", decimals=4),
    Figure(name="bytes_per_bet", unit="B", meaning="growth of all the wallet's tables and indexes on disk"),
    Figure(name="bare_balances_rps", unit="/s", meaning="bare HTTP endpoint, one indexed SELECT, 32 connections"),
    Figure(name="api_balances_rps", unit="/s", meaning="Wallet.API's balances, 32 connections, one process"),
    Figure(name="bare_transactions_rps", unit="/s", meaning="bare HTTP endpoint, one indexed SELECT of 50 rows"),
    Figure(name="api_transactions_rps", unit="/s", meaning="Wallet.API's history, 50 rows a page"),
    Figure(name="api_p99_ms", unit="ms", meaning="Wallet.API at half its rate, from the intended time", decimals=2),
    Figure(name="api_page_1_ms", unit="ms", meaning="one page at a time: the first, median", decimals=2),
    Figure(name="api_page_1000_ms", unit="ms", meaning="one page at a time: far back, median", decimals=2),
    Figure(
        name="cells_1_3_ratio",
        unit="",
        meaning="batch rate of three cells on one node over that of one cell",
        decimals=2,
        of=Of.MEDIAN,
    ),
    Figure(
        name="cells_1_3_unary_ratio",
        unit="",
        meaning="the same of calls, 64 in flight: batches are thinner",
        decimals=2,
        of=Of.MEDIAN,
    ),
    Figure(
        name="operators_search_p95_ms",
        unit="ms",
        meaning="BackofficeService.Search over 10,000,000 transactions, whatever is looked for; the worst",
        decimals=1,
    ),
    Figure(
        name="operators_call_p95_ms",
        unit="ms",
        meaning="every other call of BackofficeService, every filter, deep pages too; the worst",
        decimals=1,
    ),
    Figure(name="operators_page_p95_ms", unit="ms", meaning="every page of the console; the worst", decimals=1),
    Figure(
        name="bets_beside_console_ratio",
        unit="",
        meaning="batch rate beside two operators who click every two seconds, over that beside none",
        decimals=3,
        of=Of.MEDIAN,
    ),
    Figure(
        name="bets_cost_beside_console_ratio",
        unit="",
        meaning="PostgreSQL's processor time a bet, so and so, in batches and under pace",
        decimals=3,
        of=Of.MEDIAN,
    ),
    Figure(name="growth_ratio", unit="", meaning="batch rate on a grown ledger over an empty one", decimals=2),
    Figure(name="bare_publish_per_s", unit="/s", meaning="a bare aio-pika loop publishes what is relayed, confirmed"),
    Figure(name="relay_events_per_s", unit="/s", meaning="one `wallet relay` empties a full outbox"),
    Figure(name="bare_consume_per_s", unit="/s", meaning="a bare aio-pika consumer acknowledges what is consumed"),
    Figure(name="deposits_consumed_per_s", unit="/s", meaning="one `wallet consume` credits a queue full of deposits"),
    Figure(
        name="event_lag_p99_ms",
        unit="ms",
        meaning="from an event's time to its delivery, 500 calls a second",
        decimals=1,
    ),
    Figure(name="unary_bets_with_relay_per_s", unit="/s", meaning="unary_bets_per_s with relay and consumer beside"),
    Figure(name="batch_bets_with_relay_per_s", unit="/s", meaning="batch_bets_per_s with relay and consumer beside"),
    Figure(
        name="relay_lag_s",
        unit="s",
        meaning="under those batches: the most that the oldest event had waited, looked at twice a second",
        decimals=1,
    ),
)

_BY_NAME = {figure.name: figure for figure in FIGURES}


def figure_named(name: str) -> Figure:
    """Return the figure of a name, which must be known."""
    return _BY_NAME[name]


@dataclass(slots=True, kw_only=True)
class Reading:
    """What was measured for a figure, in one window or several."""

    windows: list[float]
    note: str = ""
    of: Of = Of.MEAN
    decides: bool = True
    """Whether it was measured as its target wants it; if not, the note says how."""

    @property
    def value(self) -> float:
        """The figure's value."""
        match self.of:
            case Of.MEAN:
                return fmean(self.windows)
            case Of.MEDIAN:
                return median(self.windows)
            case Of.FOUR_IN_FIVE:
                return sorted(self.windows)[math.ceil(len(self.windows) * 0.8) - 1]
            case _:
                assert_never(self.of)
