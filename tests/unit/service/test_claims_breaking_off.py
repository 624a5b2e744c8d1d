"""Jobs with claims on stores that fail: once, and the same face stays; for good, and none does."""

from typing import Any

import pytest
from tests.support.claimants import FILM, Cinema, cinema, duo, place, seen
from tests.support.jobs import deliver, jobs, leftovers
from tests.support.service import TENANT

from consentry.azure.names import Container, TableName
from consentry.service.jobs.job import State

# With each, how many of its calls lie between two that fail, lest this take minutes.
CALLS = [
    ("blobs", "write", 11),
    ("blobs", "read", 27),
    ("jobs", "replace", 12),
    ("consents", "get", 4),
    ("consents", "put", 1),
    ("quotas", "insert", 1),
    ("audit", "append", 6),
]
# Steps of a job of two pieces: cut, scan twice, plan, compare twice, plan, write twice, plan, join.
SCANNED, COMPARED, ALL_BUT_JOINED = 3, 6, 10


def store_of(theatre: Cinema, name: str) -> Any:
    world = theatre.world
    fixed = {"blobs": world.blobs, "audit": world.audit}
    return fixed[name] if name in fixed else world.tables[TableName(name)]


def run(store: str, operation: str, number: int, *, after: bool) -> bool:
    """Run a job whose n-th call of an operation fails; False where there are not so many."""
    theatre = cinema()
    theatre.start(claims=[theatre.claim(theatre.consenting())])
    faults = store_of(theatre, store).faults
    faults.fail_at(operation, number, after=after)
    deliver(theatre.world)
    left = faults.stop_waiting(operation)
    [job] = jobs(theatre.world, TENANT)
    assert (job.state, leftovers(theatre.world)) == (State.DONE, [])
    assert [one["verdict"] for one in theatre.manifest()["claims"]] == ["kept"]
    shown = seen(theatre.result())
    assert all(len(boxes) <= 1 for boxes in shown)
    assert shown[10][0].overlap(place(duo()[30])) > 0.6
    assert theatre.world.names(Container.QUARANTINE) == []
    return not left


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("store", "operation", "every"), CALLS)
def test_job_with_claims_whose_steps_break_off_anywhere_keeps_the_same_face(
    store: str, operation: str, every: int, *, after: bool
) -> None:
    number = 0
    while run(store, operation, number, after=after):
        number += every
    assert number > 0


@pytest.mark.slow
@pytest.mark.parametrize("done", [SCANNED, COMPARED, ALL_BUT_JOINED])
def test_receipts_that_cannot_be_read_any_more_leave_no_result(done: int) -> None:
    theatre = cinema()
    job_id = theatre.start(claims=[theatre.claim(theatre.consenting())])
    deliver(theatre.world, steps=done)
    theatre.world.tables[TableName.CONSENTS].faults.fail("get", times=100)

    deliver(theatre.world)

    world = theatre.world
    assert theatre.job(job_id).state is State.FAILED
    assert world.names(Container.REDACTED) == world.names(Container.MANIFESTS) == []
    assert leftovers(world) == []
    assert FILM in world.names(Container.QUARANTINE)
