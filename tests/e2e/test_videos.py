"""A video over HTTP on the running stack: asked for, uploaded, worked on, fetched."""

import hashlib
from pathlib import Path

import httpx
import pytest
from tests.support import claimants
from tests.support.deployment import APPROVED, OTHER, Deployment
from tests.support.jobs import RATE, film
from tests.support.layer import sample, vision
from tests.support.polling import until
from tests.support.shell import Shell
from tests.support.videos import decoded

from consentry.azure.names import Container
from consentry.service.manifests import VIDEO

JOB_SECONDS = 120


def test_video_is_uploaded_redacted_by_the_queue_and_fetched(running: Deployment) -> None:
    with running.client(APPROVED) as http, running.client(OTHER) as other:
        asked = http.post("/redactions", json={"name": "films/short.mp4", "kind": "HighBlur"})
        where = asked.headers["Operation-Location"]
        assert where == f"{running.stack.url}/redactions/{asked.json()['id']}"
        upload = asked.json()["upload"]
        put = httpx.put(upload["uploadUrl"], content=film(2), headers=upload["headers"])
        assert (asked.status_code, put.status_code) == (202, 201)
        until(lambda: http.get(where).json()["state"] in ("done", "failed"), seconds=JOB_SECONDS)
        told = http.get(where).json()
        assert (told["state"], told["percent"], told["frames"]) == ("done", 100, 2 * RATE)
        fetched = http.get(f"{where}/content")
        assert fetched.status_code == 302
        assert other.get(f"{where}/content").status_code == 404
        result = httpx.get(fetched.headers["Location"]).content
        manifest = running.open(VIDEO, http.get(f"{where}/manifest").content)
    assert manifest["output"]["sha256"] == hashlib.sha256(result).hexdigest()
    assert manifest["mask"]["kind"] == "blur"
    frames, _ = decoded(result)
    assert len(frames) == 2 * RATE
    assert not any(vision().detect(frame) for frame in frames[::5])
    assert running.names(Container.PIECES) == set()


def test_command_uploads_a_film_follows_its_job_and_fetches_what_came_of_it(
    running: Deployment, shell: Shell, tmp_path: Path
) -> None:
    source, result = tmp_path / "walk.mp4", tmp_path / "masked.mp4"
    source.write_bytes(film(2))
    told = shell("video", "start", source, "--out", result, "--region", "0,0,40,40@0-1")
    assert (told["state"], told["percent"], told["result"]) == ("done", 100, str(result))
    frames, _ = decoded(result.read_bytes())
    assert len(frames) == 2 * RATE
    assert not any(vision().detect(frame) for frame in frames[::5])
    manifest = running.open(VIDEO, (tmp_path / "masked.mp4.manifest.json").read_bytes())
    assert manifest["output"]["sha256"] == hashlib.sha256(result.read_bytes()).hexdigest()
    assert len(manifest["regions"]) == 1
    late = shell("video", "cancel", told["id"], expect=4)
    assert late["error"]["message"].startswith("the job has ended")
    assert result.exists()


def test_command_cancels_a_job_and_fetches_nothing_of_it(
    running: Deployment, shell: Shell, tmp_path: Path
) -> None:
    with running.client(APPROVED) as http:
        job = http.post("/redactions", json={"name": "films/never.mp4"}).json()["id"]
    assert shell("video", "show", job)["state"] == "waiting"
    shell("video", "cancel", job)
    told = shell("video", "fetch", job, tmp_path / "masked.mp4", expect=1)
    assert told["state"] == "cancelled"
    assert list(tmp_path.iterdir()) == []


def ended(http: httpx.Client, where: str) -> str:
    """Wait for a job's end; gives its state."""
    until(lambda: http.get(where).json()["state"] in ("done", "failed"), seconds=JOB_SECONDS)
    return str(http.get(where).json()["state"])


@pytest.mark.slow
def test_track_of_a_preview_stays_by_a_receipt_until_that_is_withdrawn(running: Deployment) -> None:
    name = "films/two.mp4"
    result = f"{APPROVED}/{name}"
    with running.client(APPROVED) as http:
        receipt = running.give_consent(APPROVED, "p-film")
        reference = f"/consents/{receipt}/reference"
        octets = {"Content-Type": "application/octet-stream"}
        assert http.put(reference, content=sample("person_a_1.jpg"), headers=octets).is_success
        asked = http.post("/redactions", json={"name": name, "mode": "preview"})
        upload, preview = asked.json()["upload"], asked.json()["id"]
        httpx.put(upload["uploadUrl"], content=claimants.film(), headers=upload["headers"])
        where = asked.headers["Operation-Location"]
        assert ended(http, where) == "done"
        document = httpx.get(http.get(f"{where}/content").headers["Location"]).json()
        track = min(document["tracks"], key=lambda one: one["sample"]["box"]["left"])
        claim = {"preview": preview, "track": track["id"], "receipt": receipt}
        asked = http.post("/redactions", json={"source": f"inbox/{name}", "claims": [claim]})
        where = asked.headers["Operation-Location"]
        assert ended(http, where) == "done"
        manifest = running.open(VIDEO, http.get(f"{where}/manifest").content)
        [kept] = manifest["claims"]
        assert (kept["receipt"], kept["verdict"]) == (receipt, "kept")
        shown = claimants.seen(decoded(running.blob(Container.REDACTED, result) or b"")[0])
        own = claimants.place(claimants.duo()[0])
        assert all(len(boxes) <= 1 for boxes in shown)
        assert any(box.overlap(own) > 0.3 for boxes in shown for box in boxes)
        assert http.post(f"/consents/{receipt}/withdraw").is_success
        [output] = http.get(f"/consents/{receipt}/outputs").json()["outputs"]
        assert http.post(f"/consents/{receipt}/outputs/{output['id']}/redact").is_success
    masked, _ = decoded(running.wait_for_blob(Container.REDACTED, result))
    assert not any(claimants.seen(masked))
    assert running.names(Container.PIECES) == set()
