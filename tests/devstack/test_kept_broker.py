"""The RabbitMQ of a run: processes join it, and it ends with the last of them."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from support.kept_broker import joined_node
from support.waiting import wait_until

from devstack.servers.ports import listens
from devstack.servers.rabbitmq_programs import BrokerUnavailableError, find_or_install


@pytest.mark.slow
def test_it_is_begun_once_and_runs_as_long_as_somebody_has_joined_it(tmp_path: Path) -> None:
    try:
        find_or_install()
    except BrokerUnavailableError as error:
        pytest.skip(str(error))
    folder = tmp_path / "kept"
    with ExitStack() as those_who_stay:
        with joined_node(folder) as begun:
            joined = those_who_stay.enter_context(joined_node(folder))
            assert joined.amqp_url == begun.amqp_url
        assert listens(joined.port)
        assert those_who_stay.enter_context(joined_node(folder)).amqp_url == begun.amqp_url
    wait_until(lambda: not folder.exists(), what="the node is stopped and its folder removed")
    assert not listens(joined.port)
