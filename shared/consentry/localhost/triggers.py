"""Everything that calls the functions of one loaded app: routes, listeners, event pump, timers.

Made anew for each worker process, so that a changed app never meets the listeners of the old.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueMessage, QueueServiceClient

from consentry.errors import LocalStackError
from consentry.localhost.blobs import POISON_QUEUE, BlobRunner, blob_queue_name
from consentry.localhost.functions import BLOB, HTTP, QUEUE, TIMER, Function
from consentry.localhost.hostjson import HostJson
from consentry.localhost.keys import Keys
from consentry.localhost.pump import EventPump
from consentry.localhost.queues import Listener, Policy, create_queue
from consentry.localhost.supervisor import Supervisor
from consentry.localhost.timers import STATUS_CONTAINER, Timer, status_name, timer_call
from consentry.localhost.worker import Call, CallError

HOST_STORAGE = "AzureWebJobsStorage"
BLOB_INTERVAL_SECONDS_MAX = 5.0  # between looks at the blob queue; a notification wakes it at once


@dataclass(frozen=True)
class Surroundings:
    """What triggers need besides the app: the host's id and address, its keys and settings."""

    host_id: str
    url: str
    keys: Keys
    environment: Mapping[str, str]
    storage_ready: asyncio.Event

    def connection_string(self, name: str) -> str:
        """Connection string of a binding's connection; LocalStackError names a missing setting."""
        try:
            return self.environment[name]
        except KeyError:
            raise LocalStackError(
                f"The setting {name} of a trigger's connection is missing."
            ) from None

    def blob_service(self, name: str) -> BlobServiceClient:
        """Blob client of a binding's connection."""
        return BlobServiceClient.from_connection_string(self.connection_string(name))

    def queue_service(self, name: str) -> QueueServiceClient:
        """Queue client of a binding's connection."""
        return QueueServiceClient.from_connection_string(self.connection_string(name))


class Triggers:
    """The triggers of one app; see ``supervisor.Served`` for the life they lead."""

    def __init__(
        self,
        functions: tuple[Function, ...],
        settings: HostJson,
        supervisor: Supervisor,
        surroundings: Surroundings,
    ) -> None:
        self._by_kind = {
            kind: tuple(f for f in functions if f.kind == kind)
            for kind in (HTTP, BLOB, QUEUE, TIMER)
        }
        self._settings = settings
        self._invoke = supervisor.invoke
        self._around = surroundings
        self._loops: list[asyncio.Task[None]] = []
        self._listeners: list[Listener] = []
        self._admin_calls: set[asyncio.Task[None]] = set()
        self._blob_listener: Listener | None = None
        self._blob_runner: BlobRunner | None = None

    async def start(self) -> None:
        """Begin to listen, once storage is there."""
        await self._around.storage_ready.wait()
        if self._by_kind[BLOB]:
            await self._start_blobs()
        for function in self._by_kind[QUEUE]:
            await self._start_queue(function)
        if self._by_kind[TIMER]:
            await self._start_timers()

    async def pause(self) -> None:
        """Stop listening; calls that were begun go on."""
        for loop in self._loops:
            loop.cancel()
        if self._loops:
            await asyncio.wait(self._loops)

    async def finish(self) -> None:
        """Return when all that was begun is settled."""
        for listener in self._listeners:
            await listener.finish()
        if self._admin_calls:
            await asyncio.wait(self._admin_calls)

    def blob_event_sent(self) -> None:
        """Look at the blob queue now."""
        if self._blob_listener is not None:
            self._blob_listener.wake()

    def begin(self, function: Function, text: str) -> None:
        """Start a function with an input made from a text, as the admin interface does."""
        call = asyncio.create_task(self._begin(function, text))
        self._admin_calls.add(call)
        call.add_done_callback(self._admin_calls.discard)

    async def _begin(self, function: Function, text: str) -> None:
        try:
            if function.kind == BLOB and self._blob_runner is not None:
                await self._blob_runner.run_named(function, text)
            elif function.kind == TIMER:
                await self._invoke(timer_call(function, None, past_due=False))
            elif function.kind == QUEUE:
                await self._invoke(Call(function, "string", text))
            else:
                value = {"method": "POST", "url": self._around.url, "headers": {}, "query": {}}
                await self._invoke(Call(function, "http", value | {"params": {}}, text.encode()))
        except CallError:
            return  # the supervisor has logged it, and nobody waits for the outcome

    def _run(self, loop: Coroutine[Any, Any, None]) -> None:
        self._loops.append(asyncio.create_task(loop))

    def _listen(self, listener: Listener) -> None:
        self._listeners.append(listener)
        self._run(listener.run())

    async def _start_blobs(self) -> None:
        functions = self._by_kind[BLOB]
        names = {str(function.trigger["connection"]) for function in functions}
        services = {name: self._around.blob_service(name) for name in names}
        self._blob_runner = BlobRunner(functions, services, self._invoke)
        queue = self._around.queue_service(HOST_STORAGE).get_queue_client(
            blob_queue_name(self._around.host_id)
        )
        await asyncio.to_thread(create_queue, queue)
        # The host keeps the poison queue beside the blobs, not in its own storage.
        poison = self._around.queue_service(min(names)).get_queue_client(POISON_QUEUE)
        policy = Policy(
            batch=min(self._settings.blob_parallel, 32),
            threshold=self._settings.blob_parallel - 1,
            dequeue_max=self._settings.blob_dequeue_max,
            retry_seconds=0,
            interval_max=BLOB_INTERVAL_SECONDS_MAX,
        )
        self._blob_listener = Listener(queue, poison, policy, self._blob_runner.handle)
        self._listen(self._blob_listener)
        watched = {
            function.webhook_id: services[str(function.trigger["connection"])].get_container_client(
                str(function.trigger["path"]).partition("/")[0]
            )
            for function in functions
        }
        webhook = f"{self._around.url}/runtime/webhooks/blobs"
        self._run(EventPump(webhook, self._around.keys.blobs_extension, watched).run())

    async def _start_queue(self, function: Function) -> None:
        service = self._around.queue_service(str(function.trigger["connection"]))
        name = str(function.trigger["queueName"])
        queue = service.get_queue_client(name)
        await asyncio.to_thread(create_queue, queue)
        poison = None if name.endswith("-poison") else service.get_queue_client(f"{name}-poison")
        policy = Policy(
            batch=self._settings.queue_batch,
            threshold=self._settings.queue_threshold,
            dequeue_max=self._settings.queue_dequeue_max,
            retry_seconds=self._settings.queue_retry_seconds,
            interval_max=self._settings.queue_interval_seconds,
            base64=self._settings.queue_base64,
        )

        async def handle(message: QueueMessage, text: str) -> None:
            await self._invoke(Call(function, "string", text, metadata=_describe(message, text)))

        self._listen(Listener(queue, poison, policy, handle))

    async def _start_timers(self) -> None:
        container = self._around.blob_service(HOST_STORAGE).get_container_client(STATUS_CONTAINER)
        with contextlib.suppress(ResourceExistsError):
            await asyncio.to_thread(container.create_container)
        for function in self._by_kind[TIMER]:
            blob = container.get_blob_client(status_name(self._around.host_id, function))
            self._run(Timer(function, blob, self._invoke).run())


def _describe(message: QueueMessage, text: str) -> dict[str, tuple[str, str]]:
    """Binding data of a queue message."""
    return {
        "QueueTrigger": ("string", text),
        "Id": ("string", str(message.id)),
        "PopReceipt": ("string", str(message.pop_receipt)),
        "DequeueCount": ("json", str(message.dequeue_count)),
        "InsertionTime": ("json", f'"{message.inserted_on:%Y-%m-%dT%H:%M:%S+00:00}"'),
        "ExpirationTime": ("json", f'"{message.expires_on:%Y-%m-%dT%H:%M:%S+00:00}"'),
        "NextVisibleTime": ("json", f'"{message.next_visible_on:%Y-%m-%dT%H:%M:%S+00:00}"'),
    }
