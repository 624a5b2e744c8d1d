"""Videos over HTTP: jobs asked for, watched, cancelled and fetched, by their own tenant alone."""

from typing import Any
from uuid import UUID

import pytest
from tests.support.jobs import SHORT_PIECES, deliver, film, jobs, leftovers
from tests.support.layer import sample
from tests.support.service import STRANGER, TENANT, App, World, make_world
from tests.support.videos import decoded

from consentry.azure.names import Container, TableName
from consentry.limits import UPLOAD_ADDRESS_SECONDS
from consentry.service.jobs.job import State
from consentry.trust.operations import Capability

FILM = f"{TENANT}/film.mp4"
UNKNOWN = str(UUID(int=7))
FUNCTIONS = ("redaction_job", "cancel_redaction_job", "redaction_content")


@pytest.fixture
def world() -> World:
    made = make_world(None, **SHORT_PIECES)
    for tenant in (TENANT, STRANGER):
        made.approve(tenant)
    return made


@pytest.fixture
def app(world: World) -> App:
    return App(world)


def left_for_a_request(world: World) -> None:
    world.drop(FILM, film(), job="wait")
    world.arrive(FILM)
    assert jobs(world, TENANT) == []


def start(app: App, **wish: Any) -> str:
    left_for_a_request(app.world)
    asked = {"source": "inbox/film.mp4", **wish}
    return str(app.ask("redact", document=asked, expect=202)["id"])


def progress(app: App, job_id: str, **more: Any) -> Any:
    return app.ask("redaction_job", method="GET", route={"id": job_id}, **more)


@pytest.mark.parametrize(
    ("hostname", "url", "place"),
    [
        ("faces.example", "https://attacker.example/redactions", "https://faces.example"),
        ("localhost:7071", "http://localhost:7071/redactions", "http://localhost:7071"),
        ("", "http://127.0.0.1:7071/redactions", "http://127.0.0.1:7071"),
        ("", "https://attacker.example/redactions", ""),
    ],
)
def test_job_is_accepted_and_says_where_to_ask_by_no_callers_word(
    hostname: str, url: str, place: str
) -> None:
    world = make_world(None, **SHORT_PIECES, WEBSITE_HOSTNAME=hostname)
    world.approve()
    app = App(world)
    left_for_a_request(world)
    body = b'{"source": "inbox/film.mp4"}'
    reply = app.reply("redact", body=body, content_type="application/json", url=url)
    [job] = jobs(world, TENANT)
    assert reply.status_code == 202
    assert reply.headers["Operation-Location"] == f"{place}/redactions/{job.id}"
    assert progress(app, job.id)["state"] == "accepted"


def test_progress_grows_to_the_end_and_tells_when_that_may_be(app: App) -> None:
    job_id, seen = start(app), []
    while deliver(app.world, steps=1):
        app.world.clock.advance(seconds=2)
        seen.append(progress(app, job_id))
    percents = [told["percent"] for told in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert {told["state"] for told in seen} >= {"scanning", "planning", "writing", "joining"}
    middle = next(told for told in seen if told["state"] == "writing")
    assert middle["expectedAt"] > middle["updatedAt"]
    assert middle["framesPerSecond"] > 0
    assert (seen[-1]["state"], seen[-1]["frames"]) == ("done", 75)


def test_result_is_fetched_by_an_address_that_lives_five_minutes(app: App) -> None:
    job_id = start(app)
    deliver(app.world)
    for _ in range(2):
        before = len(app.world.records())
        reply = app.reply("redaction_content", method="GET", route={"id": job_id})
        assert reply.status_code == 302
        assert reply.headers["Location"] == f"memory://{Container.REDACTED}/{FILM}?read&300"
        [record] = app.world.records()[before:]
        assert (record["operation"], record["outcome"]) == ("read_job_result", "ok")


def test_row_that_names_another_tenants_video_opens_nothing(app: App) -> None:
    job_id = start(app)
    deliver(app.world)
    rows = app.world.tables[TableName.JOBS]
    row = rows.get(TENANT, f"job:{job_id}")
    assert row is not None
    for result in (FILM, f"{STRANGER}/../{FILM}"):
        rows.put(STRANGER, row.row, {**row.values, "result": result})
        reply = app.reply("redaction_content", method="GET", route={"id": job_id}, tenant=STRANGER)
        assert (reply.status_code, reply.headers.get("Location")) == (404, None)


def test_manifest_of_a_job_is_read_like_that_of_a_picture(app: App) -> None:
    job_id = start(app)
    deliver(app.world)
    signed = app.reply("redaction_manifest", method="GET", route={"id": job_id}).get_body()
    assert signed == app.world.content(Container.REDACTED, f"{FILM}.manifest.json")


def test_revoked_tenant_fetches_no_result(app: App) -> None:
    job_id = start(app)
    deliver(app.world)
    app.world.revoke(Capability.REDACT)
    app.world.clock.advance(seconds=2)
    reply = app.reply("redaction_content", method="GET", route={"id": job_id})
    assert (reply.status_code, reply.headers.get("Location")) == (403, None)


def test_video_is_put_at_the_address_that_came_with_its_job(app: App) -> None:
    asked = {"name": "film.mp4", "sound": "mute", "mute": [[0, 0.5]], "shape": "rectangle"}
    answered = app.ask("redact", document=asked, expect=202)
    assert answered["upload"]["uploadUrl"].startswith(f"memory://{Container.INBOX}/{FILM}?create")
    assert progress(app, answered["id"])["state"] == "waiting"
    app.world.drop(FILM, film())
    app.world.arrive(FILM)
    deliver(app.world)
    [job] = jobs(app.world, TENANT)
    assert (job.id, job.state) == (answered["id"], State.DONE)
    assert job.asked_by == app.world.keys[TENANT].split(".")[1]


def test_address_that_is_never_used_ends_its_job(app: App) -> None:
    answered = app.ask("redact", document={"name": "film.mp4"}, expect=202)
    app.world.clock.advance(seconds=2 * UPLOAD_ADDRESS_SECONDS + 1)
    app.run("tend_jobs")
    assert progress(app, answered["id"])["reason"] == "UploadExpired"
    assert leftovers(app.world) == []


@pytest.mark.parametrize("what", ["picture", "nothing"])
def test_job_whose_video_is_none_fails_at_once(app: App, what: str) -> None:
    answered = app.ask("redact", document={"name": "film.mp4"}, expect=202)
    app.world.drop(FILM, sample("person_a_1.jpg") if what == "picture" else b"x")
    app.world.arrive(FILM)
    told = progress(app, answered["id"])
    assert (told["state"], told["reason"]) == ("failed", "InvalidVideo")
    assert app.world.names(Container.QUARANTINE) == [FILM, f"{FILM}.reason.json"]
    assert app.world.names(Container.REDACTED) == []


def test_cancelled_job_is_over_and_cannot_be_cancelled_again(app: App) -> None:
    job_id = start(app)
    deliver(app.world, steps=3)
    app.ask("cancel_redaction_job", method="DELETE", route={"id": job_id}, expect=202)
    deliver(app.world)
    assert progress(app, job_id)["state"] == "cancelled"
    app.ask("cancel_redaction_job", method="DELETE", route={"id": job_id}, expect=409)
    assert app.world.names(Container.INBOX) == app.world.names(Container.REDACTED) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_another_tenants_job_answers_as_an_unknown_one(app: App, function: str) -> None:
    job_id = start(app)
    deliver(app.world)
    before = jobs(app.world, TENANT)
    theirs = app.reply(function, method="GET", tenant=STRANGER, route={"id": job_id})
    nobodys = app.reply(function, method="GET", tenant=STRANGER, route={"id": UNKNOWN})
    assert (theirs.status_code, theirs.get_body()) == (404, nobodys.get_body())
    assert jobs(app.world, TENANT) == before


def test_another_tenants_upload_answers_as_an_unknown_one(app: App) -> None:
    left_for_a_request(app.world)
    for source in ("inbox/film.mp4", f"inbox/{FILM}", "inbox/nothing.mp4"):
        app.ask("redact", document={"source": source}, tenant=STRANGER, expect=404)
    assert jobs(app.world, STRANGER) == jobs(app.world, TENANT) == []


def test_two_jobs_do_not_work_on_one_upload(app: App) -> None:
    start(app)
    app.ask("redact", document={"source": "inbox/film.mp4"}, expect=409)
    assert len(jobs(app.world, TENANT)) == 1


def test_upload_that_a_job_waits_for_is_not_redacted_as_another_request_asks(app: App) -> None:
    waiting = app.ask("redact", document={"name": "film.mp4"}, expect=202)
    app.world.drop(FILM, film())
    stricter = {"source": "inbox/film.mp4", "kind": "solid"}
    app.ask("redact", document=stricter, expect=409)
    assert progress(app, waiting["id"])["state"] == "waiting"
    app.world.arrive(FILM)
    deliver(app.world)
    assert [(job.id, job.state) for job in jobs(app.world, TENANT)] == [(waiting["id"], State.DONE)]


def test_tenant_that_keeps_its_originals_redacts_one_again() -> None:
    app = App(make_world(None, **SHORT_PIECES, CONSENTRY_KEEP_ORIGINALS=TENANT))
    app.world.approve()
    start(app)
    deliver(app.world)
    again = app.ask(
        "redact",
        document={
            "source": "inbox/film.mp4",
            "regions": [{"left": 0, "top": 0, "width": 80, "height": 80, "start": 0, "end": 3}],
        },
        expect=202,
    )
    deliver(app.world)
    assert progress(app, again["id"])["state"] == "done"
    frames, _ = decoded(app.world.content(Container.REDACTED, FILM) or b"")
    assert all(frame[8:72, 8:72].max() < 40 for frame in frames)
    assert app.world.content(Container.INBOX, FILM) == film()


@pytest.mark.parametrize("kind", ["LowBlur", "MediumBlur", "HighBlur", "Black"])
def test_video_indexers_kinds_are_taken(app: App, kind: str) -> None:
    start(app, kind=kind)
    assert len(jobs(app.world, TENANT)) == 1


def test_bounding_box_is_refused_with_its_reason(app: App) -> None:
    left_for_a_request(app.world)
    asked = {"source": "inbox/film.mp4", "kind": "BoundingBox"}
    refused = app.ask("redact", document=asked, expect=400)
    assert "stays visible" in refused["error"]["message"]
    assert jobs(app.world, TENANT) == []


BOX = {"left": 0, "top": 0, "width": 9, "height": 9}
WRONG: dict[str, dict[str, Any]] = {
    "neither source nor name": {},
    "both": {"source": "inbox/film.mp4", "name": "film.mp4"},
    "source elsewhere": {"source": "redacted/film.mp4"},
    "source that climbs": {"source": "inbox/../northwind/film.mp4"},
    "source of a verification": {"source": "inbox/verify/film.mp4"},
    "name that climbs": {"name": "../film.mp4"},
    "name of a verification": {"name": "verify/film.mp4"},
    "unknown field": {"source": "inbox/film.mp4", "keep": [1]},
    "unknown codec": {"source": "inbox/film.mp4", "codec": "h265"},
    "spans without mute": {"source": "inbox/film.mp4", "mute": [[0, 1]]},
    "mute without spans": {"source": "inbox/film.mp4", "sound": "mute"},
    "span backwards": {"source": "inbox/film.mp4", "sound": "mute", "mute": [[2, 1]]},
    "region backwards": {"source": "inbox/film.mp4", "regions": [{**BOX, "start": 2, "end": 1}]},
    "region without an end": {"source": "inbox/film.mp4", "regions": [{**BOX, "start": 2}]},
    "too many regions": {
        "source": "inbox/film.mp4",
        "regions": [{**BOX, "start": number, "end": number + 1} for number in range(600)],
    },
}


@pytest.mark.parametrize("what", WRONG)
def test_malformed_request_starts_nothing(app: App, what: str) -> None:
    left_for_a_request(app.world)
    app.ask("redact", document=WRONG[what], expect=400)
    assert jobs(app.world, TENANT) == []
    assert app.world.names(Container.INBOX) == [FILM]
