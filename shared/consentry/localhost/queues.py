"""Storage queues as the Functions host listens to them.

A message is received with ten minutes of invisibility, renewed at half-time, and deleted when
its function has succeeded. One that failed becomes visible again after the retry delay; one that
failed too often is copied to the poison queue and deleted (QueueListener, QueueProcessor).
"""

import asyncio
import base64
import binascii
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from consentry.localhost.worker import CallError

INVISIBLE_SECONDS = 600
RENEW_SECONDS = INVISIBLE_SECONDS / 2
INTERVAL_SECONDS_MIN = 0.1

Handle = Callable[[QueueMessage, str], Awaitable[None]]
"""Does one message's work, given it and its decoded text; CallError when that failed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """How a queue is read; times in seconds."""

    batch: int
    threshold: int  # messages in work up to which another batch is fetched
    dequeue_max: int
    retry_seconds: int
    interval_max: float
    base64: bool = True


class Listener:
    """Reads one queue and hands its messages to ``handle``.

    ``poison`` takes what failed too often; None leaves such a message invisible, as the host
    does with the messages of a poison queue.
    """

    def __init__(
        self, queue: QueueClient, poison: QueueClient | None, policy: Policy, handle: Handle
    ) -> None:
        self._queue = queue
        self._poison = poison
        self._policy = policy
        self._handle = handle
        self._running: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Look for messages now: somebody of this process has just sent one."""
        self._awake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Fetch and start messages until told to stop, then wait for those in work.

        Whoever sets ``stopping`` also calls ``wake``. Nothing is ever cancelled: a message
        received and then forgotten would stay invisible for ten minutes.
        """
        interval = INTERVAL_SECONDS_MIN
        while not stopping.is_set():
            if len(self._running) > self._policy.threshold:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                continue
            self._awake.clear()
            messages = await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                interval = INTERVAL_SECONDS_MIN
                continue
            await self._pause(interval)
            highest = max(self._policy.interval_max, INTERVAL_SECONDS_MIN)
            interval = min(interval * random.uniform(1.5, 2.0), highest)  # noqa: S311 (spreads load)
        if self._running:
            await asyncio.wait(self._running)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._awake.wait(), seconds)
        except TimeoutError:
            return

    async def _receive(self) -> list[QueueMessage]:
        """One receive call; storage that does not answer is the same as no message."""
        pages = self._queue.receive_messages(
            messages_per_page=self._policy.batch, visibility_timeout=INVISIBLE_SECONDS
        ).by_page()
        try:
            return list(await asyncio.to_thread(next, pages, ()))
        except ResourceNotFoundError:
            return []
        except AzureError as error:
            logger.warning("A queue cannot be read: %s", type(error).__name__)
            return []

    async def _process(self, message: QueueMessage) -> None:
        try:
            await self._try(message)
        except AzureError as error:
            # It becomes visible again by itself, later than it should.
            logger.warning("A queue message cannot be settled: %s", type(error).__name__)

    async def _try(self, message: QueueMessage) -> None:
        dequeued = message.dequeue_count or 0
        try:
            text = self._decode(message)
        except (binascii.Error, UnicodeDecodeError):
            logger.warning("A queue message is not base64, as host.json says it is.")
            await self._give_up(message)
            return
        if dequeued > self._policy.dequeue_max:
            await self._give_up(message)
            return
        try:
            await self._renewing(message, text)
        except CallError as error:
            logger.error("A queue message failed (try %d): %s", dequeued, error)  # noqa: TRY400
            if dequeued >= self._policy.dequeue_max:
                await self._give_up(message)
            else:
                await self._hide(message, self._policy.retry_seconds)
        else:
            await asyncio.to_thread(self._queue.delete_message, message)

    async def _renewing(self, message: QueueMessage, text: str) -> None:
        """Do the work and keep the message invisible meanwhile."""
        work = asyncio.ensure_future(self._handle(message, text))
        while not (await asyncio.wait({work}, timeout=RENEW_SECONDS))[0]:
            await self._hide(message, INVISIBLE_SECONDS)
        await work

    async def _hide(self, message: QueueMessage, seconds: int) -> None:
        changed = await asyncio.to_thread(
            self._queue.update_message, message, visibility_timeout=seconds
        )
        message.pop_receipt = changed.pop_receipt

    async def _give_up(self, message: QueueMessage) -> None:
        if self._poison is None:
            return
        logger.error("A queue message failed too often and goes to the poison queue.")
        await asyncio.to_thread(_send_creating, self._poison, message.content)
        await asyncio.to_thread(self._queue.delete_message, message)

    def _decode(self, message: QueueMessage) -> str:
        if not self._policy.base64:
            return str(message.content)
        return base64.b64decode(message.content, validate=True).decode()


def encode(text: str) -> str:
    """Encode a message's text as the host does by default."""
    return base64.b64encode(text.encode()).decode()


def _send_creating(queue: QueueClient, content: str) -> None:
    """Send to a queue that is made when it is first needed."""
    try:
        queue.send_message(content)
    except ResourceNotFoundError:
        create_queue(queue)
        queue.send_message(content)


def create_queue(queue: QueueClient) -> None:
    """Make a queue unless it exists."""
    try:
        queue.create_queue()
    except ResourceExistsError:
        return
