"""A private RabbitMQ, for real: clean stops, hard kills, owners that die, and how its programs get here."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aio_pika
import psutil
import pytest
from support.broker import Broker, new_vhost, running_broker

from devstack.servers import rabbitmq_programs
from devstack.servers.folder_lock import FolderInUseError
from devstack.servers.process import ProcessId, command_line, processes_titled, wait_until_gone
from devstack.servers.rabbitmq import RabbitNode
from devstack.servers.rabbitmq_folder import RabbitError
from devstack.servers.rabbitmq_programs import BrokerUnavailableError, RabbitPrograms, find_or_install

QUORUM = {"x-queue-type": "quorum"}
QUEUE = "wallet.test.money"


@pytest.fixture(scope="module")
def programs() -> RabbitPrograms:
    try:
        return find_or_install()
    except BrokerUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def node(tmp_path: Path, programs: RabbitPrograms) -> Iterator[RabbitNode]:
    """A node in a known folder, started; ended in any case."""
    node = RabbitNode.create_or_open(tmp_path / "rabbitmq", programs=programs)
    node.start()
    yield node
    node.kill()


async def publish(url: str, body: bytes) -> None:
    """Publish a persistent message to a quorum queue, and return when the broker has it on disk."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.declare_queue(QUEUE, durable=True, arguments=QUORUM)
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, QUEUE, mandatory=True)


async def consume(url: str) -> bytes:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(QUEUE, durable=True, arguments=QUORUM)
        message = await queue.get(timeout=10)
        await message.ack()
        return message.body


def processes_of(node: RabbitNode) -> list[str]:
    """Return the command lines of this machine that name the node, or the port of its epmd."""
    marks = (node.node_name, f"-port {node.epmd_port}")
    lines = [command_line(one.pid) for one in processes_titled("") if one.pid != os.getpid()]
    return [line for line in lines if any(mark in line for mark in marks)]


@pytest.mark.slow
async def test_a_confirmed_message_survives_a_kill_and_comes_back_on_the_same_port(own_broker: RabbitNode) -> None:
    node = own_broker
    url = node.amqp_url
    await publish(url, b"one bet")
    children = psutil.Process(node.pid).children(recursive=True)
    assert children, "Erlang's VM has a child that starts programs"
    node.settle()  # the queue is new
    await publish(url, b"another bet")
    node.kill()
    assert not node.running
    assert processes_of(node) == []
    assert wait_until_gone([found for child in children if (found := ProcessId.of(child.pid))], timeout_s=1)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", node.port), timeout=1)
    node.start()
    assert node.amqp_url == url
    assert [await consume(url), await consume(url)] == [b"one bet", b"another bet"]


@pytest.mark.slow
async def test_stop_leaves_no_process_and_the_next_owner_finds_user_password_and_messages(
    node: RabbitNode, tmp_path: Path
) -> None:
    await publish(node.amqp_url, b"one bet")
    assert len(processes_of(node)) >= 2  # Erlang's VM and epmd
    node.stop()
    assert processes_of(node) == []
    with RabbitNode.create_or_open(tmp_path / "rabbitmq") as again:
        assert (again.amqp_url, again.node_name) == (node.amqp_url, node.node_name)
        assert await consume(again.amqp_url) == b"one bet"


@pytest.mark.slow
async def test_it_keeps_to_itself(node: RabbitNode, tmp_path: Path) -> None:
    guessed = f"amqp://guest:guest@127.0.0.1:{node.port}/"
    with pytest.raises(aio_pika.exceptions.ProbableAuthenticationError):
        await aio_pika.connect(guessed)
    folder = tmp_path / "rabbitmq"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("node.json", "advanced.config", "rabbitmq.log", "lock"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert node.url("/") == node.amqp_url
    assert json.loads((folder / "node.json").read_text())["password"] not in (folder / "rabbitmq.log").read_text()
    listening = [one.laddr.ip for one in psutil.Process(node.pid).net_connections() if one.status == "LISTEN"]
    assert set(listening) == {"127.0.0.1"}
    with pytest.raises(FolderInUseError, match=str(os.getpid())):
        RabbitNode.create_or_open(folder).start()


OWNER = """
import sys, time
from devstack.servers.rabbitmq import RabbitNode
node = RabbitNode.create_or_open(sys.argv[1])
node.start()
print(node.pid, node._epmd.pid, *[guardian.pid for guardian in node._guardians], flush=True)
time.sleep(600)
"""


@pytest.fixture
def orphaned(
    tmp_path: Path, programs: RabbitPrograms
) -> Iterator[tuple[subprocess.Popen[str], list[ProcessId], list[int]]]:
    """A process that owns a node, the node and its epmd, and the pids of their guardians."""
    assert programs.server.exists()
    command = [sys.executable, "-c", OWNER, str(tmp_path / "rabbitmq")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        node_pid, epmd_pid, *guardian_pids = map(int, owner.stdout.readline().split())
        yield owner, [one for pid in (node_pid, epmd_pid) if (one := ProcessId.of(pid))], guardian_pids
        owner.kill()


@pytest.mark.slow
def test_node_and_epmd_end_when_their_owner_is_killed(
    orphaned: tuple[subprocess.Popen[str], list[ProcessId], list[int]],
) -> None:
    owner, served, _ = orphaned
    assert len(served) == 2
    owner.kill()
    assert wait_until_gone(served, timeout_s=20)


@pytest.mark.slow
def test_next_start_takes_over_a_node_without_owner(
    orphaned: tuple[subprocess.Popen[str], list[ProcessId], list[int]], tmp_path: Path
) -> None:
    owner, served, guardian_pids = orphaned
    for pid in guardian_pids:
        os.kill(pid, signal.SIGKILL)
    owner.kill()
    owner.wait()
    assert [one.alive for one in served] == [True, True]
    with RabbitNode.create_or_open(tmp_path / "rabbitmq") as again:
        assert [one.alive for one in served] == [False, False]
        assert again.running


@pytest.mark.slow
async def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path, programs: RabbitPrograms) -> None:
    interrupted = RabbitNode.create_or_open(tmp_path, programs=programs)
    interrupted.launch()
    with pytest.raises(RabbitError, match="not ready within"):
        interrupted.wait_until_ready(timeout_s=0.5)
    assert processes_of(interrupted) == []
    with RabbitNode.create_or_open(tmp_path) as again:
        await publish(again.amqp_url, b"one bet")


def test_data_without_its_record_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mnesia").mkdir()
    with pytest.raises(RabbitError, match="its password is lost"):
        RabbitNode.create_or_open(tmp_path)


@pytest.mark.slow
async def test_virtual_hosts_of_the_run_know_nothing_of_each_other(broker: Broker, amqp_url: str) -> None:
    if broker.ctl is None:
        pytest.skip("WALLET_TEST_AMQP_URL has one virtual host only")
    other = new_vhost(broker)
    assert other != amqp_url
    await publish(amqp_url, b"one bet")
    await publish(other, b"another bet")
    assert await consume(other) == b"another bet"
    assert await consume(amqp_url) == b"one bet"


def test_a_broker_that_is_named_is_used_as_it_is() -> None:
    with running_broker({"WALLET_TEST_AMQP_URL": "amqp://elsewhere/"}) as named:
        assert new_vhost(named) == "amqp://elsewhere/"


def test_without_root_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rabbitmq_programs, "_ROOT", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BrokerUnavailableError, match="apt-get install -y --no-install-recommends rabbitmq-server"):
        find_or_install()


def test_while_it_installs_no_service_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(rabbitmq_programs, "_POLICY", policy)
    with rabbitmq_programs._no_service_starts():
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()
    policy.write_text("the machine's own")
    with rabbitmq_programs._no_service_starts():
        assert policy.read_text() == "the machine's own"
    assert policy.exists()
