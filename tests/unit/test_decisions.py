"""Decisions are numbered without a gap, in their names and in their heads, and are referred to by these numbers."""

import re
import subprocess

from support.database import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
_LINK = re.compile(r"\[decision (\d+)\]\(\S*?decisions/(\d{4})-")
_NUMBER = re.compile(r"\bdecision (\d{4})\b")


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(file.name[:4]) for file in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_a_decision_has_its_number_in_its_head() -> None:
    for file in DECISIONS:
        head = re.match(r"# (\d{4}):? \S", file.read_text(encoding="utf-8"))
        assert head is not None, file.name
        assert head[1] == file.name[:4]


def test_a_reference_to_a_decision_has_its_number() -> None:
    listed = subprocess.run(
        ["git", "grep", "-hiE", "decision [0-9]+", "--", "*.py", "*.sql", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    links = _LINK.findall(listed)
    assert links
    assert [link for link in links if int(link[0]) != int(link[1])] == []
    assert {int(number) for number in _NUMBER.findall(listed)} <= set(range(1, len(DECISIONS) + 1))
