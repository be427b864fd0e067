"""RabbitMQ for the tests: one broker a run, and a virtual host of its own for whoever asks.

In order: the broker that WALLET_TEST_AMQP_URL names, a container where a Docker engine answers, devstack's node in a
temporary folder (its programs are installed first, if this is root on a machine with apt). Where there is none, tests
that need it are skipped with the reason.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from devstack.servers.rabbitmq import RabbitNode
from devstack.servers.rabbitmq_programs import BrokerUnavailableError
from support.database import RUN_ID, docker_answers, shared_folder
from support.kept_broker import joined_node

_IMAGE = "rabbitmq:4"
_AMQP_PORT = 5672


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A running RabbitMQ, known by its URL; `ctl` runs rabbitmqctl on it, where we are in reach of it."""

    amqp_url: str
    ctl: Callable[..., object] | None = None


def new_vhost(broker: Broker) -> str:
    """Return the URL of a new virtual host; that of the default one where none can be made, so names must be unique."""
    if broker.ctl is None:
        return broker.amqp_url
    parts = urlsplit(broker.amqp_url)
    name = f"test-{secrets.token_hex(6)}"
    user = f'<<"{parts.username}">>'
    rights = f'{user}, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, {user}'
    # What `add_vhost` and `set_permissions` do: a rabbitmqctl takes half a second of a processor.
    made = f'ok = rabbit_vhost:add(<<"{name}">>, {user}), ok = rabbit_auth_backend_internal:set_permissions({rights}).'
    broker.ctl("eval", made)
    return parts._replace(path=f"/{quote(name, safe='')}").geturl()


@contextmanager
def running_broker(environment: Mapping[str, str] = os.environ) -> Iterator[Broker]:
    """Find or start the run's RabbitMQ.

    Raises:
        BrokerUnavailableError: There is none, and none can be had.
    """
    if given := environment.get("WALLET_TEST_AMQP_URL"):
        yield Broker(amqp_url=given)
    elif docker_answers():
        with _container_broker() as broker:
            yield broker
    else:
        with _node_of_the_run(environment.get(RUN_ID)) as node:
            yield Broker(amqp_url=node.amqp_url, ctl=node.ctl)


def _node_of_the_run(run: str | None) -> AbstractContextManager[RabbitNode]:
    """Give the node that the processes of a run share, where there are several."""
    if run is None:
        return embedded_node(parent=shared_folder())
    return joined_node((shared_folder() or Path(tempfile.gettempdir())) / f"wallet-tests-rabbitmq-{run}")


@contextmanager
def embedded_node(*, parent: Path | None = None) -> Iterator[RabbitNode]:
    """Start devstack's RabbitMQ in a temporary folder, removed afterwards.

    Raises:
        BrokerUnavailableError: Its programs are not here, and cannot be installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="wallet-tests-rabbitmq-", dir=parent))
    try:
        with RabbitNode.create_or_open(folder) as node:
            yield node
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _container_broker() -> Iterator[Broker]:
    from testcontainers.community.rabbitmq import RabbitMqContainer

    user, password = "wallet", secrets.token_hex(16)
    with RabbitMqContainer(_IMAGE, port=_AMQP_PORT, username=user, password=password, vhost="/") as container:
        place = f"{container.get_container_host_ip()}:{container.get_exposed_port(_AMQP_PORT)}"

        def ctl(*arguments: str) -> object:
            code, said = container.exec(["rabbitmqctl", "--quiet", *arguments])
            assert code == 0, said
            return said

        yield Broker(amqp_url=f"amqp://{user}:{password}@{place}/", ctl=ctl)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """The run's RabbitMQ, which nobody may stop."""
    try:
        with running_broker() as found:
            yield found
    except BrokerUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def amqp_url(broker: Broker) -> str:
    """The URL of a virtual host for one module."""
    return new_vhost(broker)


@pytest.fixture(scope="session")
def node() -> Iterator[RabbitNode]:
    """The run's node of devstack, which nobody may stop: for what needs its programs, wherever `broker` is."""
    try:
        with _node_of_the_run(os.environ.get(RUN_ID)) as found:
            yield found
    except BrokerUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def own_broker() -> Iterator[RabbitNode]:
    """A RabbitMQ for one test, which may stop it, kill it and start it again."""
    try:
        with embedded_node() as node:
            yield node
    except BrokerUnavailableError as error:
        pytest.skip(str(error))
