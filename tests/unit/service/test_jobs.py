"""A video's job from its drop to its end: what comes of it, and what never does."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.jobs import (
    RATE,
    SHORT_PIECES,
    deliver,
    film,
    give_up,
    jobs,
    leftovers,
    store,
    take,
)
from tests.support.layer import vision
from tests.support.service import STRANGER, TENANT, World, make_world
from tests.support.videos import decoded, loudness

from consentry.azure.names import Container, QueueName
from consentry.errors import AuditUnavailableError, ConflictError, StorageError
from consentry.limits import (
    JOB_KEPT_SECONDS,
    JOB_SECONDS_MAX,
    JOB_STALLED_SECONDS,
)
from consentry.service.call import Call, SystemTimer, Trigger
from consentry.service.jobs.job import State
from consentry.service.manifests import VIDEO, open_signed
from consentry.trust.operations import Capability, Operation

FILM = f"{TENANT}/film.mp4"
MANIFEST = f"{FILM}.manifest.json"
ALL_BUT_JOINED = 9  # steps of a job of three pieces: cut, scan thrice, plan, write thrice, plan


@pytest.fixture
def world() -> World:
    made = make_world(None, **SHORT_PIECES)
    made.approve()
    return made


def drop(world: World, name: str = FILM, data: bytes | None = None, **metadata: str) -> None:
    world.drop(name, film() if data is None else data, **metadata)
    world.arrive(name)


def manifest(world: World, name: str = MANIFEST) -> dict[str, Any]:
    signed = world.content(Container.REDACTED, name)
    assert signed is not None
    return open_signed(signed, kind=VIDEO, public_keys=world.services.signing_key.public_keys())


def faces(data: bytes) -> int:
    """Frames of a video in which a face is found."""
    frames, _ = decoded(data)
    return sum(bool(vision().detect(frame)) for frame in frames[::6])


def tend(world: World) -> None:
    call = Call(Operation.UPKEEP, SystemTimer(), Trigger.TIMER, "")
    world.services.gate.run(call, world.services.jobs().tending.tend)


def assert_no_result(world: World) -> None:
    assert world.names(Container.REDACTED) == world.names(Container.MANIFESTS) == []
    assert leftovers(world) == []


def test_dropped_video_is_redacted_piece_by_piece_and_nothing_is_left(world: World) -> None:
    drop(world)
    deliver(world)
    [job] = jobs(world, TENANT)
    assert (job.state, job.pieces, job.whole, job.settled) == (State.DONE, 3, False, True)
    result = world.content(Container.REDACTED, FILM)
    assert result is not None
    assert len(decoded(result)[0]) == 3 * RATE
    assert (faces(film()) > 0, faces(result)) == (True, 0)
    assert world.names(Container.INBOX) == world.names(Container.QUARANTINE) == leftovers(world)


def test_manifest_names_input_output_tracks_and_models(world: World) -> None:
    drop(world)
    deliver(world)
    told, result = manifest(world), world.content(Container.REDACTED, FILM) or b""
    [job] = jobs(world, TENANT)
    assert told["input"]["sha256"] == hashlib.sha256(film()).hexdigest()
    assert told["output"]["sha256"] == hashlib.sha256(result).hexdigest()
    assert (told["job"], told["tenant"], told["video"]["frames"]) == (job.id, TENANT, 75)
    assert told["tracks"][0]["boxes"]
    assert {model["role"] for model in told["models"]} == {"detector", "second_detector"}
    assert told["audit"] == world.records()[-1]["id"]
    own = world.content(Container.MANIFESTS, f"{TENANT}/{job.id}.json")
    assert own == world.content(Container.REDACTED, MANIFEST)


def test_only_the_very_bytes_that_were_joined_and_recorded_leave(world: World) -> None:
    drop(world)
    deliver(world, steps=ALL_BUT_JOINED)
    [last] = world.queues[QueueName.VIDEO].take()
    [job] = jobs(world, TENANT)
    go_on = world.audit.faults.hold("append")
    with ThreadPoolExecutor() as pool:
        step = pool.submit(take, world, last)
        world.audit.faults.wait_for_held()  # the result is joined and about to be recorded
        place = f"{job.folder}result"
        world.blobs.write(Container.PIECES, place, film(), content_type="video/mp4")
        go_on()
        with pytest.raises(ConflictError):
            step.result()
    assert FILM not in world.names(Container.REDACTED)
    take(world, last)
    result = world.content(Container.REDACTED, FILM) or b""
    assert manifest(world)["output"]["sha256"] == hashlib.sha256(result).hexdigest()
    assert faces(result) == 0


def test_every_step_leaves_a_record_under_the_approval(world: World) -> None:
    drop(world)
    deliver(world)
    steps = [record for record in world.records() if record["operation"] == "work_on_job"]
    assert len(steps) == 1 + 3 + 1 + 3 + 1 + 1
    assert {record["principal"] for record in steps} == {"job:inbox"}
    assert all(record["outcome"] == "ok" and record["approval"] for record in steps)
    assert steps[0]["inputs"] == steps[-1]["inputs"] != []


def test_only_the_start_of_a_job_counts_against_the_rate_of_an_approval() -> None:
    world = make_world(None, **SHORT_PIECES)
    world.approve(rate_per_minute=1)
    drop(world)
    deliver(world)
    drop(world, f"{TENANT}/second.mp4")
    assert [job.state for job in jobs(world, TENANT)] == [State.DONE]
    assert f"{TENANT}/second.mp4" in world.names(Container.INBOX)


def test_every_message_delivered_twice_changes_nothing(world: World) -> None:
    drop(world)
    world.arrive(FILM)
    deliver(world, times=2)
    [job] = jobs(world, TENANT)
    assert job.state is State.DONE
    assert (len(world.names(Container.REDACTED)), leftovers(world)) == (2, [])
    assert manifest(world)["output"]["sha256"] == job.result_sha256


def test_sound_is_kept_where_the_upload_asks_for_it(world: World) -> None:
    drop(world, data=film(2, sound=True), sound="keep", kind="blur")
    deliver(world)
    assert loudness(world.content(Container.REDACTED, FILM) or b"", 0.5, 1.5) > 0.1
    assert manifest(world)["streams"]["sound"] == "keep"
    assert manifest(world)["mask"]["kind"] == "blur"


def test_result_of_another_format_is_named_as_an_mp4(world: World) -> None:
    drop(world, f"{TENANT}/film.mkv", film(1))
    deliver(world)
    assert f"{TENANT}/film.mkv.mp4" in world.names(Container.REDACTED)


@pytest.mark.parametrize("steps", [0, 1, 3, 5, 7, 9])
def test_revoked_tenants_running_job_stops_at_its_next_step(world: World, steps: int) -> None:
    drop(world)
    deliver(world, steps=steps)
    world.revoke(Capability.REDACT)
    world.clock.advance(seconds=2)
    deliver(world)
    [job] = jobs(world, TENANT)
    assert (job.state, job.reason) == (State.FAILED, "revoked")
    assert world.names(Container.QUARANTINE) == [FILM, f"{FILM}.reason.json"]
    assert world.content(Container.QUARANTINE, FILM) == film()
    assert_no_result(world)


@pytest.mark.parametrize("steps", [0, 2, 6, 9])
def test_cancelled_job_leaves_neither_input_nor_pieces(world: World, steps: int) -> None:
    drop(world)
    deliver(world, steps=steps)
    [job] = jobs(world, TENANT)
    world.services.jobs().desk.endgame.cancel(TENANT, job.id)
    deliver(world)
    assert jobs(world, TENANT)[0].state is State.CANCELLED
    assert world.names(Container.INBOX) == world.names(Container.QUARANTINE) == []
    assert_no_result(world)


def test_nothing_is_released_without_its_record(world: World) -> None:
    drop(world)
    deliver(world, steps=9)
    [last] = world.queues[QueueName.VIDEO].take()
    world.audit.faults.fail("append", times=50)
    with pytest.raises(AuditUnavailableError):
        take(world, last)
    assert world.names(Container.REDACTED) == world.names(Container.MANIFESTS) == []
    assert jobs(world, TENANT)[0].state is State.JOINING


def test_step_that_fails_at_every_delivery_fails_its_job(world: World) -> None:
    drop(world)
    deliver(world, steps=2)
    world.blobs.faults.fail("read", times=10)
    deliver(world)
    [job] = jobs(world, TENANT)
    assert (job.state, job.code) == (State.FAILED, "UploadAbandoned")
    assert world.names(Container.QUARANTINE) == [FILM, f"{FILM}.reason.json"]
    assert_no_result(world)


def test_poison_of_a_job_that_is_done_takes_nothing_back(world: World) -> None:
    drop(world)
    [first] = world.queues[QueueName.VIDEO].take()
    world.queues[QueueName.VIDEO].send(first)
    deliver(world)
    before = world.names(Container.REDACTED)
    give_up(world, first)
    assert jobs(world, TENANT)[0].state is State.DONE
    assert world.names(Container.REDACTED) == before != []


def test_what_is_no_video_after_all_goes_into_quarantine(world: World) -> None:
    drop(world, data=film()[:2000])
    deliver(world)
    [job] = jobs(world, TENANT)
    assert (job.state, job.code) == (State.FAILED, "InvalidVideo")
    assert world.names(Container.QUARANTINE) == [FILM, f"{FILM}.reason.json"]
    assert_no_result(world)


def test_replaced_upload_ends_its_job_and_only_the_new_one_has_a_result(world: World) -> None:
    drop(world)
    deliver(world, steps=3)
    drop(world, data=film(1))
    deliver(world)
    assert {job.state for job in jobs(world, TENANT)} == {State.CANCELLED, State.DONE}
    assert len(decoded(world.content(Container.REDACTED, FILM) or b"")[0]) == RATE
    assert leftovers(world) == []


def test_message_for_a_tenant_that_is_not_served_is_refused_and_recorded(world: World) -> None:
    drop(world)
    [text] = world.queues[QueueName.VIDEO].take()
    take(world, text.replace(TENANT, "fabrikam"))
    assert world.records()[-1]["reason"] == "unauthenticated"
    take(world, text.replace(TENANT, STRANGER))
    assert world.records()[-1]["reason"] == "no_approval"
    assert jobs(world, TENANT)[0].state is State.ACCEPTED


def test_stalled_job_is_woken_and_ends(world: World) -> None:
    drop(world)
    deliver(world, steps=2)
    world.queues[QueueName.VIDEO].take()  # lost
    tend(world)
    assert world.queues[QueueName.VIDEO].take() == []
    world.clock.advance(seconds=JOB_STALLED_SECONDS + 1)
    tend(world)
    deliver(world)
    assert jobs(world, TENANT)[0].state is State.DONE


def test_job_that_never_ends_is_given_up_after_a_day(world: World) -> None:
    drop(world)
    deliver(world, steps=2)
    world.queues[QueueName.VIDEO].take()
    world.clock.advance(seconds=JOB_SECONDS_MAX + 1)
    tend(world)
    [job] = jobs(world, TENANT)
    assert (job.state, job.code) == (State.FAILED, "UploadAbandoned")
    assert_no_result(world)


def test_pieces_of_a_job_that_is_gone_are_deleted_by_the_timer(world: World) -> None:
    lost = f"{TENANT}/0190a5d4-0000-7000-8000-0000000000ff/piece-00000.mkv"
    world.blobs.write(Container.PIECES, lost, b"unmasked", content_type="")
    tend(world)
    assert world.names(Container.PIECES) == [lost]
    world.clock.advance(seconds=JOB_STALLED_SECONDS + 1)
    tend(world)
    assert leftovers(world) == []


def test_row_of_a_job_is_forgotten_a_month_after_its_end(world: World) -> None:
    drop(world)
    deliver(world)
    world.clock.advance(seconds=JOB_KEPT_SECONDS + 1)
    tend(world)
    assert jobs(world, TENANT) == []
    assert FILM in world.names(Container.REDACTED)


def test_settling_that_fails_is_taken_up_by_the_timer(world: World) -> None:
    drop(world)
    deliver(world, steps=2)
    [job] = jobs(world, TENANT)
    world.blobs.faults.fail("list")
    with pytest.raises(StorageError):
        world.services.jobs().desk.endgame.cancel(TENANT, job.id)
    world.queues[QueueName.VIDEO].take()
    tend(world)
    assert store(world).find(TENANT, job.id) is not None
    assert_no_result(world)
