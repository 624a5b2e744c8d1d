"""A process that takes steps of jobs from a real queue, as an instance of the app does."""

from contextlib import suppress
from multiprocessing.connection import Connection
from uuid import uuid4

from azure.core.exceptions import HttpResponseError
from azure.storage.queue import QueueClient, TextBase64DecodePolicy

from consentry.azure.credentials import storage_credential
from consentry.azure.names import QueueName
from consentry.errors import ConsentryError
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.deployment import connect
from consentry.service.services import Services, assemble
from consentry.service.settings import Settings
from consentry.trust.operations import Operation

DELIVERIES = 5
IDLE, DONE = b"idle", b"done"
IDLE_SECONDS = 0.1
INVISIBLE_SECONDS = 8  # of a message in work: one whose worker is killed comes again after that


def queue(settings: Settings) -> QueueClient:
    """The queue as the host reads it."""
    return QueueClient(
        settings.work_queue_endpoint,
        QueueName.VIDEO,
        credential=storage_credential(emulated=True, client_id=""),
        message_decode_policy=TextBase64DecodePolicy(),
    )


def work(environment: dict[str, str], told: Connection) -> None:
    """Take steps until the other end closes; a line is told after each, and when there is none."""
    settings = Settings.load(environment)
    services, messages = assemble(settings, connect(settings)), queue(settings)
    while not told.closed:
        message = messages.receive_message(visibility_timeout=INVISIBLE_SECONDS)
        if message is None:
            told.send_bytes(IDLE)
            told.poll(IDLE_SECONDS)
        else:
            last = (message.dequeue_count or 0) >= DELIVERIES
            if step(services, str(message.content), last=last):
                # Another may have taken it meanwhile, if this one was slow: then it is theirs.
                with suppress(HttpResponseError):
                    messages.delete_message(message)
            told.send_bytes(DONE)


def step(services: Services, text: str, *, last: bool) -> bool:
    """Take one step; False where it is to come again. One that failed at its last is given up."""
    try:
        services.jobs().steps.take(text.encode(), str(uuid4()))
    except ConsentryError:
        if last:
            call = Call(Operation.POISON, SystemTimer(), Trigger.QUEUE, str(uuid4()))
            tending = services.jobs().tending
            services.gate.run(call, lambda invocation: tending.give_up(invocation, text.encode()))
        return last
    return True
