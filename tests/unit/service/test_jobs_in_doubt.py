"""Jobs whose cut or whose result is in doubt: looked through again as a whole, or failed."""

import json
from collections.abc import Callable

import pytest
from tests.support.jobs import RATE, SHORT_PIECES, deliver, film, give_up, jobs, leftovers
from tests.support.service import TENANT, World, make_world
from tests.support.videos import decoded

from consentry.azure.names import Container, QueueName
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.workbench import Workbench, Written
from consentry.trust.operations import Capability
from consentry.vision import Box
from consentry.vision.video import ROUNDS_MAX, Residue, to_json
from consentry.vision.video.sightings import Sighting

FILM = f"{TENANT}/film.mp4"
SECONDS = 2


@pytest.fixture
def world() -> World:
    made = make_world(None, **SHORT_PIECES)
    made.approve()
    made.drop(FILM, film(SECONDS))
    made.arrive(FILM)
    return made


def only_job(world: World) -> Job:
    [job] = jobs(world, TENANT)
    return job


def until(world: World, state: State, round_: int = 0) -> Job:
    """Deliver messages one by one until the job is in a state, and in a round if it says which."""
    job = only_job(world)
    while job.state is not state or job.round < round_:
        assert deliver(world, steps=1) == 1
        job = only_job(world)
    return job


def leave_a_face(world: World, job: Job) -> None:
    """Let the round's look have found a face in each piece, somewhere else in every round."""
    for number in job.pieces_wanted:
        frame = number * RATE + 3
        face = Sighting(frame, Box(20.0 + 20 * job.round, 30.0, 20.0, 24.0), 0.9, sure=True)
        written = Written("0" * 64, (), (Residue(((frame, (face,)),), 1),))
        name = f"{job.folder}written-{number:05}-{job.round}.json"
        world.blobs.write(Container.PIECES, name, to_json(written), content_type="")


def test_face_that_is_left_after_the_last_round_fails_the_job(world: World) -> None:
    for round_ in range(1, ROUNDS_MAX + 1):
        job = until(world, State.WRITING, round_)
        leave_a_face(world, job)
    deliver(world)
    job = only_job(world)
    assert (job.state, job.code, job.round) == (State.FAILED, "ResidualFace", ROUNDS_MAX)
    assert world.names(Container.QUARANTINE) == [FILM, f"{FILM}.reason.json"]
    assert world.content(Container.QUARANTINE, FILM) == film(SECONDS)
    assert world.names(Container.REDACTED) == world.names(Container.MANIFESTS) == []
    assert (world.names(Container.INBOX), leftovers(world)) == ([], [])


def test_face_that_is_left_once_is_masked_in_the_next_round(world: World) -> None:
    job = until(world, State.WRITING)
    deliver(world, steps=len(job.pieces_wanted) - 1)
    written = world.names(Container.PIECES)
    name = next(name for name in written if "written-" in name)
    told = json.loads(world.content(Container.PIECES, name) or b"")
    face = Sighting(3, Box(200.0, 150.0, 20.0, 24.0), 0.9, sure=True)
    told["residues"][0]["faces"] = [[3, [json.loads(to_json(face))]]]
    world.blobs.write(Container.PIECES, name, json.dumps(told).encode(), content_type="")
    deliver(world)
    job = only_job(world)
    assert (job.state, job.round) == (State.DONE, 2)
    frame = decoded(world.content(Container.REDACTED, FILM) or b"")[0][3]
    assert frame[162, 210].max() <= 32


def test_video_whose_cut_is_refused_is_looked_through_again_as_a_whole(world: World) -> None:
    until(world, State.PLANNING)
    name = f"{only_job(world).folder}scan-cut-00001.json"
    told = json.loads(world.content(Container.PIECES, name) or b"")
    told["complete"] = False  # a packet gave no frame
    world.blobs.write(Container.PIECES, name, json.dumps(told).encode(), content_type="")
    deliver(world, times=2)
    job = only_job(world)
    assert (job.state, job.whole, job.pieces, job.frames) == (State.DONE, True, 1, SECONDS * RATE)
    result = world.content(Container.REDACTED, FILM) or b""
    assert len(decoded(result)[0]) == SECONDS * RATE
    assert leftovers(world) == []


def thumbnails(world: World) -> bool:
    """Whether the unmasked thumbnails of a piece lie somewhere."""
    names = world.names(Container.PIECES)
    return any(b'"view"' in (world.content(Container.PIECES, name) or b"") for name in names)


def cancel(world: World) -> None:
    world.services.jobs().desk.endgame.cancel(TENANT, only_job(world).id)


def poison(world: World) -> None:
    for text in world.queues[QueueName.VIDEO].take():
        give_up(world, text)


def revoke(world: World) -> None:
    world.revoke(Capability.REDACT)
    world.clock.advance(seconds=2)
    deliver(world)


@pytest.mark.parametrize("ending", [deliver, cancel, poison, revoke])
def test_thumbnails_of_a_piece_are_gone_whatever_comes_of_its_job(
    world: World, ending: Callable[[World], object]
) -> None:
    until(world, State.PLANNING)
    assert thumbnails(world)
    ending(world)
    assert only_job(world).is_over
    assert world.names(Container.PIECES) == []


def test_thumbnails_are_small_and_grey(world: World) -> None:
    until(world, State.PLANNING)
    bench = Workbench(world.blobs)
    for scan in bench.scans(only_job(world)):
        assert scan.view is not None
        assert (scan.view.across, len(scan.view.first)) == (240, 240 * 180)  # a byte for each pixel
