"""Blob triggers with Event Grid as their source, from the webhook to the function.

The webhook puts a message for each event into the host's own queue (HttpRequestProcessor); a
listener of that queue looks at the blob as it is now and calls the function
(BlobQueueTriggerExecutor). After ``poisonBlobThreshold`` tries the message goes to the queue
``webjobs-blobtrigger-poison``. At least once and in no order: content may be newer than its event.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobClient, BlobProperties, BlobServiceClient
from azure.storage.queue import QueueClient, QueueMessage

from consentry.localhost.frames import Frame
from consentry.localhost.functions import Function
from consentry.localhost.http_messages import Response
from consentry.localhost.queues import encode
from consentry.localhost.worker import Call, CallError

POISON_QUEUE = "webjobs-blobtrigger-poison"

Invoke = Callable[[Call], Awaitable[Frame]]

logger = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def blob_queue_name(host_id: str) -> str:
    """Name of the host's own queue of blob events."""
    return f"azure-webjobs-blobtrigger-{host_id}"


class PathPattern:
    """A trigger's path, ``container/{placeholder}...``; a placeholder takes as much as it can."""

    def __init__(self, path: str) -> None:
        self.container, _, blob = path.partition("/")
        source, position = "", 0
        for found in _PLACEHOLDER.finditer(blob):
            source += re.escape(blob[position : found.start()]) + f"(?P<{found[1]}>.*)"
            position = found.end()
        self._blob = re.compile(source + re.escape(blob[position:]), re.DOTALL)
        self._any = not blob

    def match(self, container: str, blob: str) -> dict[str, str] | None:
        """Values of the placeholders, or None when the trigger does not mean this blob."""
        if container != self.container:
            return None
        found = self._blob.fullmatch(blob)
        if found is None:
            return {} if self._any else None
        return found.groupdict()


class Webhook:
    """Takes Event Grid's requests: the handshake, and notifications into the host's queue."""

    def __init__(self, queue: QueueClient, sent: Callable[[], None]) -> None:
        self._queue = queue
        self._sent = sent

    async def __call__(self, function_name: str, event_type: str, body: bytes) -> Response:
        """Answer one request; ``function_name`` is ``Host.Functions.<name>``."""
        try:
            document = json.loads(body or b"null")
            kind = event_type.lower()
            if kind == "subscriptionvalidation":
                answer = {"validationResponse": document[0]["data"]["validationCode"]}
                headers = [(b"content-type", b"application/json")]
                return Response(200, headers, json.dumps(answer).encode())
            if kind == "unsubscribe":
                return Response(202)
            if kind != "notification":
                return Response(400)
            # An array in Event Grid's own schema, one object in the CloudEvents schema.
            events = document if isinstance(document, list) else [document]
            messages = [_message(event["data"], function_name) for event in events]
        except (ValueError, LookupError, TypeError):
            return Response(400)
        try:
            for message in messages:
                await asyncio.to_thread(self._queue.send_message, encode(json.dumps(message)))
        except AzureError as error:
            logger.warning("A blob event cannot be stored: %s", type(error).__name__)
            return Response(503)
        self._sent()
        return Response(202)


class BlobRunner:
    """Handles messages of the host's queue: finds function and blob, and calls the function."""

    def __init__(
        self,
        functions: tuple[Function, ...],
        services: Mapping[str, BlobServiceClient],
        invoke: Invoke,
    ) -> None:
        self._functions = {
            f.webhook_id: (f, PathPattern(str(f.trigger["path"]))) for f in functions
        }
        self._services = services
        self._invoke = invoke

    async def handle(self, message: QueueMessage, text: str) -> None:
        """Do one message's work; CallError when it failed and is to be tried again."""
        del message
        try:
            event = json.loads(text)
            function, pattern = self._functions[event["FunctionId"]]
            container, name = event["ContainerName"], event["BlobName"]
        except (ValueError, LookupError, TypeError):
            raise CallError("a blob event names no function of this app") from None
        await self.run(function, pattern, container, name)

    async def run(
        self, function: Function, pattern: PathPattern, container: str, name: str
    ) -> None:
        """Call a function for a blob; nothing happens when the blob is gone or not meant."""
        placeholders = pattern.match(container, name)
        if placeholders is None:
            logger.warning("A blob event does not fit the path of %s.", function.name)
            return
        connection = str(function.trigger["connection"])
        client = self._services[connection].get_blob_client(container, name)
        try:
            call = await asyncio.to_thread(_call, function, connection, client, placeholders)
        except ResourceNotFoundError:
            return
        except AzureError as error:
            raise CallError(f"the blob cannot be read: {type(error).__name__}") from None
        await self._invoke(call)

    async def run_named(self, function: Function, path: str) -> None:
        """Call a function for the blob ``container/name``, as the admin interface does."""
        container, _, name = path.partition("/")
        await self.run(function, self._functions[function.webhook_id][1], container, name)


def _message(data: Mapping[str, Any], function_name: str) -> dict[str, str]:
    blob = BlobClient.from_blob_url(str(data["url"]))
    return {
        "Type": "BlobTrigger",
        "FunctionId": function_name,
        "BlobType": str(data.get("blobType", "BlockBlob")).removesuffix("Blob"),
        "ContainerName": blob.container_name,
        "BlobName": blob.blob_name,
        "ETag": f'"{data["eTag"]}"',
    }


def _call(
    function: Function, connection: str, client: BlobClient, placeholders: Mapping[str, str]
) -> Call:
    """Read what the function gets; ResourceNotFoundError when the blob is gone."""
    properties = client.get_blob_properties()
    metadata = {
        "BlobTrigger": ("string", f"{client.container_name}/{client.blob_name}"),
        "Uri": ("string", client.url),
        "Properties": ("json", json.dumps(_describe(properties))),
        "Metadata": ("json", json.dumps(properties.metadata)),
        **{name: ("string", value) for name, value in placeholders.items()},
    }
    if function.takes_sdk_type:
        reference = {
            "Connection": connection,
            "ContainerName": client.container_name,
            "BlobName": client.blob_name,
        }
        body = json.dumps(reference).encode()
        return Call(function, "model_binding_data", body=body, metadata=metadata)
    body = client.download_blob().readall()
    return Call(function, "bytes", body=body, metadata=metadata)


def _describe(properties: BlobProperties) -> dict[str, Any]:
    return {
        "ContentLength": properties.size,
        "ETag": properties.etag,
        "ContentType": properties.content_settings.content_type,
        "LastModified": properties.last_modified.isoformat(),
        "CreatedOn": properties.creation_time.isoformat() if properties.creation_time else None,
    }
