"""The command that prints what a page shows, ready to paste: what callers and operators chose is quoted for a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def command(*words: str, **options: str | int | bool | Sequence[str]) -> str:
    """Write a command: `command("players", "list", state="blocked")` is `wallet players list --state blocked`.

    Options that are empty are left out; of several values each has its option, and True is an option without a value.
    A name ends with `_` where Python has it for itself: `from_`.
    """
    written = ["wallet", *words]
    for name, value in options.items():
        option = "--" + name.rstrip("_").replace("_", "-")
        if value is True:
            written.append(option)
        elif value:
            values = [str(value)] if isinstance(value, str | int) else value
            for one in values:
                written += [option, one]
    return shlex.join(written)
