"""The folder of a private RabbitMQ node: what is kept in it from start to start, and what its programs are told.

It holds `node.json` (the node's name, its user and ports; mode 0600), `lock`, `rabbitmq.log`, RabbitMQ's
configuration, which is written at every start, `home/` with Erlang's cookie, and `mnesia/`, RabbitMQ's own.
"""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from devstack.servers.files import write_private
from devstack.servers.ports import free_port
from devstack.servers.rabbitmq_programs import RabbitPrograms

_USER = "wallet"
_WAL_BYTES_MAX = 64 * 1024 * 1024  # of quorum queues; by default it may grow to 512 MB before it is written out


class RabbitError(Exception):
    """The node could not be started or used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What must be known again at the next start: the content of node.json."""

    node_name: str
    user: str
    password: str
    port: int
    dist_port: int
    epmd_port: int

    @classmethod
    def load_or_new(cls, folder: Path) -> Self:
        """Read the record of a folder, or make up a node for one that has none."""
        try:
            return cls(**json.loads(record_path(folder).read_text()))
        except FileNotFoundError:
            return cls(
                node_name=f"wallet-{secrets.token_hex(6)}@localhost",
                user=_USER,
                password=secrets.token_urlsafe(24),
                port=free_port(),
                dist_port=free_port(),
                epmd_port=free_port(),
            )
        except (ValueError, TypeError) as error:
            raise RabbitError(f"{record_path(folder)} is damaged: move {folder} away ({error})") from error

    def store(self, folder: Path) -> None:
        """Write the record, all at once."""
        write_private(record_path(folder), json.dumps(asdict(self), indent=2) + "\n")


def record_path(folder: Path) -> Path:
    """Return where the record of a folder is."""
    return folder / "node.json"


def write_configuration(folder: Path, record: NodeRecord) -> None:
    """Write RabbitMQ's configuration, as at every start.

    In Erlang's terms: reading the other format, `rabbitmq.conf`, takes a fifth of a start's processor time.
    """
    text = f"""\
%% Written at every start by devstack; what is changed here is lost.
[
  {{rabbit, [
    {{default_user, <<"{record.user}">>}},
    {{default_pass, <<"{record.password}">>}},
    %% Each probe whether it is ready would be a warning.
    {{log, [{{categories, [{{connection, [{{level, error}}]}}]}}]}}
  ]}},
  {{ra, [{{wal_max_size_bytes, {_WAL_BYTES_MAX}}}]}}
].
"""
    write_private(folder / "advanced.config", text)
    (folder / "enabled_plugins").write_text("[].\n")
    (folder / "home").mkdir(mode=0o700, exist_ok=True)


def program_environment(folder: Path, record: NodeRecord, *, search_path: str) -> dict[str, str]:
    """Return the environment of RabbitMQ's programs: nothing of ours, so that no variable or file misleads them."""
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "PATH": search_path,
        "HOME": str(folder / "home"),  # Erlang's cookie is there
        "LC_ALL": "C.UTF-8",
        "ERL_EPMD_PORT": str(record.epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "RABBITMQ_NODENAME": record.node_name,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(record.port),
        "RABBITMQ_DIST_PORT": str(record.dist_port),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder),
        "RABBITMQ_LOGS": "-",  # standard output, which is a file in the folder already
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),  # there is none; nor is the system's read
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),  # likewise
        "RABBITMQ_PID_FILE": str(folder / "rabbitmq.pid"),
        "RABBITMQ_SCHEDULER_BIND_TYPE": "u",  # unbound: the machine's cores are for others, too
        # "Input" makes the script become Erlang's VM instead of its parent; -noinput then takes the input away.
        "RABBITMQ_ALLOW_INPUT": "true",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            f"-noinput +S 2:2 +sbwt none {loopback} {node_mark(record)}"  # two schedulers that never spin
        ),
        "RABBITMQ_CTL_ERL_ARGS": f"+S 1:1 {loopback} -start_epmd false",
    }


def node_mark(record: NodeRecord) -> str:
    """Return arguments of Erlang's VM that mean nothing to it, and by which a node that was left over is found."""
    return f"-wallet_node {record.node_name}"


def epmd_title(programs: RabbitPrograms, record: NodeRecord) -> str:
    """Return what the command line of the node's epmd begins with."""
    return f"{programs.epmd} -port {record.epmd_port}"
