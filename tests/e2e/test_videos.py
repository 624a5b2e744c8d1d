"""A video over HTTP on the running stack: asked for, uploaded, worked on, fetched."""

import hashlib

import httpx
from tests.support.deployment import APPROVED, OTHER, Deployment
from tests.support.jobs import RATE, film
from tests.support.layer import vision
from tests.support.polling import until
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
