"""Videos in which a claimed face stays visible: by a receipt, recognised, and nobody else's."""

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image
from tests.support.claimants import FILM, SECONDS, WIDTH, Cinema, cinema, duo, film, place, seen
from tests.support.consenting import statement_body
from tests.support.jobs import IN_SECONDS, RATE, deliver, jobs, leftovers, take
from tests.support.layer import sample, vision
from tests.support.service import STRANGER, TENANT
from tests.support.videos import video

from consentry.azure.names import Container, QueueName, TableName
from consentry.service.jobs.job import State
from consentry.service.manifests import VIDEO, open_signed
from consentry.trust.operations import Capability
from consentry.vision import Box

PREVIEW = f"{FILM}.preview.json"
FRAMES = SECONDS * RATE
# Steps of a job of two pieces: cut, scan twice, plan, compare twice, plan, write twice, plan, join.
SCANNED, COMPARED, ALL_BUT_JOINED = 3, 6, 10


@pytest.fixture
def theatre() -> Cinema:
    return cinema()


def assert_nothing_left(theatre: Cinema) -> None:
    world = theatre.world
    assert world.names(Container.REDACTED) == world.names(Container.MANIFESTS) == []
    assert leftovers(world) == []
    assert FILM in world.names(Container.QUARANTINE)


def assert_nobody_stays(theatre: Cinema, why: str) -> None:
    assert not any(seen(theatre.result()))
    assert [(one["kept"], one["verdict"]) for one in theatre.manifest()["claims"]] == [(False, why)]


def test_claimed_person_who_is_recognised_stays_and_the_other_is_masked(theatre: Cinema) -> None:
    consent = theatre.consenting()
    job = theatre.work(claims=[theatre.claim(consent)])
    assert (job.state, leftovers(theatre.world)) == (State.DONE, [])
    [claim] = theatre.manifest()["claims"]
    assert (claim["receipt"], claim["kept"], claim["verdict"]) == (consent, True, "kept")
    for number, boxes in enumerate(seen(theatre.result())):
        visible = claim["firstFrame"] <= 3 * number <= claim["lastFrame"]
        own = place(duo()[3 * number])
        assert [box.overlap(own) > 0.6 for box in boxes] == [True] * visible
    assert claim["lastFrame"] - claim["firstFrame"] > 30
    told = json.dumps(theatre.manifest())
    assert "p-a" not in told
    assert {model["role"] for model in theatre.manifest()["models"]} >= {"embedder", "detector"}


@pytest.mark.slow
def test_claims_take_verify_at_every_step_and_count_one_comparison(theatre: Cinema) -> None:
    consent = theatre.consenting()
    before = len(theatre.world.records())
    theatre.work(claims=[theatre.claim(consent)])
    records = theatre.world.records()[before:]
    assert {one["operation"] for one in records} == {
        "start_job_with_claims",
        "work_on_job_with_claims",
    }
    counts = [one.get("counts", {}) for one in records]
    assert sum(one.get("comparisons", 0) for one in counts) == 1
    made = [one for one in records if one.get("counts", {}).get("templates")]
    assert all("embedder" in one["models"] for one in made)
    assert len(made) == SECONDS
    outputs = theatre.ask("consent_outputs", method="GET", route={"id": consent})["outputs"]
    assert [one["result"] for one in outputs] == [FILM]


def test_person_who_is_not_the_receipts_is_masked_and_the_miss_is_counted(theatre: Cinema) -> None:
    consent = theatre.consenting()
    job = theatre.work(claims=[theatre.claim(consent, left=False)])
    assert job.state is State.DONE
    assert_nobody_stays(theatre, "not_recognised")
    row = theatre.world.tables[TableName.QUOTAS].get(TENANT, "watch")
    assert row is not None
    assert row.values["score"] != 0


@pytest.mark.slow
def test_no_record_tells_whether_a_face_was_recognised_before_that_is_counted() -> None:
    told = []
    for photo in ("person_a_1.jpg", "person_b_2.jpg"):
        theatre = cinema()
        consent = theatre.consenting(photo=photo)
        job_id = theatre.start(claims=[theatre.claim(consent, left=False)])
        deliver(theatre.world, steps=COMPARED)
        assert theatre.job(job_id).state is State.PLANNING
        assert theatre.world.tables[TableName.QUOTAS].get(TENANT, "watch") is None
        told.append([one.get("counts") for one in theatre.world.records()[-2:]])
    assert told[0] == told[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "steps",
    [
        SCANNED,
        5,  # compared in one of two pieces
        pytest.param(7, marks=pytest.mark.slow),  # judged
        pytest.param(8, marks=pytest.mark.slow),  # written in part
        ALL_BUT_JOINED,
    ],
)
def test_consent_that_ends_while_the_job_runs_leaves_no_result(theatre: Cinema, steps: int) -> None:
    consent = theatre.consenting()
    theatre.start(claims=[theatre.claim(consent)])
    deliver(theatre.world, steps=steps)
    theatre.withdraw(consent)
    deliver(theatre.world)
    [job] = jobs(theatre.world, TENANT)
    if steps == SCANNED:  # before any face was compared the claim is void, and all are masked
        assert job.state is State.DONE
        assert_nobody_stays(theatre, "consent_withdrawn")
        return
    assert (job.state, job.reason) == (State.FAILED, "consent_withdrawn")
    assert_nothing_left(theatre)


@pytest.mark.slow
def test_consent_that_ends_after_the_record_and_before_the_release_leaves_no_result(
    theatre: Cinema,
) -> None:
    consent = theatre.consenting()
    theatre.start(claims=[theatre.claim(consent)])
    deliver(theatre.world, steps=ALL_BUT_JOINED)
    [last] = theatre.world.queues[QueueName.VIDEO].take()
    table = theatre.world.tables[TableName.CONSENTS]
    go_on = table.faults.hold("put")  # of the row that says which result relies on the receipt
    with ThreadPoolExecutor() as pool:
        step = pool.submit(take, theatre.world, last)
        table.faults.wait_for_held()
        theatre.withdraw(consent)
        go_on()
        step.result()
    [job] = jobs(theatre.world, TENANT)
    assert (job.state, job.reason) == (State.FAILED, "consent_withdrawn")
    assert_nothing_left(theatre)


@pytest.mark.parametrize(
    "capability", [Capability.VERIFY, pytest.param(Capability.REDACT, marks=pytest.mark.slow)]
)
def test_claims_need_both_approvals_until_the_end(theatre: Cinema, capability: Capability) -> None:
    consent = theatre.consenting()
    theatre.start(claims=[theatre.claim(consent)])
    deliver(theatre.world, steps=4)
    theatre.world.revoke(capability)
    theatre.world.clock.advance(seconds=2)
    deliver(theatre.world)
    [job] = jobs(theatre.world, TENANT)
    assert (job.state, job.reason) == (State.FAILED, "revoked")
    assert_nothing_left(theatre)


def test_claims_without_approval_for_verify_start_no_job(theatre: Cinema) -> None:
    consent = theatre.consenting()
    theatre.world.revoke(Capability.VERIFY)
    theatre.world.clock.advance(seconds=2)
    theatre.start(claims=[theatre.claim(consent)], expect=403)
    assert jobs(theatre.world, TENANT) == []


def preview(theatre: Cinema) -> dict[str, Any]:
    job = theatre.work(mode="preview")
    assert (job.state, job.result) == (State.DONE, PREVIEW)
    found = theatre.world.content(Container.REDACTED, PREVIEW)
    told: dict[str, Any] = json.loads(found or b"")
    assert told["preview"] == job.id
    return told


def test_preview_shows_tracks_and_no_face_and_leaves_the_input(theatre: Cinema) -> None:
    told = preview(theatre)
    assert told["video"]["frames"] == FRAMES
    for track in told["tracks"]:
        thumbnail = Image.open(BytesIO(base64.b64decode(track["thumbnail"]))).convert("RGB")
        larger = np.asarray(thumbnail.resize((640, 640 * thumbnail.height // thumbnail.width)))
        assert vision().detect(larger) == ()
        frame = round(track["sample"]["seconds"] * RATE)
        inside = [
            place(duo()[frame], left).overlap(Box(**track["sample"]["box"]))
            for left in (True, False)
        ]
        assert max(inside) > 0.6
        assert (track["firstFrame"], track["lastFrame"]) == (0, FRAMES - 1)
    assert len(told["tracks"]) == 2
    world = theatre.world
    assert (world.names(Container.INBOX), leftovers(world)) == ([FILM], [])
    world.arrive(FILM)  # once more, late
    assert [job.preview for job in jobs(world, TENANT)] == [True]


def test_preview_is_fetched_like_any_result_and_has_its_manifest(theatre: Cinema) -> None:
    told = preview(theatre)
    route = {"id": told["preview"]}
    reply = theatre.reply("redaction_content", method="GET", route=route)
    assert reply.headers["Location"].startswith(f"memory://{Container.REDACTED}/{PREVIEW}?read")
    assert (
        theatre.reply("redaction_content", method="GET", route=route, tenant=STRANGER).status_code
        == 404
    )
    assert theatre.world.records()[-2]["operation"] == "read_job_result"
    signed = theatre.world.content(Container.REDACTED, f"{PREVIEW}.manifest.json") or b""
    keys = theatre.world.services.signing_key.public_keys()
    manifest = open_signed(signed, kind=VIDEO, public_keys=keys)
    found = theatre.world.content(Container.REDACTED, PREVIEW) or b""
    assert manifest["output"]["sha256"] == hashlib.sha256(found).hexdigest()
    assert manifest["input"]["sha256"] == hashlib.sha256(theatre.data).hexdigest()


@pytest.mark.slow
def test_track_of_a_preview_stays_by_a_claim_and_by_nothing_else(theatre: Cinema) -> None:
    told = preview(theatre)
    [a] = [one for one in told["tracks"] if one["sample"]["box"]["left"] < WIDTH / 3]
    consent = theatre.consenting()
    claim = {"preview": told["preview"], "track": a["id"], "receipt": consent}
    for less in ("preview", "track", "receipt"):
        theatre.start(claims=[{k: v for k, v in claim.items() if k != less}], expect=400)
    theatre.start(claims=[{**claim, "track": 3}], expect=404)
    job = theatre.work(claims=[claim])
    assert job.state is State.DONE
    [kept] = theatre.manifest()["claims"]
    assert kept["verdict"] == "kept"
    assert any(seen(theatre.result()))


def test_track_that_reaches_over_the_border_is_claimed_like_any() -> None:
    photo = Image.open(BytesIO(sample("person_a_2.jpg"))).convert("RGB")
    face = place(np.asarray(photo))
    left = int(face.left + face.width / 8)
    frame = np.asarray(photo.crop((left, 0, left + photo.height, photo.height)).resize((300, 300)))
    theatre = cinema(video([frame] * 12, IN_SECONDS))
    told = preview(theatre)
    [track] = told["tracks"]
    assert track["sample"]["box"]["left"] < 0
    consent = theatre.consenting()
    by_box = theatre.start(claims=[{"receipt": consent, **track["sample"]}])
    theatre.ask("cancel_redaction_job", method="DELETE", route={"id": by_box}, expect=202)
    theatre.world.drop(FILM, theatre.data, job="wait")
    theatre.work(claims=[{"receipt": consent, "preview": told["preview"], "track": track["id"]}])
    assert [one["verdict"] for one in theatre.manifest()["claims"]] == ["kept"]


def test_another_tenants_preview_is_an_unknown_one(theatre: Cinema) -> None:
    told = preview(theatre)
    theatre.world.drop(f"{STRANGER}/film.mp4", theatre.data, job="wait")
    theatre.world.arrive(f"{STRANGER}/film.mp4")
    claim = {"preview": told["preview"], "track": 1, "receipt": str(uuid4())}
    error = theatre.start(claims=[claim], expect=404, tenant=STRANGER)
    assert error["message"] == "there is no preview under that id"
    assert jobs(theatre.world, STRANGER) == []


def test_preview_of_another_video_keeps_nobody(theatre: Cinema) -> None:
    told = preview(theatre)
    consent = theatre.consenting()
    other = film("person_a_2.jpg", "person_b_2.jpg")
    theatre.world.drop(FILM, other, job="wait")
    theatre.world.arrive(FILM)
    job = theatre.work(claims=[{"preview": told["preview"], "track": 1, "receipt": consent}])
    assert job.state is State.DONE
    assert_nobody_stays(theatre, "other_video")


@pytest.mark.parametrize("receipt", ["ended", "of another tenant"])
def test_receipt_that_does_not_hold_keeps_nobody(theatre: Cinema, receipt: str) -> None:
    if receipt == "ended":
        consent, why = theatre.consenting(), "consent_withdrawn"
        theatre.withdraw(consent)
    else:
        why, body = "consent_unknown", statement_body(theatre.world.clock())
        consent = theatre.ask("give_consent", document=body, tenant=STRANGER, expect=201)["id"]
    theatre.work(claims=[theatre.claim(consent)])
    assert_nobody_stays(theatre, why)


def test_one_receipt_or_person_for_two_tracks_is_refused_as_a_search(theatre: Cinema) -> None:
    one, again = theatre.consenting(), theatre.consenting()
    for second in (one, again):
        claims = [theatre.claim(one), theatre.claim(second, left=False)]
        theatre.start(claims=claims, expect=400)
    assert jobs(theatre.world, TENANT) == []


def test_preview_that_was_tampered_with_names_no_track(theatre: Cinema) -> None:
    told = preview(theatre)
    found = theatre.world.blobs.properties(Container.REDACTED, PREVIEW)
    assert found is not None
    changed = json.dumps({**told, "tracks": []}).encode()
    theatre.world.blobs.write(
        Container.REDACTED, PREVIEW, changed, content_type="", metadata=found.metadata
    )
    claim = {"preview": told["preview"], "track": 1, "receipt": theatre.consenting()}
    theatre.start(claims=[claim], expect=500)
    assert [job.preview for job in jobs(theatre.world, TENANT)] == [True]


@pytest.mark.slow
def test_video_that_relied_on_a_consent_is_masked_whole_when_it_is_redacted_again(
    theatre: Cinema,
) -> None:
    consent = theatre.consenting()
    theatre.work(claims=[theatre.claim(consent)])
    theatre.withdraw(consent)
    route = {"id": consent}
    [output] = theatre.ask("consent_outputs", method="GET", route=route)["outputs"]
    theatre.ask("redact_again", route={**route, "output": output["id"]})
    assert theatre.world.names(Container.REDACTED) == []
    theatre.ask("redact_again", route={**route, "output": output["id"]}, expect=404)
    theatre.world.arrive(FILM)
    deliver(theatre.world)
    assert jobs(theatre.world, TENANT)[-1].state is State.DONE
    assert not any(seen(theatre.result()))
    [output] = theatre.ask("consent_outputs", method="GET", route=route)["outputs"]
    assert "redactedAgain" in output


@pytest.mark.slow
def test_every_message_delivered_twice_keeps_the_same_track_and_counts_no_more(
    theatre: Cinema,
) -> None:
    consent = theatre.consenting()
    told = theatre.start(mode="preview")
    deliver(theatre.world, times=2)
    theatre.start(claims=[{"preview": told, "track": 1, "receipt": consent}])
    deliver(theatre.world, times=2)
    assert {job.state for job in jobs(theatre.world, TENANT)} == {State.DONE}
    assert leftovers(theatre.world) == []
    steps = [one.get("counts", {}) for one in theatre.world.records()]
    assert sum(one.get("comparisons", 0) for one in steps) == 1
