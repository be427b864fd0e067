"""A contract for import-linter: some packages load what a list allows and the standard library, and nothing else.

A list of what is forbidden goes stale: a module that comes later is on nobody's list. What is imported through an
allowed module counts as well, and so do the `__init__.py` of the packages that it lies in: Python runs them.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowListContract(Contract):
    """`source_modules` (packages) may load `allowed_modules` (modules, or packages with all that is in them)."""

    source_modules = fields.SetField(subfield=fields.StringField())
    allowed_modules = fields.SetField(subfield=fields.StringField(), required=False, default=set())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - import-linter calls it so
        """Follow every import from the source packages; a chain that leaves the list breaks the contract."""
        del verbose
        sources: set[Any] = self.source_modules  # type: ignore[assignment] # a field's value, once there is a contract
        listed: set[Any] = self.allowed_modules  # type: ignore[assignment]
        unknown = sorted((sources | listed) - graph.modules)
        waiting = deque(module for source in sources & graph.modules for module in (source, *_within(graph, source)))
        importer_of: dict[str, str | None] = dict.fromkeys(waiting)
        foreign: list[str] = []
        while waiting:
            importer = waiting.popleft()
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                for loaded in _run_by_import_of(imported):
                    if loaded in importer_of or loaded not in graph.modules:
                        continue
                    importer_of[loaded] = importer
                    if loaded != imported or _is_allowed(loaded, sources | listed):
                        waiting.append(loaded)
                    else:
                        foreign.append(loaded)
        chains = [" <- ".join(_chain(module, importer_of)) for module in sorted(foreign)]
        return ContractCheck(kept=not chains and not unknown, metadata={"chains": chains, "unknown": unknown})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each module that is not on the list, and by whom it is imported."""
        for module in check.metadata["unknown"]:
            output.print_error(f"- {module} is not there: a stale name in the contract, or it is imported by nobody")
        for chain in check.metadata["chains"]:
            output.print_error(f"- {chain}")
        output.new_line()


def _within(graph: ImportGraph, package: str) -> set[str]:
    return set() if graph.is_module_squashed(package) else graph.find_descendants(package)


def _run_by_import_of(module: str) -> Iterator[str]:
    """Give a module and the packages around it, whose `__init__.py` Python runs first."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def _is_allowed(module: str, allowed: set[str]) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names or any(
        package in allowed for package in _run_by_import_of(module)
    )


def _chain(module: str, importer_of: dict[str, str | None]) -> Iterator[str]:
    step: str | None = module
    while step is not None:
        yield step
        step = importer_of[step]
