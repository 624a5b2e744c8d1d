"""Everything that calls the functions of one loaded app: routes, listeners, event pump, timers.

Made anew for each worker process, so that a changed app never meets the listeners of the old.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueMessage, QueueServiceClient

from consentry.localhost.blobs import POISON_QUEUE, BlobRunner, blob_queue_name
from consentry.localhost.connections import Connections
from consentry.localhost.functions import BLOB, HTTP, QUEUE, TIMER, Function
from consentry.localhost.hostjson import QUEUE_BATCH_MAX, HostJson
from consentry.localhost.keys import Keys
from consentry.localhost.pump import EventPump, Seen
from consentry.localhost.queues import Listener, Policy, create_queue
from consentry.localhost.supervisor import Supervisor
from consentry.localhost.timers import STATUS_CONTAINER, Timer, status_name, timer_call
from consentry.localhost.worker import Call, CallError

HOST_STORAGE = "AzureWebJobsStorage"
Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Works until the event is set, and returns when all that it has begun is settled."""

BLOB_INTERVAL_SECONDS_MAX = 5.0  # between looks at the blob queue; a notification wakes it at once


@dataclass(frozen=True)
class Surroundings:
    """What triggers need besides the app: the host's id and address, its keys and settings."""

    host_id: str
    url: str
    keys: Keys
    connections: Connections
    storage_ready: asyncio.Event
    pump: bool = True  # make the events that an emulator does not send
    seen: Seen = field(default_factory=dict)  # blobs whose events were sent, over all workers


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
        self._stopping = asyncio.Event()
        self._loops: list[Loop] = []
        self._listeners: list[Listener] = []
        self._running: set[asyncio.Task[None]] = set()
        self._clients = contextlib.ExitStack()
        self._blob_listener: Listener | None = None
        self._blob_runner: BlobRunner | None = None

    async def prepare(self) -> None:
        """Make the queues that are listened to, once storage is there."""
        await self._around.storage_ready.wait()
        if self._by_kind[BLOB]:
            await self._prepare_blobs()
        for function in self._by_kind[QUEUE]:
            await self._prepare_queue(function)
        if self._by_kind[TIMER]:
            await self._prepare_timers()

    def start(self) -> None:
        """Begin to listen."""
        for loop in self._loops:
            self._run(loop(self._stopping))

    def pause(self) -> None:
        """Begin no more calls; those begun go on."""
        self._stopping.set()
        for listener in self._listeners:
            listener.wake()

    async def finish(self) -> None:
        """Return when all that was begun is settled."""
        if self._running:
            await asyncio.wait(self._running)
        self._clients.close()

    def blob_event_sent(self) -> None:
        """Look at the blob queue now."""
        if self._blob_listener is not None:
            self._blob_listener.wake()

    def begin(self, function: Function, text: str) -> None:
        """Start a function with an input made from a text, as the admin interface does."""
        self._run(self._begin(function, text))

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

    def _blob_service(self, connection: str) -> BlobServiceClient:
        return self._clients.enter_context(self._around.connections.blobs(connection))

    def _queue_service(self, connection: str) -> QueueServiceClient:
        return self._clients.enter_context(self._around.connections.queues(connection))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _listen(self, listener: Listener) -> None:
        self._listeners.append(listener)
        self._loops.append(listener.run)

    async def _prepare_blobs(self) -> None:
        functions = self._by_kind[BLOB]
        names = {str(function.trigger["connection"]) for function in functions}
        services = {name: self._blob_service(name) for name in names}
        self._blob_runner = BlobRunner(functions, services, self._invoke)
        queue = self._queue_service(HOST_STORAGE).get_queue_client(
            blob_queue_name(self._around.host_id)
        )
        await asyncio.to_thread(create_queue, queue)
        # The host keeps the poison queue beside the blobs, not in its own storage.
        poison = self._queue_service(min(names)).get_queue_client(POISON_QUEUE)
        threshold = self._settings.blob_parallel // 2
        policy = Policy(
            batch=min(self._settings.blob_parallel - threshold, QUEUE_BATCH_MAX),
            threshold=threshold,
            dequeue_max=self._settings.blob_dequeue_max,
            retry_seconds=0,
            interval_max=BLOB_INTERVAL_SECONDS_MAX,
        )
        self._blob_listener = Listener(queue, poison, policy, self._blob_runner.handle)
        self._listen(self._blob_listener)
        if self._around.pump:
            self._pump_events(functions, services)

    def _pump_events(
        self, functions: tuple[Function, ...], services: Mapping[str, BlobServiceClient]
    ) -> None:
        watched = {
            function.webhook_id: services[str(function.trigger["connection"])].get_container_client(
                str(function.trigger["path"]).partition("/")[0]
            )
            for function in functions
        }
        webhook = f"{self._around.url}/runtime/webhooks/blobs"
        key = self._around.keys.blobs_extension
        self._loops.append(EventPump(webhook, key, watched, self._around.seen).run)

    async def _prepare_queue(self, function: Function) -> None:
        service = self._queue_service(str(function.trigger["connection"]))
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

    async def _prepare_timers(self) -> None:
        container = self._blob_service(HOST_STORAGE).get_container_client(STATUS_CONTAINER)
        with contextlib.suppress(ResourceExistsError):
            await asyncio.to_thread(container.create_container)
        for function in self._by_kind[TIMER]:
            blob = container.get_blob_client(status_name(self._around.host_id, function))
            self._loops.append(Timer(function, blob, self._invoke).run)


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
