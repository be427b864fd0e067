"""The image's files: what the Dockerfile copies is let through to it, and is all that the wheel is built from."""

import tomllib

from support.database import ROOT


def test_what_is_copied_is_let_through() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert copied() == let_through
    assert not [name for name in let_through if not (ROOT / name).exists()]


def test_every_package_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip(".*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert {"pyproject.toml", "migrations", *packages} <= copied()


def copied() -> set[str]:
    """Give what the Dockerfile takes out of the checkout."""
    lines = [line.split() for line in (ROOT / "Dockerfile").read_text().splitlines()]
    return {name for line in lines if line[:1] == ["COPY"] and not line[1].startswith("-") for name in line[1:-1]}
