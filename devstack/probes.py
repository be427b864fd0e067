"""Asks a server whether it answers yet."""

from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_HEALTH_TIMEOUT_S = 1.0


def is_ready(address: str) -> bool:
    """Tell whether an HTTP API says that it is ready."""
    connection = HTTPConnection(address, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def is_serving(address: str) -> bool:
    """Tell whether a gRPC server says that it serves."""
    options = [("grpc.enable_http_proxy", 0)]  # a proxy of the environment is not for this machine
    with grpc.insecure_channel(address, options=options) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined] # the stubs lack what __init__ sets
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_TIMEOUT_S)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
