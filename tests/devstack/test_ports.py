"""Ports: what one process was given is given to no other, though nobody listens there yet."""

import subprocess
import sys

import pytest

from devstack.servers import ports
from devstack.servers.ports import NoFreePortError, free_port, is_free

ASK = "from devstack.servers import ports; ports._PORTS = range({port}, {port} + 1); print(ports.free_port())"


@pytest.mark.skipif(sys.platform != "linux", reason="the names of ports are Linux's")
def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    assert is_free(port)
    monkeypatch.setattr(ports, "_PORTS", range(port, port + 1))
    with pytest.raises(NoFreePortError):
        free_port()
    other = subprocess.run([sys.executable, "-c", ASK.format(port=port)], capture_output=True, text=True, check=False)
    assert other.returncode != 0
    assert "NoFreePortError" in other.stderr
