"""The wallet's server as a process: started by its command, ready when its health says so, stopped by a signal."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devstack.servers.ports import free_port
from support.database import TEST_CELLS, Installation
from support.process import WalletProcess
from support.requests import CELLS
from support.wallet import CHANNEL_OPTIONS, Wallet

SERVICE = "wallet.v1.WalletService"
_ANSWERS_WITHIN_S = 10
# How the engine may commit: many mutations in one transaction, or one by one. Both must come out the same.
ENGINE_MODES = {"group-commit": {}, "one-a-transaction": {"WALLET_BATCH_OPERATIONS_MAX": "1"}}

CELLS_OF_MODES = {"group-commit": TEST_CELLS, "one-a-transaction": CELLS}
"""So the suite runs with one cell and with several."""


class WalletServer(WalletProcess):
    """One `wallet serve` on a free port of this machine."""

    def __init__(
        self,
        installation: Installation,
        *arguments: str,
        credentials: grpc.ChannelCredentials | None = None,
        **settings: str,
    ) -> None:
        self.installation = installation
        self.target = f"127.0.0.1:{free_port()}"
        self._credentials = credentials
        self._wallets: list[Wallet] = []
        own = {"WALLET_GRPC_ADDRESS": self.target, "WALLET_LAME_DUCK_MS": "0"}  # no balancer has to notice
        environment = installation.settings() | own | settings
        super().__init__("serve", *arguments, environment=environment)

    def check_log_holds_no_secrets(self) -> None:
        """Assert that neither keys nor passwords were written."""
        cluster, written = self.installation.cluster, self.log
        given = {*self.installation.keys.values(), cluster.service_password, cluster.admin_password}
        leaked = [secret for secret in given if secret and secret in written]
        assert not leaked, [line for line in written.splitlines() if any(secret in line for secret in leaked)][:3]

    def start(self) -> None:
        """Start the process and wait until it serves."""
        with self.channel() as channel:
            self.launch_until(lambda: self.health(channel) == "SERVING")

    def channel(self) -> grpc.Channel:
        if self._credentials is None:
            return grpc.insecure_channel(self.target, options=CHANNEL_OPTIONS)
        return grpc.secure_channel(self.target, self._credentials, options=CHANNEL_OPTIONS)

    def health(self, channel: grpc.Channel, service: str = SERVICE) -> str:
        """Return what the health service says of a service, or the status of its refusal."""
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_ANSWERS_WITHIN_S)
        except grpc.RpcError as error:
            return str(error.code().name)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    def wallet(self) -> Wallet:
        """Return a client of this server with all keys of its installation; closed when the server ends."""
        self._wallets.append(Wallet(self.target, self.installation.keys, credentials=self._credentials))
        return self._wallets[-1]

    def end(self) -> None:
        for wallet in self._wallets:
            wallet.close()
        super().end()
