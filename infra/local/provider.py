"""Pulumi's provider protocol in front of the local cloud.

Stands where Azure's own provider would: ``PULUMI_DEBUG_PROVIDERS=azure-native:PORT`` attaches the
engine to it. It checks like Azure, refuses what it does not know, and never passes silently.
Secrets are left to the engine, which marks what comes back under the name of a secret input as
secret again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.checks import Unknown, problems
from local.cloud import Cloud, RefusedError
from local.kinds import KINDS, PREFIX, Kind

VERSION: Final = "3.29.0"
WORKERS: Final = 16
MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
UNKNOWN: Final = Unknown()


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One engine's view of the local cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False, accept_resources=False, accept_outputs=False
        )

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Check(self, request: Any, context: Any) -> Any:
        found = problems(_token(request.urn), _plain(request.news))
        failures = [provider_pb2.CheckFailure(reason=reason) for reason in found]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        replaces = [path for path in _kind(request.urn).fixed if _at(old, path) != _at(new, path)]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME
            if changed
            else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
        )

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(
                id="", properties=_foreseen(request.urn, request.properties)
            )
        made = self._answer(
            context, self._cloud.create, _token(request.urn), _plain(request.properties)
        )
        return provider_pb2.CreateResponse(id=made.id, properties=_struct(made.outputs))

    def Update(self, request: Any, context: Any) -> Any:
        if request.preview:
            # What Azure adds of its own stays as it is while a resource is only updated.
            foreseen = struct_pb2.Struct()
            foreseen.CopyFrom(request.olds)
            foreseen.MergeFrom(_foreseen(request.urn, request.news))
            return provider_pb2.UpdateResponse(properties=foreseen)
        made = self._answer(context, self._cloud.update, request.id, _plain(request.news))
        return provider_pb2.UpdateResponse(properties=_struct(made.outputs))

    def Delete(self, request: Any, context: Any) -> Any:
        self._answer(context, self._cloud.delete, request.id)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:
        found = self._cloud.read(request.id)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id, properties=_struct(found.outputs), inputs=_struct(found.inputs)
        )

    def Invoke(self, request: Any, context: Any) -> Any:
        answer = self._answer(context, self._cloud.invoke, request.tok, _plain(request.args))
        return provider_pb2.InvokeResponse(**{"return": _struct(answer)})

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _answer(self, context: Any, ask: Any, *arguments: Any) -> Any:
        try:
            return ask(*arguments)
        except RefusedError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


@contextmanager
def serving(cloud: Cloud) -> Iterator[int]:
    """Serve the protocol on a free port of this machine while the block runs."""
    options = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ]
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(cloud), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


def _token(urn: str) -> str:
    """The type in a URN, ``urn:pulumi:STACK::PROJECT::PARENTS$TYPE::NAME``."""
    return urn.split("::")[2].rpartition("$")[2]


def _kind(urn: str) -> Kind:
    return KINDS[_token(urn).removeprefix(PREFIX)]


def _foreseen(urn: str, properties: struct_pb2.Struct) -> struct_pb2.Struct:
    """What a preview can tell of a resource: its inputs, but for those that change their shape."""
    made = struct_pb2.Struct()
    made.CopyFrom(properties)
    for name in _kind(urn).told_later:
        made.fields.pop(name, None)
    return made


def _plain(properties: struct_pb2.Struct) -> dict[str, Any]:
    """Properties as plain values: secrets opened, unknown ones marked."""
    values = rpc.deserialize_properties(properties, keep_unknowns=True)
    return {name: _opened(value) for name, value in values.items()}


def _opened(value: Any) -> Any:
    value = rpc.unwrap_rpc_secret(value)
    if isinstance(value, dict):
        return {name: _opened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_opened(part) for part in value]
    if value is rpc.UNKNOWN or value == rpc.UNKNOWN:
        return UNKNOWN
    return value


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def _at(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values
