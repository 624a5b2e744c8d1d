"""Uploads whose names, number or timing are meant to reach what is not theirs."""

import json
from concurrent.futures import ThreadPoolExecutor

import azure.functions as func
import pytest
from PIL import Image
from tests.support import pictures
from tests.support.layer import sample
from tests.support.service import (
    STRANGER,
    TENANT,
    Context,
    World,
    functions_of,
    handler,
    http_request,
    make_world,
)

from consentry.azure.names import Container, TableName
from consentry.errors import ConflictError
from consentry.limits import (
    BLOB_NAME_CHARACTERS_MAX,
    VERIFY_REQUESTS_PER_FOLDER_MAX,
    WAITING_UPLOAD_SECONDS_MAX,
)
from consentry.service.inbox_names import UploadName
from consentry.service.ledger import UploadState, UploadStatus

PHOTO = f"{TENANT}/photo.jpg"
PAIR = {
    f"{TENANT}/verify/a.jpg": sample("person_a_1.jpg"),
    f"{TENANT}/verify/b.jpg": sample("person_a_2.jpg"),
    f"{TENANT}/verify/p.verify.json": (
        b'{"probe": "a.jpg", "reference": "b.jpg", "consent": "p-4711"}'
    ),
}
SECRET = f"{STRANGER}/secret.jpg"
LEADS_ELSEWHERE = f"{TENANT}/../{SECRET}"


@pytest.fixture
def world() -> World:
    world = make_world()
    world.approve()
    return world


def _plain() -> bytes:
    return pictures.encoded(Image.new("RGB", (64, 64), "white"), "JPEG")


def _status(world: World, blob: str) -> UploadStatus:
    upload = UploadName.parse(blob)
    status = world.services.inbox.ledger.find(upload.tenant, upload.upload_id)
    assert status is not None
    return status


def _ask_for_address(world: World, name: str) -> int:
    body = json.dumps({"name": name}).encode()
    request = http_request(world, body=body, content_type="application/json")
    reply = handler(functions_of(world.services), "create_upload")(request, Context())
    return int(reply.status_code)


def test_name_that_leads_to_another_tenant_is_recorded_and_touches_nothing(world: World) -> None:
    world.drop(LEADS_ELSEWHERE, _plain())
    world.blobs.faults.fail("properties")
    world.arrive(LEADS_ELSEWHERE)
    assert world.records()[-1]["outcome"] == "BadArgument"
    assert world.records()[-1]["counts"] == {"unreachable": 1}
    assert world.names(Container.INBOX) == [LEADS_ELSEWHERE]
    assert world.names(Container.QUARANTINE) == world.names(Container.REDACTED) == []


def test_poison_message_with_such_a_name_touches_nothing(world: World) -> None:
    world.drop(LEADS_ELSEWHERE, _plain())
    world.blobs.faults.fail("properties")
    message = {"ContainerName": "inbox", "BlobName": LEADS_ELSEWHERE}
    poison = func.QueueMessage(body=json.dumps(message).encode())
    handler(functions_of(world.services), "watch_poison")(poison, Context())
    assert world.records()[-1]["counts"] == {"unreachable": 1}
    assert world.names(Container.QUARANTINE) == []


def test_such_a_name_does_not_keep_others_from_expiring(world: World) -> None:
    held = f"{TENANT}/verify/a.jpg"
    hostile = f"{TENANT}/verify/../{SECRET}"
    world.drop(hostile, _plain())
    world.drop(held, _plain())
    world.clock.advance(seconds=WAITING_UPLOAD_SECONDS_MAX)
    handler(functions_of(world.services), "expire_held_uploads")(None, Context())
    assert world.names(Container.INBOX) == [hostile]


@pytest.mark.parametrize(
    "name",
    ["photo.jpg.manifest.json", "photo.jpg.reason.json", "verify/p.verify.result.json"],
)
def test_name_of_what_the_service_writes_is_not_an_uploads(world: World, name: str) -> None:
    assert _ask_for_address(world, name) == 400
    blob = f"{TENANT}/{name}"
    world.drop(blob, _plain())
    world.arrive(blob)
    assert world.names(Container.REDACTED) == []
    assert all("/_unusable/" in kept for kept in world.names(Container.QUARANTINE))
    assert len(world.names(Container.QUARANTINE)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "\ufffe.jpg",
        "\uffff.jpg",
        "\x85.jpg",
        "\U0001f642" * BLOB_NAME_CHARACTERS_MAX,
        "_unusable/x",
    ],
)
def test_name_that_a_store_cannot_list_or_hold_gets_no_address(world: World, name: str) -> None:
    assert _ask_for_address(world, name) == 400
    assert list(world.tables[TableName.UPLOADS].query()) == []


def test_result_never_takes_the_place_of_another_uploads_result(world: World) -> None:
    first, second = f"{TENANT}/photo.heic", f"{TENANT}/photo.heic.jpg"
    for name, data in ((first, pictures.HEIC), (second, sample("person_a_1.jpg"))):
        world.drop(name, data)
        world.arrive(name)
    assert _status(world, first).result == second
    assert _status(world, second).state is UploadState.QUARANTINED
    kept = world.blobs.properties(Container.REDACTED, second)
    assert kept is not None
    assert kept.metadata["upload"] == UploadName.parse(first).upload_id
    assert world.names(Container.INBOX) == []


def test_upload_again_under_the_same_name_replaces_its_own_result(world: World) -> None:
    for data in (sample("person_a_1.jpg"), _plain()):
        world.drop(PHOTO, data)
        world.arrive(PHOTO)
    assert world.records()[-1]["counts"]["masks"] == 0
    assert world.names(Container.QUARANTINE) == []


def test_row_that_names_another_tenants_result_opens_nothing(world: World) -> None:
    for result in (SECRET, f"{TENANT}/../{SECRET}"):
        world.blobs.write(Container.REDACTED, result, b"theirs", content_type="image/jpeg")
        world.drop(PHOTO, _plain())
        upload = UploadName.parse(PHOTO)
        world.services.inbox.ledger.done(
            upload, etag="any", result=result, invocation="", now=world.clock()
        )
        request = http_request(world, method="GET", route={"id": upload.upload_id})
        reply = handler(functions_of(world.services), "upload_content")(request, Context())
        assert reply.status_code == 404
        assert "Location" not in reply.headers


def test_what_comes_later_is_not_recorded_as_the_askers(world: World) -> None:
    assert _ask_for_address(world, "photo.jpg") == 201
    for _ in range(2):
        world.drop(PHOTO, _plain())
        world.arrive(PHOTO)
    by_address, direct = (record["principal"] for record in world.records()[-2:])
    assert by_address == f"storage:{world.keys[TENANT].split('.')[1]}"
    assert direct == "storage:inbox"


def test_two_deliveries_that_fail_at_once_leave_the_reason(world: World) -> None:
    world.drop(PHOTO, b"\xff\xd8" + bytes(3000))
    go_on = world.blobs.faults.hold("move")
    with ThreadPoolExecutor() as pool:
        deliveries = [pool.submit(world.arrive, PHOTO) for _ in range(2)]
        for _ in deliveries:
            world.blobs.faults.wait_for_held()
        go_on()
        for delivery in deliveries:
            delivery.result()
    assert world.names(Container.QUARANTINE) == [PHOTO, f"{PHOTO}.reason.json"]


def test_upload_that_was_replaced_leaves_no_reason_behind(world: World) -> None:
    world.drop(PHOTO, b"\xff\xd8" + bytes(3000))
    go_on = world.blobs.faults.hold("move")
    with ThreadPoolExecutor() as pool:
        delivery = pool.submit(world.arrive, PHOTO)
        world.blobs.faults.wait_for_held()
        world.drop(PHOTO, _plain())
        go_on()
        delivery.result()
    assert world.names(Container.QUARANTINE) == []
    assert world.names(Container.INBOX) == [PHOTO]


@pytest.mark.parametrize(
    ("data", "operation"),
    [
        (sample("person_a_1.jpg"), "read"),  # in an archive
        (sample("person_a_1.jpg"), "delete"),  # under a lease
        (b"\xff\xd8" + bytes(3000), "move"),
    ],
)
def test_upload_that_somebody_holds_is_tried_again_until_it_can_leave(
    world: World, data: bytes, operation: str
) -> None:
    world.drop(PHOTO, data)
    world.blobs.faults.fail(operation, error=ConflictError("held"))
    with pytest.raises(ConflictError):
        world.arrive(PHOTO)
    assert world.names(Container.INBOX) == [PHOTO]
    world.arrive(PHOTO)
    assert world.names(Container.INBOX) == []
    assert len(world.names(Container.REDACTED) + world.names(Container.QUARANTINE)) == 2


def test_requests_in_other_folders_neither_hide_nor_hold_a_pair(world: World) -> None:
    for number in range(VERIFY_REQUESTS_PER_FOLDER_MAX):
        world.drop(f"{TENANT}/verify/a/{number:03}.verify.json", [*PAIR.values()][-1])
    for name, data in PAIR.items():
        world.drop(name, data)
    world.arrive(f"{TENANT}/verify/b.jpg")
    assert f"{TENANT}/verify/p.verify.result.json" in world.names(Container.REDACTED)
    assert not PAIR.keys() & set(world.names(Container.INBOX))


def test_answered_pair_of_a_tenant_that_keeps_originals_does_not_expire() -> None:
    world = make_world(CONSENTRY_KEEP_ORIGINALS=TENANT)
    world.approve()
    for name, data in PAIR.items():
        world.drop(name, data)
    world.arrive(f"{TENANT}/verify/p.verify.json")
    world.arrive(f"{TENANT}/verify/a.jpg")
    world.clock.advance(seconds=WAITING_UPLOAD_SECONDS_MAX)
    handler(functions_of(world.services), "expire_held_uploads")(None, Context())
    assert world.names(Container.INBOX) == [*PAIR]
    assert world.names(Container.QUARANTINE) == []


def test_manifest_of_an_animated_crowd_can_be_fetched(world: World) -> None:
    redaction = "0190a5d4-0000-7000-8000-00000000abcd"
    long = b"x" * 6_000 * 200  # 300 frames with 20 faces each
    world.blobs.write(Container.MANIFESTS, f"{TENANT}/{redaction}.json", long, content_type="")
    request = http_request(world, method="GET", route={"id": redaction})
    reply = handler(functions_of(world.services), "redaction_manifest")(request, Context())
    assert reply.get_body() == long
