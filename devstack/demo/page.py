"""How the demo looks in a terminal: chapters of a heading, a few sentences and a table; made for 100 columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from devstack.demo.running_wallet import Accepted, Refused, call_name
from wallet.v1 import wallet_pb2 as pb

_WIDTH = 100
_SENT_WIDTH = 50
_IDS = ("transaction_id", "deposit_id", "withdrawal_id")
_TOLD_ONCE = {*_IDS, "player_id", "currency_network_id", "game_code", "round_id"}
"""Fields that a row leaves out: the id is beside the call, the others are in the text of the chapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A mutation and what became of it."""

    request: Message
    answer: Accepted | Refused
    surprise: str = ""


def _console() -> Console:
    console = Console(highlight=False)
    console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    return console


@dataclass(slots=True, kw_only=True)
class Page:
    """What the demo writes on."""

    currency: str
    decimals: int
    console: Console = field(default_factory=_console)
    _chapters: int = 0

    def chapter(self, title: str, text: str, *, place: str = "") -> None:
        """Begin a chapter; the place is the game's, where it plays in one."""
        self._chapters += 1
        self.console.print()
        self.console.rule(f"[bold]{self._chapters}. {title}[/]", align="left", style="dim")
        self.text(text)
        if place:
            self.text(f"[dim]{place}[/]")

    def text(self, text: str) -> None:
        """Write a paragraph."""
        self.console.print(Padding(text, (0, 0, 0, 1), expand=False))

    def steps(self, steps: Sequence[Step]) -> None:
        """Write what was sent and what came back, a row each."""
        table = _table(leading=1)
        table.add_column("sent", width=_SENT_WIDTH)
        table.add_column("came back", ratio=1)
        table.add_column("balance after", justify="right")
        for step in steps:
            table.add_row(self._sent(step.request), self._came_back(step), _balance_after(step.answer))
        self.console.print(table)

    def amounts(self, amounts: Iterable[tuple[str, str]], *, title: str) -> None:
        """Write named amounts: in minor units, and as people say them."""
        table = _table()
        table.add_column(title)
        table.add_column("minor units", justify="right")
        table.add_column(self.currency, justify="right")
        for name, minor in amounts:
            table.add_row(name, minor, self.major(minor))
        self.console.print(table)

    def postings(self, postings: Iterable[pb.Posting]) -> None:
        """Write the rows of one transaction in the ledger."""
        table = _table()
        table.add_column("account")
        table.add_column("amount_minor", justify="right")
        table.add_column(self.currency, justify="right")
        table.add_column("balance_after_minor", justify="right")
        for row in postings:
            table.add_row(row.account, row.amount_minor, self.major(row.amount_minor), row.balance_after_minor)
        self.console.print(table)

    def events(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Write CloudEvents of the wallet, a row each."""
        table = _table()
        table.add_column("sequence", justify="right")
        table.add_column("type, wallet.")
        table.add_column("of")
        table.add_column(f"amount, {self.currency}", justify="right")
        table.add_column(f"balance after, {self.currency}", justify="right")
        for event in events:
            data = event["data"]
            amounts = self.major(data["amountMinor"]), self.major(data["balanceAfterMinor"])
            table.add_row(
                str(event["sequence"]), event["type"].removeprefix("wallet."), data["transactionId"], *amounts
            )
        self.console.print(table)

    def major(self, minor: str) -> str:
        """Return minor units as people say them."""
        return f"{Decimal(minor).scaleb(-self.decimals).normalize():f}" if minor else ""

    def _sent(self, request: Message) -> Text:
        values = {descriptor.name: value for descriptor, value in request.ListFields()}
        first = next((str(values[name]) for name in _IDS if name in values), "")
        cell = Text.assemble((call_name(request), "bold"), "  ", first)
        for name, value in values.items():
            if name not in _TOLD_ONCE:
                cell.append(f"\n  {name} ", style="dim")
                cell.append_text(self._value(name, value))
        return cell

    def _value(self, name: str, value: object) -> Text:
        match value:
            case bool():
                return Text(str(value).lower())
            case int() if name == "win_kind":
                return Text(next(kind for kind, number in pb.WinKind.items() if number == value))
            case str() if name.endswith("_minor"):
                return Text.assemble(value, (f"  = {self.major(value)} {self.currency}", "dim"))
            case _:
                return Text(str(value))

    def _came_back(self, step: Step) -> Text:
        answer = step.answer
        if isinstance(answer, Accepted):
            cell = Text.assemble((answer.status, "green"), (", replayed" if answer.replayed else "", "cyan"))
        else:
            cell = Text.assemble((answer.reason, "yellow"), (f"\n  {answer.status}", "dim"))
            for name, value in sorted(answer.metadata.items()):
                cell.append(f"\n  {name} ", style="dim")
                cell.append(value)
        if step.surprise:
            cell.append(f"\nNOT AS TOLD: {step.surprise}", style="bold red")
        return cell


def _balance_after(answer: Accepted | Refused) -> str:
    return answer.balance_after_minor if isinstance(answer, Accepted) else ""


def _table(*, leading: int = 0) -> Table:
    return Table(box=box.SIMPLE_HEAD, leading=leading, header_style="dim", expand=leading > 0, border_style="dim")
