"""A job in which each call of a store fails once, before or after it took effect, ends right."""

from typing import Any

import pytest
from tests.support.jobs import SHORT_PIECES, deliver, film, jobs, leftovers
from tests.support.layer import vision
from tests.support.service import TENANT, World, make_world
from tests.support.videos import decoded

from consentry.azure.names import Container, QueueName, TableName
from consentry.errors import ConsentryError
from consentry.service.jobs.job import State

FILM = f"{TENANT}/film.mp4"
EVERY = 4  # of the calls, lest this take minutes: each kind of step makes several in a row
STORES = {
    "blobs": ("write", "upload", "open", "read", "list", "move", "delete"),
    "jobs": ("insert", "replace", "query", "delete"),
    "queue": ("send",),
    "audit": ("append",),
}


def store_of(world: World, name: str) -> Any:
    return {
        "blobs": world.blobs,
        "jobs": world.tables[TableName.JOBS],
        "queue": world.queues[QueueName.VIDEO],
        "audit": world.audit,
    }[name]


def arrive(world: World) -> None:
    """Deliver the event until it was taken, as the host does."""
    try:
        world.arrive(FILM)
    except ConsentryError:
        world.arrive(FILM)


def run(store: str, operation: str, number: int, *, after: bool) -> bool:
    """Run a job whose n-th call of an operation fails; False where there are not so many."""
    world = make_world(None, **SHORT_PIECES)
    world.approve()
    world.drop(FILM, film(2))
    faults = store_of(world, store).faults
    faults.fail_at(operation, number, after=after)
    arrive(world)
    deliver(world)
    left = faults.stop_waiting(operation)
    [job] = jobs(world, TENANT)
    result = world.content(Container.REDACTED, FILM) or b""
    frames, _ = decoded(result)
    assert (job.state, len(frames), leftovers(world)) == (State.DONE, 50, [])
    assert not any(vision().detect(frame) for frame in frames[::10])
    assert world.names(Container.QUARANTINE) == world.names(Container.INBOX) == []
    return not left


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("store", "operation"), [(store, name) for store, names in STORES.items() for name in names]
)
def test_job_whose_steps_break_off_anywhere_ends_right(
    store: str, operation: str, *, after: bool
) -> None:
    number = 0
    while run(store, operation, number, after=after):
        number += EVERY
    assert number > 0
