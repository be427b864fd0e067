"""What the console writes: amounts, CSV files, the last hour's figures, drawings of chains."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import StreamingResponse

from wallet.v1 import backoffice_pb2 as pb
from wallet_console.amounts import major, minor_of
from wallet_console.charts import WIDTH, chart
from wallet_console.command_lines import command
from wallet_console.csv_files import CsvBounds, csv_response, safe
from wallet_console.pages.transactions import drawing, t_accounts
from wallet_console.samples import Samples, Scrape, quantile_ms, read_scrape
from wallet_console.tables import Amount, Column, Table, Text


@pytest.mark.parametrize(
    ("minor", "decimals", "shown"),
    [
        ("0", 6, "0.00"),
        ("1", 6, "0.000001"),
        ("1500000", 6, "1.50"),
        ("1234567890", 6, "1 234.56789"),
        ("-1", 2, "\N{MINUS SIGN}0.01"),
        ("5", 0, "5"),
        ("123456789012345678901234567890", 18, "123 456 789 012.34567890123456789"),
    ],
)
def test_minor_units_become_major_ones(minor: str, decimals: int, shown: str) -> None:
    assert major(minor, decimals).replace("\N{NARROW NO-BREAK SPACE}", " ") == shown


def test_a_change_shows_its_sign_and_nothing_has_none() -> None:
    assert [major(minor, 2, is_signed=True) for minor in ("5", "-5", "0")] == ["+0.05", "\N{MINUS SIGN}0.05", "0.00"]


@given(minor=st.integers(0, 10**60), decimals=st.integers(0, 18))
def test_what_is_shown_is_read_back(minor: int, decimals: int) -> None:
    assert minor_of(major(str(minor), decimals), decimals) == str(minor)


@pytest.mark.parametrize("text", ["", ".", "1.", "-1", "+1", "1e3", "1,5", "1.2345678", "٣", "1.-5", "0x1", "1 . 5.5"])
def test_what_is_no_amount_is_not_read_as_one(text: str) -> None:
    assert minor_of(text, 6) is None


def test_zeros_past_the_decimals_are_none() -> None:
    assert minor_of("1.50000000", 2) == "150"


# -------------------------------------------------------------------------------------------------------------- CSV


FULLWIDTH = [
    "\N{FULLWIDTH EQUALS SIGN}1+1",
    "\N{FULLWIDTH PLUS SIGN}1",
    "\N{FULLWIDTH HYPHEN-MINUS}2+3",
    "\N{FULLWIDTH COMMERCIAL AT}SUM(A1)",
]


@pytest.mark.parametrize("text", ["=1+1", "+1+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", *FULLWIDTH])
def test_no_text_is_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "12", "-0.5", "anna", "a=b", ""])
def test_numbers_and_plain_texts_stay(text: str) -> None:
    assert safe(text) == text


@dataclass
class Line:
    name: str
    minor: str


COLUMNS: tuple[Column[Line], ...] = (
    Column("Name", lambda line: Text(line.name)),
    Column("Amount", lambda line: Amount(line.minor, 1)),
)


def a_page(*names: str, next_token: str = "") -> Table[Line]:
    return Table(
        title="Lines",
        columns=COLUMNS,
        rows=[Line(name, "-100") for name in names],
        empty="none",
        next_token=next_token,
    )


def a_file(
    first: Table[Line], page: Callable[[str, int], Awaitable[Table[Any]]], *, time_s: float = 60.0, **bounds: int
) -> StreamingResponse:
    found = CsvBounds(**({"rows": 100, "pages": 100} | bounds), time_s=time_s)
    return csv_response("lines", first, page, bounds=found, go_on=lambda token: f"/lines?after={token}")


async def lines_of(response: StreamingResponse) -> list[str]:
    return "".join([str(part) async for part in response.body_iterator]).splitlines()


async def test_a_file_has_all_pages_up_to_its_bound() -> None:
    pages = {"2": a_page("c", '"d", e', next_token="3"), "3": a_page("=f")}
    first = a_page("a", "b", next_token="2")

    async def page(token: str, _rows_left: int) -> Table[Any]:
        return pages[token]

    whole = await lines_of(a_file(first, page))
    assert whole == ["Name,Amount (minor units)", "a,-100", "b,-100", "c,-100", '"""d"", e",-100', "'=f,-100"]
    cut = await lines_of(a_file(first, page, rows=3))
    assert cut[:4] == whole[:4]
    assert cut[4:] == ['"only the first 3 rows: narrow the filters, or use the command"']


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"rows": 4}, "there is more after these 4 rows: go on at /lines?after=4"),
        ({"pages": 7}, "there is more after these 7 rows: go on at /lines?after=7"),
        ({"time_s": 0.0}, "there is more after these 1 rows: go on at /lines?after=1"),
    ],
)
async def test_a_file_of_a_list_without_end_says_where_to_go_on(bounds: dict[str, Any], said: str) -> None:
    async def page(token: str, rows_left: int) -> Table[Any]:
        assert rows_left > 0
        return a_page("more", next_token=str(int(token) + 1))

    lines = await lines_of(a_file(a_page("a", next_token="1"), page, **bounds))
    assert lines[-1] == said


async def test_pages_without_a_row_are_not_read_without_end() -> None:
    async def page(_token: str, _rows_left: int) -> Table[Any]:
        return a_page(next_token="again")

    lines = await lines_of(a_file(a_page(next_token="1"), page, pages=50))
    assert lines[1:] == ["there is more after these 0 rows: go on at /lines?after=again"]


# --------------------------------------------------------------------------------------------------------- commands


def test_a_command_can_be_pasted_whatever_a_caller_chose() -> None:
    written = command("transactions", "list", player=42, game="x; rm -rf /", kind=["bet", "win"], source="", to="$(id)")
    assert written == "wallet transactions list --player 42 --game 'x; rm -rf /' --kind bet --kind win --to '$(id)'"
    assert command("find", "a'b", json=True, from_="2026-01-01") == """wallet find 'a'"'"'b' --json --from 2026-01-01"""


# ---------------------------------------------------------------------------------------------------------- samples


METRICS = """
# TYPE wallet_calls counter
wallet_calls_total{service="wallet.v1.WalletService",method="Bet",code="OK",reason=""} 90.0
wallet_calls_total{service="wallet.v1.WalletService",method="Bet",code="RESOURCE_EXHAUSTED",reason="RATE_LIMITED"} 3.0
wallet_calls_total{service="wallet.v1.BackofficeService",method="Search",code="OK",reason=""} 7.0
wallet_calls_total{service="grpc.health.v1.Health",method="Check",code="OK",reason=""} 500.0
# TYPE wallet_call_seconds histogram
wallet_call_seconds_bucket{service="wallet.v1.WalletService",method="Bet",le="0.001"} 50.0
wallet_call_seconds_bucket{service="wallet.v1.WalletService",method="Bet",le="+Inf"} 93.0
wallet_call_seconds_bucket{service="grpc.health.v1.Health",method="Check",le="+Inf"} 500.0
wallet_call_seconds_count{service="wallet.v1.WalletService",method="Bet"} 93.0
# TYPE wallet_operations counter
wallet_operations_total{operation="bet",outcome="applied"} 88.0
wallet_operations_total{operation="bet",outcome="INSUFFICIENT_FUNDS"} 2.0
# TYPE wallet_queue_full counter
wallet_queue_full_total 8.0
# TYPE wallet_rate_limited counter
wallet_rate_limited_total{limit="share"} 4.0
wallet_rate_limited_total{limit="rate"} 2.0
# TYPE wallet_queued_operations gauge
wallet_queued_operations 7.0
# TYPE wallet_backlog_oldest_seconds gauge
wallet_backlog_oldest_seconds{queue="outbox",cell="0"} 1.5
wallet_backlog_oldest_seconds{queue="outbox",cell="1"} 2.5
wallet_backlog_oldest_seconds{queue="inbox",cell=""} 9.0
# TYPE wallet_posting_lag_seconds gauge
wallet_posting_lag_seconds 0.5
# TYPE wallet_other gauge
wallet_other 1.0
"""
BET = ("", "wallet.v1.WalletService", "Bet")


def test_a_scrape_is_read_without_what_operators_and_probes_ask() -> None:
    assert read_scrape(METRICS) == Scrape(
        calls={(*BET, "OK", ""): 90.0, (*BET, "RESOURCE_EXHAUSTED", "RATE_LIMITED"): 3.0},
        buckets={(*BET, "0.001"): 50.0, (*BET, "+Inf"): 93.0},
        operations={
            ("", "bet", "applied"): 88.0,
            ("", "bet", "INSUFFICIENT_FUNDS"): 2.0,
            ("", "", "QUEUE_FULL"): 8.0,
            ("", "", "RATE_LIMITED"): 4.0,
        },
        queued=7.0,
        outbox_age_s=2.5,
        posting_lag_s=0.5,
    )


def test_quantiles_are_even_within_a_bucket() -> None:
    buckets = {0.001: 50.0, 0.01: 100.0, float("inf"): 100.0}
    assert quantile_ms(buckets, 0.5) == pytest.approx(1.0)
    assert quantile_ms(buckets, 0.75) == pytest.approx(5.5)
    assert quantile_ms({0.001: 0.0, float("inf"): 4.0}, 0.5) == pytest.approx(1.0)
    assert quantile_ms({0.001: 0.0, float("inf"): 0.0}, 0.5) is None
    assert quantile_ms({}, 0.5) is None


def samples_of(*urls: str) -> Samples:
    return Samples(SimpleNamespace(metrics_urls=urls, console_metrics_interval_ms=10_000))  # type: ignore[arg-type]


def calls(answered: float, refused: float = 0.0) -> Scrape:
    """A process that answered calls, each in a millisecond at most, and refused some."""
    return Scrape(
        calls={("Bet", ""): answered, ("Bet", "X"): refused},
        operations={("bet", "applied"): answered, ("bet", "Y"): refused},
        buckets={("Bet", "0.001"): answered, ("Bet", "+Inf"): answered},
    )


def test_what_processes_did_is_summed_and_a_new_process_counts_from_zero() -> None:
    samples = samples_of("a", "b")
    samples.note({"a": calls(100, 5), "b": calls(1_000)}, 1_000.0)
    samples.note({"a": calls(120, 9), "b": calls(30)}, 1_010.0)
    (sample,) = samples.kept
    assert (sample.calls_per_s, sample.refused_calls_per_s, sample.answered) == (pytest.approx(5.4), 0.4, 2)
    assert (sample.mutations_per_s, sample.refused_mutations_per_s) == (pytest.approx(5.4), 0.4)
    assert (sample.p50_ms, sample.p99_ms) == (pytest.approx(0.5), pytest.approx(0.99))
    assert samples.refused_by_hour == {0: {("calls", "X"): 4, ("mutations", "Y"): 4}}


def test_what_a_process_did_before_its_first_look_is_no_part_of_the_last_hour() -> None:
    samples = samples_of("a", "b")
    samples.note({"a": calls(100)}, 1_000.0)
    samples.note({"a": calls(110), "b": calls(5_000_000)}, 1_010.0)
    samples.note({"a": calls(120), "b": calls(5_000_010)}, 1_020.0)
    assert [sample.calls_per_s for sample in samples.kept] == [1.0, 2.0]


def test_a_process_that_was_silent_for_a_while_did_not_do_it_all_at_once() -> None:
    samples = samples_of("a", "b")
    samples.note({"a": calls(0), "b": calls(0)}, 1_000.0)
    samples.note({"a": calls(0)}, 1_010.0)
    samples.note({"a": calls(0)}, 1_020.0)
    samples.note({"a": calls(0), "b": calls(300)}, 1_030.0)
    assert [(sample.calls_per_s, sample.answered) for sample in samples.kept] == [(0, 1), (0, 1), (10, 2)]


def test_refusals_are_kept_for_a_day() -> None:
    samples = samples_of("a")
    for hour in range(30):
        samples._count_refused({("calls", "X"): 1.0}, hour * 3_600.0 + 5)
    assert sorted(samples.refused_by_hour) == [hour * 3_600 for hour in range(6, 30)]


def test_a_chart_ends_at_its_right_edge_and_needs_a_value() -> None:
    drawn = chart("Calls", [(0.0, 1.0), (1_800.0, 2.0), (3_600.0, 4.0)], unit="/s", span_s=3_600)
    assert drawn.points.split()[-1].startswith(f"{WIDTH}.0,")
    assert (drawn.value, drawn.highest) == ("4.00 /s", "4.00 /s")
    assert chart("Calls", [(0.0, None)], unit="/s", span_s=3_600).points == ""


# ----------------------------------------------------------------------------------------------------------- chains


def linked(tx_id: str, *, of: str = "", reverses: str = "", asked: bool = False) -> pb.ChainTransaction:
    link = pb.CHAIN_LINK_ASKED if asked else pb.CHAIN_LINK_REFERRER
    item = pb.ChainTransaction(link=link)
    item.transaction.tx_id = tx_id
    item.transaction.reference_tx_id = of
    item.transaction.reverses_tx_id = reverses
    return item


def test_what_refers_to_something_stands_right_of_it_and_nothing_covers_anything() -> None:
    chain = [
        linked("bet"),
        linked("win", of="bet", asked=True),
        linked("more", of="bet"),
        linked("undone", reverses="win"),
    ]
    steps = {step.transaction.tx_id: step for step in drawing(chain)}
    assert steps["bet"].x < steps["win"].x == steps["more"].x < steps["undone"].x
    assert len({(step.x, step.y) for step in steps.values()}) == 4
    assert [name for name, step in steps.items() if step.is_asked] == ["win"]
    assert [name for name, step in steps.items() if step.has_line] == ["win", "more", "undone"]


def test_a_chain_that_bites_its_tail_is_drawn_all_the_same() -> None:
    assert len(drawing([linked("a", of="b", asked=True), linked("b", of="a")])) == 2


def test_postings_are_laid_out_by_account() -> None:
    posting = SimpleNamespace
    sides = t_accounts(
        [
            posting(account="MAIN", amount_minor="-5", balance_after_minor="95"),
            posting(account="HOUSE:WAGER", amount_minor="5", balance_after_minor=""),
        ]
    )
    assert [(side.account, side.debits, side.credits, side.balance_after) for side in sides] == [
        ("MAIN", ["5"], [], "95"),
        ("HOUSE:WAGER", [], ["5"], ""),
    ]
