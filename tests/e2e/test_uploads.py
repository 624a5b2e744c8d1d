"""The inbox: what is dropped comes back redacted, verified, or lies in quarantine with a reason."""

import hashlib
import json
import threading
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image
from tests.support import pictures
from tests.support.deployment import (
    APPROVED,
    OTHER,
    REDACT_ONLY,
    UNAPPROVED,
    Deployment,
)
from tests.support.layer import sample
from tests.support.polling import until

from consentry.azure.names import Container
from consentry.service.inbox_names import NO_TENANT
from consentry.service.manifests import REDACTION, VERIFICATION


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _reason(running: Deployment, name: str) -> dict[str, str]:
    document = running.wait_for_blob(Container.QUARANTINE, f"{name}.reason.json")
    reason: dict[str, str] = json.loads(document)
    return reason


def _wait_until_gone(running: Deployment, name: str) -> None:
    until(lambda: running.blob(Container.INBOX, name) is None)


def _changed(before: bytes, after: bytes) -> float:
    """Share of pixels that differ visibly."""
    one, two = (
        np.asarray(Image.open(BytesIO(data)).convert("RGB"), int) for data in (before, after)
    )
    return float((np.abs(one - two).max(axis=2) > 60).mean())


def test_crowd_comes_back_without_faces_and_with_its_manifest(running: Deployment) -> None:
    name = f"{APPROVED}/street/city.jpg"
    running.drop(name, sample("city.jpg"))
    redacted = running.wait_for_blob(Container.REDACTED, name)
    manifest = running.wait_for_blob(Container.REDACTED, f"{name}.manifest.json")
    _wait_until_gone(running, name)
    assert 0.005 < _changed(sample("city.jpg"), redacted) < 0.3
    vision = running.services.vision
    assert not vision.detect(vision.read(redacted))
    payload = running.open(REDACTION, manifest)
    assert payload["output"]["sha256"] == sha256(redacted)
    assert payload["input"]["sha256"] == sha256(sample("city.jpg"))
    assert len(payload["faces"]) > 3
    record = next(r for r in running.records() if r["id"] == payload["audit"])
    assert record["principal"].startswith("storage:")
    assert record["tenant"] == APPROVED
    assert record["outcome"] == "ok"


def test_metadata_chooses_kind_and_shape(running: Deployment) -> None:
    name = f"{APPROVED}/chosen.jpg"
    running.drop(name, sample("person_a_1.jpg"), kind="pixelate", shape="rectangle")
    manifest = running.wait_for_blob(Container.REDACTED, f"{name}.manifest.json")
    mask = running.open(REDACTION, manifest)["mask"]
    assert (mask["kind"], mask["shape"]) == ("pixelate", "rectangle")


def test_unknown_kind_in_metadata_leaves_no_output(running: Deployment) -> None:
    name = f"{APPROVED}/unmasked.jpg"
    running.drop(name, sample("person_a_1.jpg"), kind="none")
    assert _reason(running, name)["code"] == "BadArgument"
    assert running.blob(Container.REDACTED, name) is None


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("truncated.jpg", sample("person_a_2.jpg")[:50_000], "InvalidImage"),
        ("empty.jpg", b"", "InvalidImageSize"),
        ("bomb.png", pictures.png_bomb(30_000), "InvalidImageSize"),
        ("photo.jpg.exe", b"MZ" + bytes(5000), "InvalidImage"),
        ("n" * 950 + ".jpg", sample("person_a_1.jpg"), "BadArgument"),
    ],
)
def test_unusable_upload_goes_to_quarantine_with_its_reason(
    running: Deployment, name: str, data: bytes, code: str
) -> None:
    blob = f"{APPROVED}/{name}"
    with running.new_records() as records:
        running.drop(blob, data)
        _wait_until_gone(running, blob)
    put_away = until(
        lambda: {
            found
            for found in running.names(Container.QUARANTINE, f"{APPROVED}/")
            if found.endswith(".reason.json")
            and json.loads(running.blob(Container.QUARANTINE, found) or b"{}")["code"] == code
        }
    )
    originals = [
        running.blob(Container.QUARANTINE, found.removesuffix(".reason.json")) for found in put_away
    ]
    assert data in originals
    assert not any(found.startswith(blob) for found in running.names(Container.REDACTED))
    assert code in {record["outcome"] for record in records}


def test_upload_of_an_unapproved_tenant_is_put_away_unread(running: Deployment) -> None:
    name = f"{UNAPPROVED}/person.jpg"
    with running.new_records() as records:
        running.drop(name, sample("person_a_1.jpg"))
        assert _reason(running, name) == _reason(running, name) | {
            "code": "UnsupportedFeature",
            "reason": "no_approval",
        }
        _wait_until_gone(running, name)
    assert running.blob(Container.QUARANTINE, name) == sample("person_a_1.jpg")
    assert running.names(Container.REDACTED, f"{UNAPPROVED}/") == set()
    assert [(r["tenant"], r["allowed"], r.get("counts")) for r in records] == [
        (UNAPPROVED, False, None)
    ]


def test_upload_for_a_tenant_that_is_not_served_is_put_away(running: Deployment) -> None:
    name = "nobody/person.jpg"
    running.drop(name, sample("person_a_1.jpg"))
    _wait_until_gone(running, name)
    found = until(lambda: running.names(Container.QUARANTINE, "nobody/"))
    assert found == {name, f"{name}.reason.json"}
    assert running.names(Container.REDACTED, "nobody/") == set()


def test_upload_outside_any_folder_is_put_away(running: Deployment) -> None:
    running.drop("UPPER/person.jpg", sample("person_a_1.jpg"))
    found = until(lambda: running.names(Container.QUARANTINE, f"{NO_TENANT}/"))
    assert all(name.startswith(f"{NO_TENANT}/_unusable/") for name in found)


def test_same_event_again_changes_nothing(running: Deployment) -> None:
    name = f"{APPROVED}/twice.jpg"
    running.drop(name, sample("person_b_1.jpg"))
    first = running.wait_for_blob(Container.REDACTED, name)
    _wait_until_gone(running, name)
    manifest = running.blob(Container.REDACTED, f"{name}.manifest.json")
    running.services.inbox.arrived(name, "00000000-0000-7000-8000-000000000000")
    assert running.blob(Container.REDACTED, name) == first
    assert running.blob(Container.REDACTED, f"{name}.manifest.json") == manifest


def test_last_of_many_overwrites_is_the_result(running: Deployment) -> None:
    name = f"{APPROVED}/overwritten.jpg"
    photos = [sample(f"person_{who}.jpg") for who in ("a_1", "a_2", "b_1", "b_2")]
    for photo in photos:
        running.drop(name, photo)
    _wait_until_gone(running, name)

    def settled() -> bool:
        manifest = running.blob(Container.REDACTED, f"{name}.manifest.json")
        output = running.blob(Container.REDACTED, name)
        if manifest is None or output is None:
            return False
        payload = running.open(REDACTION, manifest)
        return bool(
            payload["input"]["sha256"] == sha256(photos[-1])
            and payload["output"]["sha256"] == sha256(output)
        )

    until(settled)


def test_outsider_uploads_by_address_and_fetches_the_result(running: Deployment) -> None:
    with running.client() as http:
        created = http.post("/uploads", json={"name": "by-address.jpg"}).json()
        put = {"x-ms-blob-type": "BlockBlob"}
        photo = sample("person_a_1.jpg")
        assert httpx.put(created["uploadUrl"], content=photo, headers=put).status_code == 201
        assert httpx.get(created["uploadUrl"]).status_code == 403
        path = f"/uploads/{created['id']}"
        status = until(lambda: (s := http.get(path).json())["state"] == "done" and s)
        content = http.get(f"{path}/content", follow_redirects=False)
        redacted = httpx.get(content.headers["Location"])
        manifest = httpx.get(http.get(f"{path}/manifest").headers["Location"]).content
    assert status["result"] == f"{APPROVED}/by-address.jpg"
    assert redacted.content == running.blob(Container.REDACTED, f"{APPROVED}/by-address.jpg")
    record = next(
        r for r in running.records() if r["id"] == running.open(REDACTION, manifest)["audit"]
    )
    assert record["principal"].startswith("storage:")
    assert record["principal"] != "storage:"
    with running.client(OTHER) as other:
        assert other.get(path).status_code == 404
        assert other.get(f"{path}/content").status_code == 404


def test_address_can_be_written_only_once(running: Deployment) -> None:
    with running.client(UNAPPROVED) as http:
        assert http.post("/uploads", json={"name": "a.jpg"}).status_code == 403
    with running.client() as http:  # a picture to verify stays until its request comes
        created = http.post("/uploads", json={"name": "verify/once/a.jpg"}).json()
    put = {"x-ms-blob-type": "BlockBlob"}
    photo = sample("person_a_1.jpg")
    first = httpx.put(created["uploadUrl"], content=photo, headers=put)
    second = httpx.put(created["uploadUrl"], content=b"other", headers=put)
    assert first.status_code == 201
    assert second.status_code in {403, 409}


def _pair(running: Deployment, folder: str, order: list[str], files: dict[str, bytes]) -> None:
    for name in order:
        running.drop(f"{APPROVED}/verify/{folder}/{name}", files[name])


@pytest.mark.parametrize(
    ("order", "reference", "identical"),
    [
        (["probe.jpg", "reference.jpg", "pair.verify.json"], "person_a_2.jpg", True),
        (["pair.verify.json", "probe.jpg", "reference.jpg"], "person_a_2.jpg", True),
        (["reference.jpg", "pair.verify.json", "probe.jpg"], "person_b_1.jpg", False),
    ],
)
def test_pair_is_verified_by_upload_in_any_order(
    running: Deployment, order: list[str], reference: str, identical: bool
) -> None:
    folder = "-".join(name[:4] for name in order)
    files = {
        "probe.jpg": sample("person_a_1.jpg"),
        "reference.jpg": sample(reference),
        "pair.verify.json": json.dumps(
            {
                "probe": "probe.jpg",
                "reference": "reference.jpg",
                "consent": running.consents[APPROVED],
            }
        ).encode(),
    }
    _pair(running, folder, order, files)
    base = f"{APPROVED}/verify/{folder}"
    signed = running.wait_for_blob(Container.REDACTED, f"{base}/pair.verify.result.json")
    until(lambda: not running.names(Container.INBOX, f"{base}/"))
    payload = running.open(VERIFICATION, signed)
    assert payload["isIdentical"] is identical
    assert payload["probe"]["sha256"] == sha256(files["probe.jpg"])
    assert payload["reference"]["sha256"] == sha256(files["reference.jpg"])
    assert running.names(Container.REDACTED, f"{base}/") == {f"{base}/pair.verify.result.json"}


def test_pair_of_a_tenant_without_verify_is_put_away(running: Deployment) -> None:
    name = f"{REDACT_ONLY}/verify/a.jpg"
    running.drop(name, sample("person_a_1.jpg"))
    assert _reason(running, name)["code"] == "UnsupportedFeature"
    _wait_until_gone(running, name)


def test_request_that_names_another_folder_is_put_away(running: Deployment) -> None:
    name = f"{APPROVED}/verify/escape/x.verify.json"
    running.drop(name, b'{"probe": "../a.jpg", "reference": "b.jpg"}')
    assert _reason(running, name)["code"] == "BadArgument"


def test_racing_uploads_of_many_names_all_arrive(running: Deployment) -> None:
    names = [f"{OTHER}/race/{number}.jpg" for number in range(6)]
    threads = [
        threading.Thread(target=running.drop, args=(name, sample("person_a_1.jpg")))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        assert running.wait_for_blob(Container.REDACTED, name)
