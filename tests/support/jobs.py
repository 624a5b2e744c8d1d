"""Jobs on the service in memory: videos to drop, and the queue's messages delivered at once."""

from collections import Counter
from functools import cache

from tests.support.layer import sample
from tests.support.service import Context, World
from tests.support.videos import Recipe, pan, video

from consentry.azure.names import Container, QueueName, TableName
from consentry.errors import ConsentryError
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.jobs.job import Job
from consentry.service.jobs.store import JobStore
from consentry.trust.operations import Operation

RATE = 25
DELIVERIES = 5
IN_SECONDS = Recipe(rate=RATE, options=(("preset", "ultrafast"), ("g", str(RATE))))
SHORT_PIECES = {"CONSENTRY_PIECE_SECONDS": "1"}


@cache
def film(seconds: int = 3, *, sound: bool = False) -> bytes:
    """A camera that pans over one person, with a key frame at every second."""
    frames = pan(sample("person_a_1.jpg"), seconds * RATE, 240, 180, step=1)
    return video(frames, Recipe(rate=RATE, options=IN_SECONDS.options, sound=sound))


def store(world: World) -> JobStore:
    """The rows of jobs."""
    return JobStore(world.tables[TableName.JOBS])


def jobs(world: World, tenant: str) -> list[Job]:
    """All jobs of a tenant, oldest first."""
    return sorted(store(world).all(tenant), key=lambda job: job.id)


def take(world: World, text: str) -> None:
    """Hand one message to the queue's function."""
    world.services.jobs().steps.take(text.encode(), Context().invocation_id)


def deliver(world: World, *, times: int = 1, steps: int = 10_000) -> int:
    """Hand messages on until none is left; one that fails comes again, then goes to poison.

    Each is delivered so many times; after ``steps`` deliveries the rest stays where it is.
    """
    queue, tries, count = world.queues[QueueName.VIDEO], Counter[str](), 0
    while texts := queue.take():
        for text in texts * times:
            if count == steps:
                queue.send(text)
                continue
            count += 1
            try:
                take(world, text)
            except ConsentryError:
                tries[text] += 1
                if tries[text] < DELIVERIES:
                    queue.send(text)
                else:
                    give_up(world, text)
        if count == steps:
            break
    return count


def give_up(world: World, text: str) -> None:
    """Hand a message to the watcher of the poison queue."""
    call = Call(Operation.POISON, SystemTimer(), Trigger.QUEUE, Context().invocation_id)
    tending = world.services.jobs().tending
    world.services.gate.run(call, lambda invocation: tending.give_up(invocation, text.encode()))


def leftovers(world: World) -> list[str]:
    """What no job may leave: pieces, messages, and rows of pieces and of held uploads."""
    rows = [row.row for row in world.tables[TableName.JOBS].query()]
    messages = world.queues[QueueName.VIDEO].take()
    names = world.names(Container.PIECES)
    return [*messages, *names, *(row for row in rows if not row.startswith("job:"))]
