"""On what a run was measured; nothing that names the machine, its user or its folders."""

import os
import platform
from pathlib import Path
from typing import Any

import grpc
import psutil
import psycopg

from bench.servers.database import Server


def machine_facts(server: Server) -> dict[str, Any]:
    """Return what a reader needs to compare this run with another."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "filesystem": _filesystem(server.folder),
        "python": platform.python_version(),
        "postgresql": server.cluster.version,
        "grpcio": grpc.__version__,
        "psycopg": psycopg.__version__,
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _filesystem(folder: Path) -> str:
    mounts = [part for part in psutil.disk_partitions(all=True) if folder.is_relative_to(part.mountpoint)]
    return str(max(mounts, key=lambda part: len(part.mountpoint)).fstype) if mounts else "unknown"
