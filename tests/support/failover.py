"""A primary with a synchronous standby, over and over: the primary is killed, the standby promoted, the killed one
comes back as its standby.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from devstack.servers.postgres import PostgresCluster
from support.database import Cluster, Installation
from support.proxy import Proxy
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

    def of_both(self, dsn: str, *, by_port: int | None = None) -> str:
        """Return a DSN of a database as one that names both hosts, and takes the one that can write.

        `by_port` is where the one that leads now is reached, unless it is its own.
        """
        ports = f"{by_port or self._standby.primary.port},{self._standby.postgres.port}"
        host = conninfo_to_dict(dsn)["host"]
        return make_conninfo(dsn, host=f"{host},{host}", port=ports, target_session_attrs="read-write")

    def follow_through(self, proxy: Proxy) -> None:
        """Have the standby reach its primary by a way that can be cut."""
        self._standby.follow_at(port=proxy.port)

    def fail_over(self) -> None:
        """Kill the primary as a power cut would, and promote the standby."""
        self._standby.primary.kill()
        self.promote()

    def promote(self) -> None:
        """Promote the standby, whatever became of the primary."""
        self._standby.promote()
        self._standby = Standby(self._standby.postgres, self._standby.primary)

    def fence(self) -> None:
        """End the one that led before, as whoever promotes has to."""
        self._standby.postgres.kill()

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
