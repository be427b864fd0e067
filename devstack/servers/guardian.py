"""A small process that outlives its parent by moments: it stops the parent's server, then ends.

Started by `process.guard` as a plain script with the standard library only, so that it is cheap to have.
Arguments: parent pid, server pid, the server's start time in ticks, signal name, grace in seconds.
"""

import os
import signal
import sys
import time
from pathlib import Path

_POLL_INTERVAL_S = 0.25


def main() -> None:
    """Watch until the server or the parent ends; in the latter case end the server as well."""
    parent_pid, ward_pid, started_ticks, signal_name, grace_s = sys.argv[1:]
    ward = int(ward_pid)
    while os.getppid() == int(parent_pid):
        if not _is_alive(ward, started_ticks):
            return
        time.sleep(_POLL_INTERVAL_S)
    deadline = time.monotonic() + float(grace_s)
    _send(ward, started_ticks, signal.Signals[signal_name])
    while _is_alive(ward, started_ticks):
        if time.monotonic() > deadline:
            _send(ward, started_ticks, signal.SIGKILL)
            return
        time.sleep(_POLL_INTERVAL_S)


def _is_alive(pid: int, started_ticks: str) -> bool:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in {"Z", "X"} and fields[19] == started_ticks


def _send(pid: int, started_ticks: str, number: signal.Signals) -> None:
    if _is_alive(pid, started_ticks):
        os.kill(pid, number)


if __name__ == "__main__":
    main()
