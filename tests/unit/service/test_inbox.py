"""The inbox on stores that fail, answer late or change under one's hands."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import azure.functions as func
import pytest
from PIL import Image
from tests.support import pictures
from tests.support.layer import sample
from tests.support.service import (
    TENANT,
    Context,
    World,
    functions_of,
    handler,
    make_world,
)

from consentry.azure.names import Container, TableName
from consentry.errors import AuditUnavailableError, StorageError
from consentry.limits import PICTURE_BYTES_MAX, WAITING_UPLOAD_SECONDS_MAX
from consentry.service.inbox_names import UploadName
from consentry.service.ledger import UploadState
from consentry.trust.operations import Capability

PHOTO = f"{TENANT}/photo.jpg"
PAIR = {
    f"{TENANT}/verify/a.jpg": sample("person_a_1.jpg"),
    f"{TENANT}/verify/b.jpg": sample("person_a_2.jpg"),
    f"{TENANT}/verify/p.verify.json": (
        b'{"probe": "a.jpg", "reference": "b.jpg", "consent": "p-4711"}'
    ),
}


@pytest.fixture
def world() -> World:
    world = make_world()
    world.approve()
    return world


def _blank() -> bytes:
    return pictures.encoded(Image.new("RGB", (640, 480), "white"), "JPEG")


def _payload(signed: bytes) -> dict[str, Any]:
    text = json.loads(signed)["payload"]
    payload: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return payload


def test_uploads_beyond_the_rate_wait_for_their_turn_and_lose_nothing() -> None:
    world = make_world()
    world.approve(rate_per_minute=2)
    names = [f"{TENANT}/{number}.jpg" for number in range(5)]
    for name in names:
        world.drop(name, sample("person_a_1.jpg"))
        world.arrive(name)
        world.clock.advance(seconds=1)
    assert world.names(Container.REDACTED) == _results(names[:2])
    assert world.names(Container.INBOX) == names[2:]
    assert world.names(Container.QUARANTINE) == []
    assert world.services.inbox.catch_up(TENANT, "r") == 0
    for taken in (4, 5):
        world.clock.advance(minutes=1)
        world.services.inbox.catch_up(TENANT, "r")
        assert world.names(Container.INBOX) == names[taken:]
    assert world.names(Container.REDACTED) == _results(names)
    assert list(world.services.inbox.late.next(TENANT)) == []


def test_an_upload_that_waited_a_day_for_its_turn_is_put_away() -> None:
    world = make_world()
    world.approve(rate_per_minute=1)
    for name in ("a.jpg", "b.jpg"):
        world.drop(f"{TENANT}/{name}", sample("person_a_1.jpg"))
        world.arrive(f"{TENANT}/{name}")
    world.clock.advance(seconds=WAITING_UPLOAD_SECONDS_MAX)
    assert world.services.inbox.catch_up(TENANT, "r") == 1
    assert world.names(Container.INBOX) == []
    assert f"{TENANT}/b.jpg" in world.names(Container.QUARANTINE)
    assert _state(world, f"{TENANT}/b.jpg") is UploadState.QUARANTINED


def test_a_timer_takes_up_what_waits() -> None:
    world = make_world()
    world.approve(rate_per_minute=1)
    functions = functions_of(world.services)
    for name in ("a.jpg", "b.jpg"):
        world.drop(f"{TENANT}/{name}", sample("person_a_1.jpg"))
        world.arrive(f"{TENANT}/{name}")
    world.clock.advance(minutes=1)
    handler(functions, "take_up_late_uploads")(None, Context())
    assert world.names(Container.INBOX) == []
    assert world.records()[-1]["counts"] == {"uploads": 1}


def test_a_search_by_upload_ends_in_quarantine_without_a_result(world: World) -> None:
    folder = f"{TENANT}/verify"
    world.drop(f"{folder}/probe.jpg", sample("person_a_1.jpg"))
    for number in range(10):
        world.drop(f"{folder}/{number}.jpg", sample("person_b_1.jpg") + bytes([number]))
        request = json.dumps(
            {"probe": "probe.jpg", "reference": f"{number}.jpg", "consent": "p-4711"}
        ).encode()
        world.drop(f"{folder}/{number}.verify.json", request)
    for number in range(10):
        world.arrive(f"{folder}/{number}.verify.json")
    results = [f"{folder}/{number}.verify.result.json" for number in range(8)]
    assert world.names(Container.REDACTED) == results
    reason = world.content(Container.QUARANTINE, f"{folder}/8.verify.json.reason.json")
    assert reason is not None
    assert json.loads(reason)["reason"] == "non_matches"
    assert world.records()[-1]["reason"] == "search_suspected"


def _results(names: list[str]) -> list[str]:
    return sorted(name + suffix for name in names for suffix in ("", ".manifest.json"))


def _state(world: World, blob: str) -> UploadState | None:
    upload = UploadName.parse(blob)
    status = world.services.inbox.ledger.find(upload.tenant, upload.upload_id)
    return None if status is None else status.state


def test_photo_is_redacted_and_leaves_the_inbox(world: World) -> None:
    world.drop(PHOTO, sample("person_a_1.jpg"))
    world.arrive(PHOTO)
    assert world.names(Container.INBOX) == []
    assert world.names(Container.REDACTED) == [PHOTO, f"{PHOTO}.manifest.json"]
    assert _state(world, PHOTO) is UploadState.DONE
    assert world.records()[-1]["counts"] == {"frames": 1, "masks": 1, "rounds": 1}


def test_original_stays_for_a_tenant_that_keeps_it_and_is_not_worked_on_again() -> None:
    world = make_world(CONSENTRY_KEEP_ORIGINALS=TENANT)
    world.approve()
    world.drop(PHOTO, sample("person_a_1.jpg"))
    for _ in range(2):
        world.arrive(PHOTO)
    assert world.names(Container.INBOX) == [PHOTO]
    assert world.records()[-1]["counts"] == {"repeated": 1}


def test_nothing_is_written_when_the_record_cannot_be(world: World) -> None:
    world.drop(PHOTO, sample("person_a_1.jpg"))
    world.audit.faults.fail("create")
    with pytest.raises(AuditUnavailableError):
        world.arrive(PHOTO)
    assert world.names(Container.REDACTED) == world.names(Container.QUARANTINE) == []
    assert world.names(Container.INBOX) == [PHOTO]
    world.arrive(PHOTO)
    assert PHOTO in world.names(Container.REDACTED)


@pytest.mark.parametrize("operation", ["properties", "read", "write", "delete"])
@pytest.mark.parametrize("after", [False, True])
def test_delivery_after_a_failing_store_ends_as_if_nothing_had_failed(
    world: World, operation: str, after: bool
) -> None:
    world.drop(PHOTO, sample("person_a_1.jpg"))
    world.blobs.faults.fail(operation, after=after)
    with pytest.raises(StorageError):
        world.arrive(PHOTO)
    world.arrive(PHOTO)
    assert world.names(Container.INBOX) == world.names(Container.QUARANTINE) == []
    assert world.names(Container.REDACTED) == [PHOTO, f"{PHOTO}.manifest.json"]


@pytest.mark.parametrize(
    "moment", ["before it is read", "after it is redacted, before the record is durable"]
)
def test_photo_replaced_while_it_is_worked_on_is_left_to_its_own_event(
    world: World, moment: str
) -> None:
    world.drop(PHOTO, sample("person_a_1.jpg"))
    faults, operation = (
        (world.blobs.faults, "read") if "read" in moment else (world.audit.faults, "append")
    )
    go_on = faults.hold(operation)
    with ThreadPoolExecutor() as pool:
        arrival = pool.submit(world.arrive, PHOTO)
        faults.wait_for_held()
        world.drop(PHOTO, sample("person_b_1.jpg"))
        go_on()
        arrival.result()
    assert world.names(Container.REDACTED) == []
    assert world.content(Container.INBOX, PHOTO) == sample("person_b_1.jpg")
    world.arrive(PHOTO)
    assert world.names(Container.INBOX) == []


def test_unreadable_upload_is_moved_with_a_reason_a_machine_reads(world: World) -> None:
    world.drop(PHOTO, b"\xff\xd8" + bytes(3000))
    world.arrive(PHOTO)
    reason = json.loads(world.content(Container.QUARANTINE, f"{PHOTO}.reason.json") or b"")
    assert reason["code"] == "InvalidImage"
    assert world.content(Container.QUARANTINE, PHOTO) == b"\xff\xd8" + bytes(3000)
    assert world.names(Container.INBOX) == world.names(Container.REDACTED) == []
    assert _state(world, PHOTO) is UploadState.QUARANTINED


def test_upload_after_revocation_is_put_away(world: World) -> None:
    world.revoke(Capability.REDACT)
    world.drop(PHOTO, sample("person_a_1.jpg"))
    world.arrive(PHOTO)
    reason = json.loads(world.content(Container.QUARANTINE, f"{PHOTO}.reason.json") or b"")
    assert (reason["code"], reason["reason"]) == ("UnsupportedFeature", "revoked")
    assert world.names(Container.REDACTED) == []


def test_event_of_a_blob_that_is_gone_does_nothing_but_a_record(world: World) -> None:
    world.arrive(PHOTO)
    assert world.records()[-1]["counts"] == {"gone": 1}
    assert world.names(Container.REDACTED) == world.names(Container.QUARANTINE) == []


@pytest.mark.parametrize("last", range(3))
def test_pair_is_verified_when_its_last_part_arrives(world: World, last: int) -> None:
    order = [*PAIR][last + 1 :] + [*PAIR][: last + 1]
    for name in order[:-1]:
        world.drop(name, PAIR[name])
        world.arrive(name)
        assert _state(world, name) is UploadState.HELD
    world.drop(order[-1], PAIR[order[-1]])
    world.arrive(order[-1])
    result = f"{TENANT}/verify/p.verify.result.json"
    assert world.names(Container.REDACTED) == [result]
    assert world.names(Container.INBOX) == []
    assert {_state(world, name) for name in PAIR} == {UploadState.DONE}


def test_picture_that_two_requests_name_stays_until_both_are_answered(world: World) -> None:
    second = f"{TENANT}/verify/q.verify.json"
    for name, data in PAIR.items():
        world.drop(name, data)
    world.drop(second, b'{"probe": "a.jpg", "reference": "c.jpg", "consent": "p-4711"}')
    world.arrive(f"{TENANT}/verify/p.verify.json")
    assert world.names(Container.INBOX) == [f"{TENANT}/verify/a.jpg", second]


def test_pair_without_a_face_puts_the_request_away(world: World) -> None:
    for name, data in PAIR.items():
        world.drop(name, data)
    blank = f"{TENANT}/verify/b.jpg"
    world.drop(blank, _blank())
    request = f"{TENANT}/verify/p.verify.json"
    world.arrive(request)
    reason = json.loads(world.content(Container.QUARANTINE, f"{request}.reason.json") or b"")
    assert reason["code"] == "FaceNotFound"
    assert world.names(Container.REDACTED) == []


def test_comparison_by_upload_keeps_no_template(world: World) -> None:
    for name, data in PAIR.items():
        world.drop(name, data)
    world.arrive(f"{TENANT}/verify/p.verify.json")
    assert list(world.tables[TableName.TEMPLATES].query()) == []
    assert world.records()[-1]["counts"] == {"comparisons": 1, "faces": 2}


def test_result_by_upload_tells_the_rate_at_which_it_was_decided(world: World) -> None:
    world.approve(target_fmr=1e-3)
    for name, data in PAIR.items():
        world.drop(name, data)
    world.arrive(f"{TENANT}/verify/p.verify.json")
    signed = world.content(Container.REDACTED, f"{TENANT}/verify/p.verify.result.json")
    assert signed is not None
    told = _payload(signed)
    assert told["isIdentical"] is True
    assert told["threshold"] == pytest.approx(0.3, abs=2e-5)
    assert told["falseMatchRate"] == pytest.approx(1e-3)


def test_target_fmr_that_was_not_measured_puts_the_request_away(world: World) -> None:
    world.approve(target_fmr=1e-9)
    for name, data in PAIR.items():
        world.drop(name, data)
    world.arrive(f"{TENANT}/verify/p.verify.json")
    assert world.names(Container.REDACTED) == []
    assert world.records()[-1]["outcome"] == "UnsupportedFeature"


def test_held_upload_is_put_away_when_its_time_is_over(world: World) -> None:
    name = f"{TENANT}/verify/a.jpg"
    world.drop(name, PAIR[name])
    world.arrive(name)
    functions = functions_of(world.services)
    world.clock.advance(seconds=WAITING_UPLOAD_SECONDS_MAX - 1)
    handler(functions, "expire_held_uploads")(None, Context())
    assert world.names(Container.INBOX) == [name]
    world.clock.advance(seconds=1)
    handler(functions, "expire_held_uploads")(None, Context())
    reason = json.loads(world.content(Container.QUARANTINE, f"{name}.reason.json") or b"")
    assert reason["code"] == "UploadExpired"
    assert world.names(Container.INBOX) == []


def test_upload_that_failed_at_every_delivery_is_put_away(world: World) -> None:
    world.drop(PHOTO, sample("person_a_1.jpg"))
    message = {"ContainerName": "inbox", "BlobName": PHOTO, "ETag": "any"}
    body = json.dumps(message).encode()
    functions = functions_of(world.services)
    handler(functions, "watch_poison")(func.QueueMessage(body=body), Context())
    reason = json.loads(world.content(Container.QUARANTINE, f"{PHOTO}.reason.json") or b"")
    assert reason["code"] == "UploadAbandoned"
    assert world.names(Container.INBOX) == []
    assert world.records()[-1]["counts"] == {"uploads": 1}


@pytest.mark.parametrize(
    ("body", "counts"),
    [
        (b"{", {"unreadable": 1}),
        (b'{"ContainerName": "audit", "BlobName": "x"}', {"foreign": 1}),
        (b'{"ContainerName": "inbox", "BlobName": "contoso/gone.jpg"}', {"gone": 1}),
    ],
)
def test_poison_message_that_names_no_upload_of_ours_moves_nothing(
    world: World, body: bytes, counts: dict[str, int]
) -> None:
    world.drop(PHOTO, sample("person_a_1.jpg"))
    functions = functions_of(world.services)
    handler(functions, "watch_poison")(func.QueueMessage(body=body), Context())
    assert world.names(Container.INBOX) == [PHOTO]
    assert world.records()[-1]["counts"] == counts


def test_upload_beyond_its_limit_is_put_away_without_being_decoded(world: World) -> None:
    world.drop(PHOTO, bytes(PICTURE_BYTES_MAX + 1))
    world.arrive(PHOTO)
    reason = json.loads(world.content(Container.QUARANTINE, f"{PHOTO}.reason.json") or b"")
    assert reason["code"] == "RequestTooLarge"
    assert "inputs" not in world.records()[-1]


def test_format_that_cannot_be_written_comes_back_under_an_added_suffix(world: World) -> None:
    name = f"{TENANT}/photo.heic"
    world.drop(name, pictures.HEIC)
    world.arrive(name)
    assert world.names(Container.REDACTED) == [f"{name}.jpg", f"{name}.jpg.manifest.json"]
