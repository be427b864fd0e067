"""A private RabbitMQ node in a folder: made, started, stopped, killed and started again.

It listens on 127.0.0.1 only, under the account of whoever starts it, and lets one user in, whose password was made for
this folder. Erlang nodes find each other through a daemon, epmd, which usually outlives them: this node has one of its
own, as a child process, which ends with it. One process owns the folder at a time. If the owner dies without stopping
the node, guardians stop it; if those die as well, the next start stops what it finds and goes on.
"""

import shutil
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Self
from urllib.parse import quote

from devstack.servers import process
from devstack.servers.files import tail
from devstack.servers.ports import becomes_free, kept_or_new, listens
from devstack.servers.private_server import PrivateServer
from devstack.servers.process import ProcessId
from devstack.servers.rabbitmq_folder import (
    NodeRecord,
    RabbitError,
    epmd_title,
    node_mark,
    program_environment,
    record_path,
    write_configuration,
)
from devstack.servers.rabbitmq_programs import RabbitPrograms, find_or_install

_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = 1  # what an answer to the header begins with; a broker that refuses the version sends a header instead
_ANSWER_TIMEOUT_S = 5.0
_READY_POLL_S = 0.1
_PORT_POLL_S = 0.03
_PORT_RELEASE_WAIT_S = 5.0
_EPMD_TIMEOUT_S = 10.0
_CTL_TIMEOUT_S = 180.0
_GONE_TIMEOUT_S = 30.0
_ORPHAN_GRACE_S = 30.0


class RabbitNode(PrivateServer):
    """A private RabbitMQ node. Blocking; not for use by two threads at once."""

    def __init__(self, *, folder: Path, record: NodeRecord, programs: RabbitPrograms) -> None:
        super().__init__(folder, log_name="rabbitmq.log")
        self._record = record
        self._programs = programs
        self._was_ready = False
        self._epmd: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None
        self._guardians: list[subprocess.Popen[bytes]] = []

    @classmethod
    def create_or_open(cls, data_dir: Path | str, *, programs: RabbitPrograms | None = None) -> Self:
        """Open the node of a folder; its data are made at the first start.

        Args:
            data_dir: The folder; created with its parents.
            programs: RabbitMQ's programs; by default those of this machine, installed if need be and if we may.

        Raises:
            BrokerUnavailableError: There are no programs.
            RabbitError: The folder has data, but nothing says of which node.
        """
        folder = Path(data_dir).resolve()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / "mnesia").exists() and not record_path(folder).exists():
            raise RabbitError(f"{folder}/mnesia has no node.json beside it, so its password is lost: move it away")
        return cls(folder=folder, record=NodeRecord.load_or_new(folder), programs=programs or find_or_install())

    # ---- starting, ending

    def start(self, *, timeout_s: float = 120.0) -> None:
        """Start the node and return when it answers AMQP; does nothing if it runs already.

        Raises:
            FolderInUseError: Another living process owns the folder.
            RabbitError: It did not come up; the message ends with the log's last lines.
        """
        self.launch()
        self.wait_until_ready(timeout_s=timeout_s)

    def launch(self) -> None:
        """Start the node without waiting for it; does nothing if it runs already.

        What an earlier owner left running is ended first. The AMQP port is that of the last time; another one is taken
        only if a stranger holds it, and never once this object's node was ready: its users know the port.

        Raises:
            FolderInUseError: Another living process owns the folder.
            RabbitError: Its port is taken, or epmd did not start.
        """
        if self.running:
            return
        self._end_helpers()
        self._take_lock()
        try:
            self._end_left_overs()
            self._choose_ports()
            self._begin_anew_if_never_ready()
            write_configuration(self._folder, self._record)
            self._epmd = self._spawn_epmd()
            self._node = self._run([self._programs.server])
            self._guard(self._node, self._epmd)
        except BaseException:
            self.kill()
            raise

    def wait_until_ready(self, *, timeout_s: float = 120.0) -> None:
        """Wait until a launched node answers AMQP; what does not come up is ended.

        Raises:
            RabbitError: It ended, or the time is up; the message ends with the log's last lines.
        """
        try:
            self._await_answer(timeout_s=timeout_s)
        except BaseException:
            self.kill()
            raise
        self._unfinished.unlink(missing_ok=True)
        self._was_ready = True

    def stop(self, *, timeout_s: float = 30.0) -> None:
        """Stop the node and let go of the folder; by force after the time is up. Does nothing if it does not run."""
        if self._node is not None and self.running:
            self._node.terminate()  # RabbitMQ takes it as `rabbitmqctl shutdown`
            try:
                self._node.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                return
        self._let_go()

    def kill(self) -> None:
        """End the node as a power cut would: SIGKILL to Erlang's VM and all its children; wait until they are gone.

        `start` works again afterwards, on the same data and port.
        """
        if self._node is not None:
            node = ProcessId.of(self._node.pid)
            if node is not None:
                _kill([node], reap=self._node)
        self._let_go()

    @property
    def running(self) -> bool:
        """Whether the node that this object started lives; it may not be ready yet."""
        return self._node is not None and self._node.poll() is None

    # ---- using

    @property
    def amqp_url(self) -> str:
        """The URL of the default virtual host, with user and password."""
        return self.url("/")

    def url(self, vhost: str) -> str:
        """Return the URL of a virtual host, with user and password."""
        path = "" if vhost == "/" else quote(vhost, safe="")
        return f"amqp://{self._record.user}:{quote(self._record.password, safe='')}@127.0.0.1:{self.port}/{path}"

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on the node and return what it printed. It takes a second or two.

        Raises:
            RabbitError: It failed.
        """
        try:
            done = subprocess.run(
                [self._programs.ctl, "--quiet", *arguments],
                env=program_environment(self._folder, self._record, search_path=self._programs.search_path),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_CTL_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise RabbitError(f"rabbitmqctl {arguments[0]} took more than {_CTL_TIMEOUT_S:.0f} s") from error
        if done.returncode != 0:
            raise RabbitError(f"rabbitmqctl {arguments[0]} failed:\n{done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def settle(self) -> None:
        """Have the node write its tables to disk now; for whoever kills it right after they declared a quorum queue.

        RabbitMQ up to the spring of 2024 (Debian 12) writes the name of a new quorum queue up to a second late
        (rabbitmq/ra#443). A node that is killed before forgets what the queue holds, and it never has a leader again.
        """
        self.ctl("eval", "[ok = dets:sync(Table) || Table <- dets:all()].")

    @property
    def port(self) -> int:
        """The AMQP port on 127.0.0.1."""
        return self._record.port

    @property
    def epmd_port(self) -> int:
        """The port on 127.0.0.1 of the node's own epmd."""
        return self._record.epmd_port

    @property
    def node_name(self) -> str:
        """Erlang's name of the node, which its data are bound to."""
        return self._record.node_name

    @property
    def pid(self) -> int | None:
        """The pid of Erlang's VM while it runs."""
        return self._node.pid if self._node is not None and self.running else None

    @property
    def description(self) -> str:
        """One line for people: version, place."""
        return f"RabbitMQ {self._programs.version} on port {self.port} in {self._folder}"

    # ---- launching

    def _choose_ports(self) -> None:
        record = self._record
        if self._was_ready and not becomes_free(record.port, timeout_s=_PORT_RELEASE_WAIT_S):
            raise RabbitError(f"Port {record.port}, which {self.node_name} had before, is taken by somebody else")
        self._record = replace(
            record,
            port=kept_or_new(record.port, timeout_s=_PORT_RELEASE_WAIT_S),
            dist_port=kept_or_new(record.dist_port, timeout_s=_PORT_RELEASE_WAIT_S),
            epmd_port=kept_or_new(record.epmd_port, timeout_s=_PORT_RELEASE_WAIT_S),
        )
        self._record.store(self._folder)

    def _begin_anew_if_never_ready(self) -> None:
        """Remove what an interrupted first start left: it may lack the user, and nobody has been told of it yet."""
        mnesia = self._folder / "mnesia"
        if self._unfinished.exists():
            shutil.rmtree(mnesia, ignore_errors=True)
        if not mnesia.exists():
            self._unfinished.touch()
            mnesia.mkdir(mode=0o700)

    @property
    def _unfinished(self) -> Path:
        return self._folder / "first-start.unfinished"

    def _spawn_epmd(self) -> subprocess.Popen[bytes]:
        command = [*epmd_title(self._programs, self._record).split(), "-address", "127.0.0.1"]
        epmd = self._run(command)  # without -daemon, so it stays our child
        deadline = time.monotonic() + _EPMD_TIMEOUT_S
        while not listens(self.epmd_port):
            if epmd.poll() is not None or time.monotonic() > deadline:
                epmd.kill()
                epmd.wait()
                raise RabbitError(f"epmd did not start on port {self.epmd_port}:\n{tail(self.log_path)}")
            time.sleep(_PORT_POLL_S)
        return epmd

    def _run(self, command: list[Path] | list[str]) -> subprocess.Popen[bytes]:
        environment = program_environment(self._folder, self._record, search_path=self._programs.search_path)
        return self._spawn(command, environment=environment, cwd=self._folder)

    def _guard(self, *wards: subprocess.Popen[bytes]) -> None:
        for ward in wards:
            identity = ProcessId.of(ward.pid)
            if identity is not None:
                self._guardians.append(process.guard(identity, signal_name="SIGTERM", grace_s=_ORPHAN_GRACE_S))

    def _await_answer(self, *, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not (self._answers() and self.running):
            if not self.running:
                raise RabbitError(f"{self.description} ended while it started:\n{tail(self.log_path)}")
            if time.monotonic() > deadline:
                raise RabbitError(f"{self.description} was not ready within {timeout_s:.0f} s:\n{tail(self.log_path)}")
            time.sleep(_READY_POLL_S)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=_ANSWER_TIMEOUT_S) as probe:
                probe.sendall(_PROTOCOL_HEADER)
                return probe.recv(1) == bytes([_METHOD_FRAME])
        except OSError:
            return False

    # ---- left-overs

    def _end_left_overs(self) -> None:
        """End what an earlier owner left running on this data."""
        everything = process.processes_titled("")
        mark, title = node_mark(self._record), epmd_title(self._programs, self._record)
        nodes = [found for found in everything if mark in process.command_line(found.pid)]
        epmds = [found for found in everything if process.command_line(found.pid).startswith(title)]
        _kill([*nodes, *epmds])

    def _let_go(self) -> None:
        self._end_helpers()
        self._release_lock()

    def _end_helpers(self) -> None:
        """End epmd and the guardians of a node that is gone."""
        for helper in (*self._guardians, *([self._epmd] if self._epmd is not None else [])):
            helper.kill()
            helper.wait()
        self._guardians.clear()
        self._epmd = self._node = None


def _kill(roots: list[ProcessId], *, reap: subprocess.Popen[bytes] | None = None) -> None:
    left = process.kill_trees(roots, reap=reap, timeout_s=_GONE_TIMEOUT_S)
    if left:
        raise RabbitError(f"processes of RabbitMQ do not end: {[one.pid for one in left]}")
