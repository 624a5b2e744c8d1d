"""Faces that stay visible: claimed, under a receipt, and recognised by its reference; no others."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from PIL import Image
from tests.support.governance import POLICY
from tests.support.layer import vision
from tests.support.service import TENANT, make_world
from tests.support.studio import Studio, box, faces, shows_nobody, shows_only_a, words

from consentry.azure.names import Container, TableName
from consentry.errors import ArgumentError
from consentry.limits import CLAIMS_MAX
from consentry.service.claims import NamedClaim, parse_claims
from consentry.trust.operations import Capability
from consentry.vision import Box

RECEIPT = "019cecc5-27b0-7000-8000-0123456789ab"


@pytest.fixture
def studio() -> Studio:
    world = make_world()
    world.approve()
    return Studio(world)


@pytest.mark.parametrize("by", ["box", "index"])
def test_a_claimed_face_that_is_recognised_stays_and_all_others_are_masked(
    studio: Studio, by: str
) -> None:
    consent = studio.consenting()
    found = vision().detect(vision().read(studio.picture))
    index = [face.box for face in found].index(studio.a.box)
    reply = studio.redact(f"{words(studio.a) if by == 'box' else index}@{consent}")
    assert reply.status_code == 200
    assert reply.headers["X-Consentry-Kept"] == "1"
    shows_only_a(studio, reply.get_body())
    [claim] = studio.manifest()["claims"]
    assert (claim["receipt"], claim["kept"], claim["verdict"]) == (consent, True, "kept")
    masked = [box(mask) for mask in studio.manifest()["faces"]]
    assert any(box.overlap(studio.b.box) > 0.3 for box in masked)
    assert not any(box.overlap(studio.a.box) > 0 for box in masked)
    record = studio.world.records()[-1]
    assert (record["operation"], record["counts"]["kept"]) == ("redact_with_claims", 1)


def test_a_face_that_is_not_the_receipts_person_is_masked(studio: Studio) -> None:
    consent = studio.consenting()
    reply = studio.redact(f"{words(studio.b)}@{consent}")
    shows_nobody(reply.get_body())
    assert reply.headers["X-Consentry-Kept"] == "0"
    [claim] = studio.manifest()["claims"]
    assert (claim["kept"], claim["verdict"]) == (False, "not_recognised")


def _misses(studio: Studio, number: int) -> None:
    """Let so many verifications have missed."""
    world = studio.world
    for _ in range(number):
        world.services.tripwire.note(
            TENANT, [], matched=False, since=world.clock(), now=world.clock()
        )


def test_a_face_claimed_under_receipt_after_receipt_trips_like_any_search(studio: Studio) -> None:
    consent = studio.consenting()
    _misses(studio, 8)
    reply = studio.redact(f"{words(studio.b)}@{consent}")
    assert reply.status_code == 403
    record = studio.world.records()[-1]
    assert (record["allowed"], record["reason"]) == (False, "non_matches")
    assert record["counts"]["comparisons"] == 1
    assert studio.world.names(Container.MANIFESTS) == []
    assert studio.redact(f"{words(studio.a)}@{consent}").status_code == 403  # the pause
    assert studio.redact("").status_code == 200


def test_recognised_faces_of_one_picture_count_as_one_verification(studio: Studio) -> None:
    assert POLICY.tripwire is not None
    one, two = studio.consenting("p-a"), studio.consenting("p-b", "person_b_2.jpg")
    _misses(studio, 2)
    studio.redact(f"{words(studio.a)}@{one}; {words(studio.b)}@{two}")
    row = studio.world.tables[TableName.QUOTAS].get(TENANT, "watch")
    assert row is not None
    bounds = POLICY.tripwire
    left = 2 * bounds.step(matched=False) + bounds.step(matched=True)
    assert row.values["score"] == pytest.approx(left)


@pytest.mark.parametrize("face", ["0,0,9,9", "7"])
def test_a_claim_that_meets_no_face_masks_all(studio: Studio, face: str) -> None:
    reply = studio.redact(f"{face}@{studio.consenting()}")
    shows_nobody(reply.get_body())
    assert studio.manifest()["claims"][0]["verdict"] == "no_face"


def test_a_face_that_two_receipts_claim_is_masked(studio: Studio) -> None:
    one, two = studio.consenting("p-a"), studio.consenting("p-b")
    reply = studio.redact(f"{words(studio.a)}@{one}; {words(studio.a)}@{two}")
    shows_nobody(reply.get_body())
    assert {claim["verdict"] for claim in studio.manifest()["claims"]} == {"claimed_twice"}


def test_two_people_who_agreed_both_stay(studio: Studio) -> None:
    one, two = studio.consenting("p-a"), studio.consenting("p-b", "person_b_2.jpg")
    reply = studio.redact(f"{words(studio.a)}@{one}; {words(studio.b)}@{two}")
    assert len(faces(reply.get_body())) == 2
    masked = [box(mask) for mask in studio.manifest()["faces"]]
    for face in (studio.a, studio.b):
        assert not any(box.overlap(face.box) > 0.1 for box in masked)


@pytest.mark.parametrize("state", ["withdrawn", "no_reference", "unknown", "expired"])
def test_a_receipt_that_does_not_hold_keeps_no_face(studio: Studio, state: str) -> None:
    consent = studio.give("p-a") if state == "no_reference" else studio.consenting()
    match state:
        case "withdrawn":
            studio.withdraw(consent)
        case "unknown":
            consent = str(uuid4())
        case "expired":
            studio.world.clock.advance(days=365)
            studio.world.approve()
    reply = studio.redact(f"{words(studio.a)}@{consent}")
    assert reply.status_code == 200
    shows_nobody(reply.get_body())
    [claim] = studio.manifest()["claims"]
    assert claim["kept"] is False
    assert claim["verdict"].startswith("consent_")


def test_without_claims_nothing_keeps_a_face_visible(studio: Studio) -> None:
    studio.consenting()
    reply = studio.redact("")
    shows_nobody(reply.get_body())
    assert studio.manifest()["claims"] == []
    assert "embedder" not in studio.world.records()[-1]["models"]


@pytest.mark.parametrize("kind", ["animation", "transparent"])
def test_what_is_no_still_and_opaque_picture_is_masked_whole(studio: Studio, kind: str) -> None:
    consent = studio.consenting()
    image = Image.open(io.BytesIO(studio.picture))
    file = io.BytesIO()
    if kind == "animation":
        other = Image.new("RGB", image.size, "grey")
        image.save(file, "GIF", save_all=True, append_images=[other])
    else:
        image.putalpha(250)
        image.save(file, "PNG")
    reply = studio.redact(f"{words(studio.a)}@{consent}", file.getvalue())
    shows_nobody(reply.get_body())
    assert studio.manifest()["claims"][0]["verdict"] == "not_still"


def test_one_receipt_or_person_for_two_faces_is_refused_as_a_search(studio: Studio) -> None:
    consent, again = studio.consenting(), studio.consenting()
    for second in (consent, again):
        reply = studio.redact(f"{words(studio.a)}@{consent}; {words(studio.b)}@{second}")
        assert reply.status_code == 400
        assert json.loads(reply.get_body())["error"]["code"] == "BadArgument"
    assert studio.world.names(Container.MANIFESTS) == []


def test_claims_take_the_capability_to_make_templates(studio: Studio) -> None:
    consent = studio.consenting()
    studio.world.revoke(Capability.VERIFY)
    studio.world.clock.advance(seconds=2)
    assert studio.redact(f"{words(studio.a)}@{consent}").status_code == 403
    assert studio.redact("").status_code == 200


def test_a_face_whose_consent_ends_meanwhile_does_not_leave(studio: Studio) -> None:
    """The withdrawal comes after the picture was redacted and recorded, before it is released."""
    consent = studio.consenting()
    table = studio.world.tables[TableName.CONSENTS]
    go_on = table.faults.hold("put")  # of the row that says which output relies on the receipt
    with ThreadPoolExecutor() as pool:
        redaction = pool.submit(studio.redact, f"{words(studio.a)}@{consent}")
        table.faults.wait_for_held()
        studio.withdraw(consent)
        go_on()
        reply = redaction.result()
    assert reply.status_code == 403
    assert json.loads(reply.get_body())["error"]["code"] == "ConsentRequired"
    assert studio.world.names(Container.MANIFESTS) == []


def test_upload_keeps_the_face_that_its_metadata_claim(studio: Studio) -> None:
    consent = studio.consenting()
    name = f"{TENANT}/pair.png"
    studio.world.drop(name, studio.picture, Claims=f"{words(studio.a)}@{consent}")
    studio.world.arrive(name)
    shows_only_a(studio, studio.world.content(Container.REDACTED, name) or b"")
    assert studio.world.records()[-1]["operation"] == "redact_with_claims"


def test_upload_with_claims_that_cannot_be_read_is_put_away(studio: Studio) -> None:
    name = f"{TENANT}/pair.png"
    studio.world.drop(name, studio.picture, claims="all of them")
    studio.world.arrive(name)
    assert studio.world.names(Container.REDACTED) == []
    assert studio.world.content(Container.QUARANTINE, name) == studio.picture


def test_claims_are_read_by_box_and_index() -> None:
    other = str(uuid4())
    text = f" 10,20,30,40 @{RECEIPT} ;2@{other.upper()};"
    assert parse_claims(text) == (
        NamedClaim(Box(10.0, 20.0, 30.0, 40.0), RECEIPT),
        NamedClaim(2, other),
    )
    assert parse_claims("") == ()


@pytest.mark.parametrize(
    "text",
    [
        "all",
        "0",
        "@" + RECEIPT,
        "0@receipt",
        f"-1@{RECEIPT}",
        f"100@{RECEIPT}",
        f"1,2,3@{RECEIPT}",
        f"1,2,0,4@{RECEIPT}",
        f"1.5,2,3,4@{RECEIPT}",
        f"0@{RECEIPT}; 1@{RECEIPT}",
        "; ".join(f"{number}@{uuid4()}" for number in range(CLAIMS_MAX + 1)),
        "0@" + RECEIPT + ";" * 2_000,
    ],
)
def test_other_claims_are_refused(text: str) -> None:
    with pytest.raises(ArgumentError):
        parse_claims(text)
