"""Event Grid promises no more than once at least, in any order: an upload has one result anyhow."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.infra.live import Live, withdrawn
from tests.support.layer import sample
from tests.support.polling import until

from consentry.azure.blobs import AzureBlobStore
from consentry.azure.names import Container
from consentry.service.manifests import REDACTION, VERIFICATION, open_signed
from local.events import Manners
from local.identity import STORAGE

pytestmark = pytest.mark.slow

UNRULY = Manners(copies=2, backwards=True, pause_seconds=5.0)
SECONDS = 240.0
BLOB_EVENTS = "app-queue-contributor-blob-events"  # without it the app's host takes no event
PHOTOS = ("person_a_1.jpg", "person_a_2.jpg", "impostor_1.jpg", "impostor_2.jpg")
BYTES_MAX = 50_000_000
SUPERSEDED = {"ConcurrentOperationConflict"}
"""Outcome of a delivery that another one has overtaken: it released nothing."""


@contextmanager
def delivering(live: Live, manners: Manners) -> Iterator[None]:
    """Have events delivered in such manners while the block runs."""
    events = live.machine.real.events
    before, events.manners = events.manners, manners
    try:
        yield
    finally:
        events.manners = before


def records(live: Live) -> list[dict[str, Any]]:
    """What the blob trigger has left in the log."""
    auditor = live.tenancy.auditor
    lines = (
        json.loads(line)["record"]
        for found in auditor.list()
        if found.name.endswith(".jsonl")
        for line in auditor.read(found.name).splitlines()
    )
    return [record for record in lines if record["trigger"] == "blob"]


def waiting(live: Live) -> int:
    """Number of events that the app's host has taken and not finished."""
    account = live.tenancy.work.replace(".blob.", ".queue.")
    [queue] = [
        name
        for made in live.cloud.of("storage:Queue")
        if made.inputs["accountName"] in account
        and (name := made.inputs["queueName"]).startswith("azure-webjobs-blobtrigger-")
    ]
    token = live.machine.identities.issue(live.tenancy.app, STORAGE)
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
    with httpx.Client() as client:
        reply = client.get(f"{account}{queue}?comp=metadata", headers=headers).raise_for_status()
    return int(reply.headers["x-ms-approximate-messages-count"])


def names(live: Live, container: Container, folder: str) -> list[str]:
    """Names below a folder of a container."""
    store = AzureBlobStore(live.tenancy.work, live.tenancy.credential(live.tenancy.app))
    return [found.name.removeprefix(folder) for found in store.list(container, folder)]


def content(live: Live, name: str) -> bytes:
    """A file of the results."""
    found = live.tenancy.uploader.read(Container.REDACTED, name, limit=BYTES_MAX)
    assert found is not None
    return found.data


def upload(live: Live, files: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """Drop files one after the other, and wait until every event was taken twice and worked on.

    Gives the records that this left; the host itself drops an event whose blob is gone.
    """
    delivered = live.machine.real.events.delivered
    before, known = len(delivered), {record["id"] for record in records(live)}
    dropped = []
    for name, data in files:
        live.tenancy.uploader.write(Container.INBOX, name, data, content_type="image/jpeg")
        dropped.append(f"/blobServices/default/containers/inbox/blobs/{name}")
    until(lambda: len(delivered) >= before + UNRULY.copies * len(files), SECONDS)
    came = delivered[before:]
    assert came == [subject for subject in reversed(dropped) for _ in range(UNRULY.copies)]
    until(lambda: waiting(live) == 0, SECONDS)
    return [record for record in records(live) if record["id"] not in known]


def test_upload_whose_event_comes_twice_and_late_has_one_result_and_one_manifest(
    live: Live,
) -> None:
    folder = f"{live.tenancy.tenant}/{uuid4()}/"
    files = [(folder + name, sample(name)) for name in PHOTOS]
    rubbish = (f"{folder}rubbish.jpg", 1_000 * b"no picture")
    replaced = (files[0][0], sample("person_b_1.jpg"))
    with delivering(live, UNRULY):
        left = upload(live, [*files, rubbish, replaced])
    until(lambda: not names(live, Container.INBOX, folder), SECONDS)
    assert len(names(live, Container.QUARANTINE, folder)) == 2  # the rubbish and its reason
    expected = [*PHOTOS, *(f"{name}.manifest.json" for name in PHOTOS)]
    assert sorted(names(live, Container.REDACTED, folder)) == sorted(expected)
    last = dict([*files, replaced])
    keys = live.tenancy.public_keys()
    known = {record["id"]: record for record in left}
    for name in PHOTOS:
        result, manifest = (content(live, folder + name + end) for end in ("", ".manifest.json"))
        told = open_signed(manifest, kind=REDACTION, public_keys=keys)
        assert told["output"]["sha256"] == hashlib.sha256(result).hexdigest()
        assert told["input"]["sha256"] == hashlib.sha256(last[folder + name]).hexdigest()
        assert known[told["audit"]]["outcome"] == "ok"
    assert {record["outcome"] for record in left} - SUPERSEDED == {"ok", "InvalidImage"}
    assert all(record["allowed"] for record in left)


def test_pair_whose_events_come_twice_and_in_any_order_is_verified_once(live: Live) -> None:
    folder = f"{live.tenancy.tenant}/verify/{uuid4()}/"
    request = {"probe": PHOTOS[0], "reference": PHOTOS[1], "consent": live.consent}
    files = [(folder + name, sample(name)) for name in PHOTOS[:2]]
    with delivering(live, UNRULY):
        left = upload(live, [*files, (f"{folder}door.verify.json", json.dumps(request).encode())])
    until(lambda: not names(live, Container.INBOX, folder), SECONDS)
    assert names(live, Container.REDACTED, folder) == ["door.verify.result.json"]
    signed = content(live, f"{folder}door.verify.result.json")
    told = open_signed(signed, kind=VERIFICATION, public_keys=live.tenancy.public_keys())
    assert told["isIdentical"] is True
    assert {record["outcome"] for record in left} - SUPERSEDED == {"ok"}
    assert names(live, Container.QUARANTINE, folder) == []


def test_event_that_the_app_does_not_take_is_tried_again(live: Live) -> None:
    name = f"{live.tenancy.tenant}/{uuid4()}.jpg"
    lost = live.machine.real.events.undelivered
    refused = len(live.machine.rights.refused)
    with delivering(live, Manners(pause_seconds=2.0)):
        with withdrawn(live.cloud, live.assignments()[BLOB_EVENTS]):
            live.tenancy.uploader.write(
                Container.INBOX, name, sample(PHOTOS[0]), content_type="image/jpeg"
            )
            until(lambda: len(live.machine.rights.refused) > refused, SECONDS)
        until(lambda: live.tenancy.uploader.properties(Container.REDACTED, name), SECONDS)
    assert live.machine.real.events.undelivered == lost
