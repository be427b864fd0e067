"""What `make run` can be told, where it keeps what, and how it fails."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wallet_grpc.domain.cells import CELLS_MAX

Environment = Literal["test", "live"]


class StackError(Exception):
    """The stack did not come up or fell over; the message is for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackSettings:
    """What `make run` can be told by its environment."""

    data_dir: Path
    environment: Environment
    grpc_port: int
    database_url: str | None
    amqp_url: str | None = None
    http_port: int | None = None
    """The HTTP API's port; None: 8080, or another one where that is taken."""
    cells_at_creation: int | None = None
    """How many cells a new installation has; one that is there keeps its own."""
    console_port: int | None = None
    """The console's port; None: 8081, or another one where that is taken."""
    gateway_port: int | None = None
    """The gateway's port; None: 8082, or another one where that is taken."""

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> "StackSettings":
        """Read what the environment says.

        WALLET_DATA_DIR, WALLET_ENVIRONMENT, WALLET_GRPC_PORT, WALLET_HTTP_PORT, WALLET_CONSOLE_PORT,
        WALLET_GATEWAY_PORT, WALLET_DATABASE_URL (an administrator's DSN), WALLET_AMQP_URL and WALLET_CELLS_AT_CREATION.

        Raises:
            StackError: A value cannot be used.
        """
        match variables.get("WALLET_ENVIRONMENT", "test").lower():
            case "test" | "live" as environment:
                pass
            case other:
                raise StackError(f"WALLET_ENVIRONMENT={other} is neither test nor live")
        return cls(
            data_dir=Path(variables.get("WALLET_DATA_DIR") or ".wallet").resolve(),
            environment=environment,
            grpc_port=_port(variables, "WALLET_GRPC_PORT") or 50051,
            http_port=_port(variables, "WALLET_HTTP_PORT"),
            console_port=_port(variables, "WALLET_CONSOLE_PORT"),
            gateway_port=_port(variables, "WALLET_GATEWAY_PORT"),
            database_url=variables.get("WALLET_DATABASE_URL") or None,
            amqp_url=variables.get("WALLET_AMQP_URL") or None,
            cells_at_creation=_cells(variables, "WALLET_CELLS_AT_CREATION"),
        )

    @property
    def grpc_address(self) -> str:
        """Where the wallet serves."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def environment_dir(self) -> Path:
        """What belongs to this environment only."""
        return self.data_dir / self.environment


def _port(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name)
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65_536:  # noqa: PLR2004 - the ports of TCP
        raise StackError(f"{name}={text} is no port")
    return int(text)


def _cells(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name)
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) <= CELLS_MAX:
        raise StackError(f"{name}={text} is no number of cells: it may be from 1 to {CELLS_MAX}")
    return int(text)
