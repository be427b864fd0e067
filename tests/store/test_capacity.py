"""docs/capacity.md: its formulas and figures are what a running server, its database and its processes show."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
from support.copies import ROOT
from support.database import Installation
from support.requests import Player
from support.server import WalletServer

from wallet_api.settings import ApiSettings
from wallet_grpc.settings import Settings

New = Callable[..., Installation]

PAGE = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
AT_ONCE, BETS_OF_EACH = 20, 15
BATCHES, IN_A_BATCH = 20, 100
ROOM = 1.5
"""What a short ledger, whose last pages are not full, takes above a long one, a bet."""
A_CALL, A_BATCHED = "a call of one mutation, `wallet serve`", "a mutation in a batch of 100, `wallet serve`"
APART = 3.0
"""How far what a call costs in batched mutations may be from the page: both are taken beside other tests."""
_SESSIONS = "SELECT usename, count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1"
_SIZE = """
SELECT sum(pg_table_size(oid) + pg_indexes_size(oid)) FROM pg_class
WHERE relkind = 'r' AND relname IN ('ledger_transactions', 'ledger_entries')
"""


def figure(name: str) -> float:
    """Read a figure of the page: the first number in the second cell of its row."""
    (number,) = re.findall(rf"^\| {re.escape(name)} \| ([\d,.]+) ", PAGE, re.MULTILINE)
    return float(number.replace(",", ""))


def connections(process: str, **settings: int) -> int:
    """Work out the page's formula of a process, with the defaults of what is not said."""
    (formula,) = re.findall(rf"^    {process} {{2,}}(.+)$", PAGE, re.MULTILINE)
    fields = {**ApiSettings.model_fields, **Settings.model_fields}
    names = {name: field.default for name, field in fields.items()} | settings
    return int(eval(formula.replace(" x ", " * "), {"__builtins__": {}}, names))  # noqa: S307 - of our own page


def test_a_server_costs_what_the_page_says(new_installation: New) -> None:
    installation = new_installation()
    lanes, reads = 3, 5
    with WalletServer(installation, WALLET_LANES=str(lanes), WALLET_READ_CONNECTIONS_MAX=str(reads)) as server:
        wallet = server.wallet()
        players = [wallet.player("1000000000") for _ in range(AT_ONCE)]
        process = psutil.Process(server.process.pid)

        def call(player: Player) -> None:
            for _ in range(BETS_OF_EACH):
                wallet.applied(player.bet("1"))

        size = stored_bytes(installation)
        with ThreadPoolExecutor(AT_ONCE) as callers:
            list(callers.map(call, players))  # a server that has just started is dearer: this is not counted
            began_s = processor_s(process)
            list(callers.map(call, players))
            called_s = processor_s(process)
        for _ in range(BATCHES):
            wallet.batch([players[number % AT_ONCE].bet("1") for number in range(IN_A_BATCH)])
        batched_s = processor_s(process)
        call_us = (called_s - began_s) / (AT_ONCE * BETS_OF_EACH) * 1e6
        mutation_us = (batched_s - called_s) / (BATCHES * IN_A_BATCH) * 1e6
        bytes_each = (stored_bytes(installation) - size) / (2 * AT_ONCE * BETS_OF_EACH + BATCHES * IN_A_BATCH)
        held = dict(installation.rows(_SESSIONS))
        resident_mib = process.memory_info().rss / 2**20
    seen = f"{bytes_each:.0f} B, {resident_mib:.0f} MiB, {call_us:.0f} and {mutation_us:.0f} us, {held}"
    of_service = held["wallet_service"] + held.get("wallet_backoffice", 0)
    assert 2 * lanes < of_service <= connections("serve", lanes=lanes, read_connections_max=reads), seen
    assert bytes_each < ROOM * figure("a bet, in the ledger"), seen
    assert resident_mib < figure("`wallet serve`"), seen
    by_the_page = figure(A_CALL) / figure(A_BATCHED)
    assert by_the_page / APART < call_us / mutation_us < by_the_page * APART, seen


def processor_s(process: psutil.Process) -> float:
    """Give the processor time that a process has used, in seconds."""
    used = process.cpu_times()
    return float(used.user + used.system)


def stored_bytes(installation: Installation) -> int:
    ((size,),) = installation.rows(_SIZE)
    return int(size)


def test_the_examples_are_what_the_formulas_give() -> None:
    """Of each rate: pods, and the connections that they may come to."""
    rows = re.findall(
        r"^\| ([\d,]+) /s \| (\d+) serve, (\d+) consume, (\d+) relay, (\d+) api \| (\d+) \|", PAGE, re.MULTILINE
    )
    assert [rate for rate, *_ in rows] == ["100", "1,000", "10,000"]
    for _, *counts, told in rows:
        each = [connections(process) for process in ("serve", "consume", "relay", "api")]
        assert int(told) == sum(int(count) * of_one for count, of_one in zip(counts, each, strict=True))
