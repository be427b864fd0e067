# The wallet's processes (serve, consume, relay, api, console, gateway) and its operator's command. No development dependencies, no root, no PostgreSQL.
FROM python:3.11-slim AS build

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /build

COPY requirements/bootstrap.txt requirements/bootstrap.txt
RUN pip install --require-hashes --only-binary :all: --no-deps -r requirements/bootstrap.txt

COPY requirements/dev.txt requirements/dev.txt
COPY pyproject.toml pyproject.toml
COPY LICENSE LICENSE
COPY migrations migrations
COPY wallet wallet
COPY wallet_grpc wallet_grpc
COPY wallet_cli wallet_cli
COPY wallet_api wallet_api
COPY wallet_client wallet_client
COPY wallet_console wallet_console
COPY wallet_gateway wallet_gateway
COPY wallet_certify wallet_certify
# What builds it is locked as well.
RUN uv build --wheel --build-constraints requirements/dev.txt --require-build-hashes --out-dir wheel

FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin wallet

# Locked wheels first: this layer changes with its lock alone. With traces: --build-arg REQUIREMENTS=tracing
ARG REQUIREMENTS=run
COPY requirements/run.txt requirements/tracing.txt /tmp/
RUN pip install --require-hashes --only-binary :all: --no-deps -r /tmp/${REQUIREMENTS}.txt

# The wallet itself, with its migrations and the `wallet` command.
RUN --mount=type=bind,from=build,source=/build/wheel,target=/wheel pip install --no-index --no-deps /wheel/*.whl

# Asks the server's own health service. With TLS, override the health check: it needs names and certificates of yours.
COPY --chmod=0755 <<'SCRIPT' /usr/local/bin/wallet-health
#!/usr/local/bin/python
import os
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

port = os.environ.get("WALLET_GRPC_ADDRESS", "127.0.0.1:50051").rpartition(":")[2]
with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
    try:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="liveness"), timeout=2)
    except grpc.RpcError as error:
        sys.exit(f"no answer: {error.code().name}")
sys.exit(answer.status != health_pb2.HealthCheckResponse.SERVING)
SCRIPT

# What `wallet --version` tells: --build-arg COMMIT=$(git rev-parse HEAD)
ARG COMMIT=unknown
ENV WALLET_COMMIT=${COMMIT}
ENV WALLET_GRPC_ADDRESS=0.0.0.0:50051
USER wallet
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["wallet-health"]
ENTRYPOINT ["wallet"]
CMD ["serve"]
