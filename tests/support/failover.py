"""A primary with a synchronous standby, over and over: the primary is killed, the standby promoted, the killed one
comes back as its standby.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from devstack.servers.postgres import PostgresCluster
from support.database import Cluster, Installation
from support.standby import Standby, copy_primary, running_standby


class Pair:
    """Two private PostgreSQLs of which one leads. Every commit waits for the other one."""

    def __init__(self, cluster: Cluster, standby: Standby) -> None:
        self._cluster = cluster
        self._standby = standby

    @property
    def primary(self) -> PostgresCluster:
        return self._standby.primary

    def led(self, installation: Installation) -> Installation:
        """Return the same database on whichever leads now."""
        return replace(installation, cluster=replace(self._cluster, admin_dsn=self.primary.superuser_dsn))

    def of_both(self, dsn: str) -> str:
        """Return a DSN of a database as one that names both hosts, and takes the one that can write."""
        ports = ",".join(str(each.port) for each in (self._standby.primary, self._standby.postgres))
        host = conninfo_to_dict(dsn)["host"]
        return make_conninfo(dsn, host=f"{host},{host}", port=ports, target_session_attrs="read-write")

    def fail_over(self) -> float:
        """Kill the primary as a power cut would, and promote the standby; tells how long the promotion took, in s."""
        self._standby.primary.kill()
        began = time.monotonic()
        self._standby.promote()
        self._standby = Standby(self._standby.postgres, self._standby.primary)
        return time.monotonic() - began

    def rejoin(self) -> None:
        """Have the one that was killed follow the other, and every commit wait for it."""
        copy_primary(self._standby.primary, self._standby.postgres)
        self._standby.start()
        self._standby.become_synchronous()


@contextmanager
def running_pair(cluster: Cluster, postgres: PostgresCluster) -> Iterator[Pair]:
    """Give a running PostgreSQL a synchronous standby, for the time of the block."""
    with running_standby(postgres) as standby:
        standby.become_synchronous()
        yield Pair(cluster, standby)
