"""The rule book: what code, SQL, protos and tests refer to is there, and every acceptance case has its test."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "docs" / "rules.md"
CASES = ROOT / "docs" / "acceptance.md"

_TOLD_IN = (".py", ".sql", ".proto", ".toml", ".md", ".yaml", "Makefile")
_REFERENCE = re.compile(r"(?:docs/)?(rules|acceptance)\.md[,:] (.+?)(?=[);:\"]|\. |\.$|$)")
_RULE = re.compile(r"\brules? (\d+)(?: to (\d+))?(?: and (\d+))?")
_ABSENT = re.compile(r"\b(?:contract|design|house|style)\.md\b")
_CASE_TEST = re.compile(r"def test_case_0*(\d+[a-z]?)_")


def told_files() -> Iterator[Path]:
    """Give the files of the repository that may refer to the rule book, but this one, whose examples lead nowhere."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.endswith(_TOLD_IN) and (ROOT / name).exists() and ROOT / name != Path(__file__).resolve():
            yield ROOT / name


def headings(document: Path) -> set[str]:
    return set(re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE))


def references(text: str) -> Iterator[tuple[str, str]]:
    """Give what a text refers to: the document, and the words after it, over line ends."""
    joined = re.sub(r"\n\s*(?:#|--|//)?\s*", " ", text)
    for found in _REFERENCE.finditer(joined):
        yield found[1], found[2]


def unresolved(words: str, titles: set[str]) -> list[str]:
    """Give what does not resolve: each rule's number, or else the heading."""
    numbers = [number for found in _RULE.finditer(words) for number in found.groups() if number]
    if numbers:
        known = {found[1] for title in titles if (found := re.match(r"Rule (\d+)\b", title))}
        return [f"rule {number}" for number in numbers if number not in known]
    return [] if any(words.startswith(title) for title in titles) else [words]


def test_every_reference_resolves() -> None:
    titles = {"rules": headings(RULES), "acceptance": headings(CASES)}
    lost = [
        f"{path.relative_to(ROOT)}: {name}.md has no {what!r}"
        for path in told_files()
        for name, words in references(path.read_text())
        for what in unresolved(words, titles[name])
    ]
    assert not lost, "\n".join(lost)


def test_nothing_refers_to_a_document_that_is_not_here() -> None:
    absent = [
        f"{path.relative_to(ROOT)}: {found[0]}" for path in told_files() for found in _ABSENT.finditer(path.read_text())
    ]
    assert not absent, "\n".join(absent)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""Wins (docs/rules.md, rule 2)."""', []),
        ('"""Wins (docs/rules.md, rules 2 to 11)."""', ["rule 11"]),
        ("-- see docs/rules.md, Events: what is told", []),
        ("# docs/rules.md, Evenings: what is told", ["Evenings"]),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(text: str, expected: list[str]) -> None:
    ((_, words),) = references(text)
    assert unresolved(words, headings(RULES)) == expected


def test_every_acceptance_case_has_its_test_and_every_test_its_case() -> None:
    told = set(re.findall(r"^\| (\d+[a-z]?) \|", CASES.read_text(), flags=re.MULTILINE))
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    tested = set(_CASE_TEST.findall(tests))
    assert told == tested


def test_decisions_have_a_number_each() -> None:
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    numbers = [name.split("-")[0] for name in names]
    assert len(set(numbers)) == len(numbers), names
    titles = {name: (ROOT / "docs" / "decisions" / name).read_text().splitlines()[0] for name in names}
    assert [name for name, title in titles.items() if not title.startswith(f"# {name.split('-')[0]}")] == []
