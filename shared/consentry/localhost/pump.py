"""Makes the events that Azurite does not send.

Looks again and again at the containers of the app's blob triggers, and posts an Event Grid event
to the host's own webhook for each name and ETag not seen before, blobs that were there at the
start included. It is a stand-in for an Event Grid subscription, and differs from one in that a
change of a blob's metadata is an event too.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import httpx
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, BlobType, ContainerClient

SWEEP_SECONDS = 0.2

Seen = dict[str, dict[str, str]]
"""For each function, the ETag of each blob of its container, by name."""

logger = logging.getLogger(__name__)


class EventPump:
    """Watches containers and tells the webhook of each function what is new in its own."""

    def __init__(
        self, webhook: str, key: str, watched: Mapping[str, ContainerClient], seen: Seen
    ) -> None:
        self._webhook = webhook
        self._key = key
        self._watched = watched
        self._seen = seen

    async def run(self, stopping: asyncio.Event) -> None:
        """Sweep until told to stop."""
        async with httpx.AsyncClient() as client:
            while not stopping.is_set():
                for function, container in self._watched.items():
                    await self._sweep(client, function, container)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), SWEEP_SECONDS)

    async def _sweep(
        self, client: httpx.AsyncClient, function: str, container: ContainerClient
    ) -> None:
        try:
            blobs = await asyncio.to_thread(_list, container)
        except ResourceNotFoundError:
            return
        except AzureError as error:
            logger.warning("A container cannot be listed: %s", type(error).__name__)
            return
        known = self._seen.get(function, {})
        # What is gone is forgotten: the next blob of that name is new whatever its ETag.
        seen = {name: etag for name, etag in known.items() if name in blobs}
        self._seen[function] = seen
        for name, blob in blobs.items():
            if seen.get(name) != blob.etag and await self._post(client, function, container, blob):
                seen[name] = blob.etag

    async def _post(
        self,
        client: httpx.AsyncClient,
        function: str,
        container: ContainerClient,
        blob: BlobProperties,
    ) -> bool:
        """Post one event; False when it was not taken and is to be posted again."""
        try:
            response = await client.post(
                self._webhook,
                params={"functionName": function, "code": self._key},
                headers={"aeg-event-type": "Notification"},
                json=[_event(container, blob)],
            )
        except httpx.TransportError as error:
            logger.warning("A blob event cannot be posted: %s", type(error).__name__)
            return False
        return response.status_code == httpx.codes.ACCEPTED


def _list(container: ContainerClient) -> dict[str, BlobProperties]:
    return {blob.name: blob for blob in container.list_blobs()}


def _event(container: ContainerClient, blob: BlobProperties) -> dict[str, object]:
    """Make an event in Event Grid's schema, with the fields that the host's webhook reads."""
    return {
        "id": str(uuid4()),
        "topic": f"/storageAccounts/{container.account_name}",
        "subject": f"/blobServices/default/containers/{container.container_name}/blobs/{blob.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": datetime.now(UTC).isoformat(),
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlob",
            "url": container.get_blob_client(blob.name).url,
            "eTag": blob.etag,
            "contentType": blob.content_settings.content_type,
            "contentLength": blob.size,
            "blobType": BlobType(blob.blob_type).value,
        },
    }
