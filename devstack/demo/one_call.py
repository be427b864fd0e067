"""One call to the running wallet, its request and its answer as JSON: for a machine without buf or grpcurl."""

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from devstack.demo.running_wallet import RunningStack
from devstack.stack_settings import StackError, StackSettings
from wallet.v1 import wallet_pb2

_SERVICE = wallet_pb2.DESCRIPTOR.services_by_name["WalletService"]
_TIMEOUT_S = 10.0


def call(settings: StackSettings, *, name: str, request_json: str, caller: str) -> str:
    """Make a unary call of WalletService and return its answer, every field of it.

    Raises:
        StackError: No wallet runs, there is no such call, caller or field, or the wallet refused.
    """
    stack = RunningStack.find(settings, live_too=True)
    method = _SERVICE.methods_by_name.get(name)
    if method is None or method.client_streaming:
        names = ", ".join(known.name for known in _SERVICE.methods if not known.client_streaming)
        raise StackError(f"There is no unary call {name}; there are {names}.")
    key = stack.keys.get(caller)
    if key is None:
        raise StackError(f"There is no caller {caller}; there are {', '.join(stack.keys)}.")
    try:
        request = json_format.Parse(request_json, GetMessageClass(method.input_type)())
    except json_format.ParseError as error:
        raise StackError(f"The request is no {method.input_type.name}: {error}") from error
    with grpc.insecure_channel(stack.grpc_address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        make = channel.unary_unary(
            f"/{_SERVICE.full_name}/{name}",
            request_serializer=_bytes_of,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            answer = make(request, metadata=(("authorization", f"Bearer {key}"),), timeout=_TIMEOUT_S)
        except grpc.RpcError as error:
            raise StackError(f"{stack.grpc_address} answered {error.code().name}: {error.details()}") from error
    return json_format.MessageToJson(answer, always_print_fields_with_no_presence=True)


def _bytes_of(message: Message) -> bytes:
    return message.SerializeToString()
