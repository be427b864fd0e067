"""What a process shows to Prometheus, and what docs/metrics.md says that it does."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from support.database import ROOT

_PAGE = ROOT / "docs" / "metrics.md"
_NAMED = re.compile(r"`([a-z_]+)(?:\{([a-z_,]+)\})?`")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A metric as the page tells it."""

    name: str
    labels: frozenset[str]
    kind: str
    processes: Sequence[str]


def told_metrics() -> Iterator[TableRow]:
    """Give every metric of every table of the page."""
    for line in _PAGE.read_text().splitlines():
        if line.startswith("| `"):
            named, kind, processes, _ = (cell.strip() for cell in line.strip("|").split("|", maxsplit=3))
            for name, labels in _NAMED.findall(named):
                yield TableRow(
                    name=name,
                    labels=frozenset(labels.split(",")) - {""},
                    kind=kind,
                    processes=processes.split(", "),
                )


class Scrape:
    """What a process shows at one moment."""

    def __init__(self, address: str) -> None:
        with urlopen(f"http://{address}/metrics", timeout=30) as answer:
            self.text = answer.read().decode()
        self.families: dict[str, Metric] = {}
        for family in text_string_to_metric_families(self.text):
            self.families[f"{family.name}_total" if family.type == "counter" else family.name] = family

    def labels_of(self, name: str) -> set[frozenset[str]]:
        """Return the names of the labels that samples of a metric have; of a histogram without its buckets'."""
        return {frozenset(sample.labels) - {"le"} for sample in self.families[name].samples}

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of this name that have these labels among theirs; 0 without any."""
        samples = [sample for family in self.families.values() for sample in family.samples]
        return sum(
            sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
        )
