"""Redaction over HTTP: the masked picture back, its manifest behind, nothing else."""

import hashlib
from io import BytesIO

import httpx
import pytest
from PIL import Image
from tests.support import pictures
from tests.support.deployment import APPROVED, OTHER, Deployment
from tests.support.layer import sample

from consentry.service.manifests import REDACTION

OCTETS = {"Content-Type": "application/octet-stream"}


def _redact(running: Deployment, data: bytes, **params: str) -> httpx.Response:
    with running.client() as http:
        return http.post("/redactions", content=data, params=params, headers=OCTETS)


@pytest.mark.parametrize("kind", ["solid", "pixelate", "blur"])
@pytest.mark.parametrize("shape", ["ellipse", "rectangle"])
def test_picture_comes_back_masked_and_signed_for(
    running: Deployment, kind: str, shape: str
) -> None:
    reply = _redact(running, sample("person_b_1.jpg"), kind=kind, shape=shape)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "image/jpeg"
    with Image.open(BytesIO(reply.content)) as picture:
        assert picture.size == Image.open(BytesIO(sample("person_b_1.jpg"))).size
    with running.client() as http:
        manifest = http.get(reply.headers["x-consentry-manifest"])
    payload = running.open(REDACTION, manifest.content)
    assert payload["tenant"] == APPROVED
    assert payload["output"]["sha256"] == hashlib.sha256(reply.content).hexdigest()
    assert (payload["mask"]["kind"], payload["mask"]["shape"]) == (kind, shape)
    assert ("weaker" in payload["mask"]["strength"]) is (kind != "solid")
    assert len(payload["faces"]) == int(reply.headers["x-consentry-masks"]) >= 1


def test_manifest_of_another_tenant_does_not_exist(running: Deployment) -> None:
    path = _redact(running, sample("person_a_1.jpg")).headers["x-consentry-manifest"]
    with running.client(OTHER) as http:
        assert http.get(path).status_code == 404


def test_metadata_of_the_input_does_not_come_back(running: Deployment) -> None:
    face = pictures.opened(sample("person_a_1.jpg"))
    data = pictures.encoded(face, "JPEG", exif=pictures.exif_with_gps_and_thumbnail(b"THUMBNAIL"))
    reply = _redact(running, data)
    assert b"THUMBNAIL" in data
    assert b"THUMBNAIL" not in reply.content
    assert b"Exif" not in reply.content


def test_picture_without_a_face_comes_back_with_no_mask(running: Deployment) -> None:
    reply = _redact(running, pictures.encoded(pictures.gradient(640, 480), "PNG"))
    assert reply.status_code == 200
    assert reply.headers["x-consentry-masks"] == "0"
    assert reply.headers["content-type"] == "image/png"
