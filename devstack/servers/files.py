"""Small files of a development stack: secrets that nobody else may read, and logs that somebody wants the end of."""

import os
from pathlib import Path

_TAIL_BYTES = 4096


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, all at once: a reader sees the old text or the new, never a part."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)


def tail(path: Path, *, lines: int = 20, after: int = 0) -> str:
    """Return the last lines of a file, of what stands `after` so many bytes; empty if there is none."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(max(0 if after > size else after, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
