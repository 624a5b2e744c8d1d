"""Faces that stay visible: claimed, under a receipt, and recognised by its reference; no others."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from tests.support.consenting import ConsentingApp
from tests.support.governance import POLICY
from tests.support.layer import sample, vision
from tests.support.service import STRANGER, TENANT, make_world

from consentry.azure.names import Container, TableName
from consentry.errors import ArgumentError
from consentry.limits import CLAIMS_MAX
from consentry.service.claims import NamedClaim, parse_claims
from consentry.service.manifests import REDACTION, open_signed
from consentry.trust.operations import Capability
from consentry.vision import Box, Face, similarity

RECEIPT = "019cecc5-27b0-7000-8000-0123456789ab"


def _beside(*names: str, form: str = "PNG") -> bytes:
    """Put sample photographs side by side."""
    images = [Image.open(io.BytesIO(sample(name))).convert("RGB") for name in names]
    whole = Image.new("RGB", (sum(one.width for one in images), max(one.height for one in images)))
    left = 0
    for one in images:
        whole.paste(one, (left, 0))
        left += one.width
    file = io.BytesIO()
    whole.save(file, form)
    return file.getvalue()


PAIR = ("person_a_2.jpg", "person_b_1.jpg")
"""Person A, who consents, on the left; person B on the right."""


def _faces(data: bytes) -> tuple[Face, ...]:
    """Faces of a picture, from left to right."""
    found = vision().detect(vision().read(data))
    return tuple(sorted(found, key=lambda face: face.box.left))


def _box(mask: dict[str, Any]) -> Box:
    return Box(**mask["box"])


def _words(face: Face) -> str:
    box = face.box
    return ",".join(str(round(value)) for value in (box.left, box.top, box.width, box.height))


@dataclass
class Studio(ConsentingApp):
    """A service, its functions, a picture of two people and a consent of one of them."""

    picture: bytes = field(default_factory=lambda: _beside(*PAIR))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.a, self.b = _faces(self.picture)

    def consenting(self, subject: str = "p-a", photo: str = "person_a_1.jpg") -> str:
        """Register the consent of somebody whose reference is a photograph."""
        consent = self.give(subject)
        assert self.enrol(consent, sample(photo)).status_code == 200
        return consent

    def enrol(self, consent: str, picture: bytes, tenant: str = TENANT) -> Any:
        route = {"id": consent}
        return self.reply("enrol_reference", method="PUT", body=picture, route=route, tenant=tenant)

    def redact(self, claims: str, picture: bytes | None = None) -> Any:
        return self.reply("redact", body=picture or self.picture, x_consentry_claims=claims)

    def outputs(self, consent: str, tenant: str = TENANT) -> Any:
        route = {"id": consent}
        return self.ask("consent_outputs", method="GET", tenant=tenant, route=route)["outputs"]

    def redact_again(self, consent: str, output: str, tenant: str = TENANT) -> Any:
        return self.reply("redact_again", tenant=tenant, route={"id": consent, "output": output})

    def manifest(self) -> dict[str, Any]:
        """The newest manifest."""
        name = self.world.names(Container.MANIFESTS)[-1]
        keys = self.world.services.signing_key.public_keys()
        file = self.world.content(Container.MANIFESTS, name) or b""
        return open_signed(file, kind=REDACTION, public_keys=keys)


@pytest.fixture
def studio() -> Studio:
    world = make_world()
    world.approve()
    return Studio(world)


def _shows_only_a(studio: Studio, redacted: bytes) -> None:
    """Assert that person A is to be seen in the place where they were, and nobody else."""
    [face] = _faces(redacted)
    assert face.box.overlap(studio.a.box) > 0.7
    seen = vision().read(redacted)
    reference = vision().read(sample("person_a_1.jpg"))
    [known] = vision().detect(reference)
    score = similarity(vision().template(seen, face), vision().template(reference, known))
    assert score > 0.5


def _shows_nobody(redacted: bytes) -> None:
    assert _faces(redacted) == ()


@pytest.mark.parametrize("by", ["box", "index"])
def test_a_claimed_face_that_is_recognised_stays_and_all_others_are_masked(
    studio: Studio, by: str
) -> None:
    consent = studio.consenting()
    found = vision().detect(vision().read(studio.picture))
    index = [face.box for face in found].index(studio.a.box)
    reply = studio.redact(f"{_words(studio.a) if by == 'box' else index}@{consent}")
    assert reply.status_code == 200
    assert reply.headers["X-Consentry-Kept"] == "1"
    _shows_only_a(studio, reply.get_body())
    [claim] = studio.manifest()["claims"]
    assert (claim["receipt"], claim["kept"], claim["verdict"]) == (consent, True, "kept")
    masked = [_box(mask) for mask in studio.manifest()["faces"]]
    assert any(box.overlap(studio.b.box) > 0.3 for box in masked)
    assert not any(box.overlap(studio.a.box) > 0 for box in masked)
    record = studio.world.records()[-1]
    assert (record["operation"], record["counts"]["kept"]) == ("redact_with_claims", 1)


def test_a_face_that_is_not_the_receipts_person_is_masked(studio: Studio) -> None:
    consent = studio.consenting()
    reply = studio.redact(f"{_words(studio.b)}@{consent}")
    _shows_nobody(reply.get_body())
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
    reply = studio.redact(f"{_words(studio.b)}@{consent}")
    assert reply.status_code == 403
    record = studio.world.records()[-1]
    assert (record["allowed"], record["reason"]) == (False, "non_matches")
    assert record["counts"]["comparisons"] == 1
    assert studio.world.names(Container.MANIFESTS) == []
    assert studio.redact(f"{_words(studio.a)}@{consent}").status_code == 403  # the pause
    assert studio.redact("").status_code == 200


def test_recognised_faces_of_one_picture_count_as_one_verification(studio: Studio) -> None:
    assert POLICY.tripwire is not None
    one, two = studio.consenting("p-a"), studio.consenting("p-b", "person_b_2.jpg")
    _misses(studio, 2)
    studio.redact(f"{_words(studio.a)}@{one}; {_words(studio.b)}@{two}")
    row = studio.world.tables[TableName.QUOTAS].get(TENANT, "watch")
    assert row is not None
    bounds = POLICY.tripwire
    left = 2 * bounds.step(matched=False) + bounds.step(matched=True)
    assert row.values["score"] == pytest.approx(left)


@pytest.mark.parametrize("face", ["0,0,9,9", "7"])
def test_a_claim_that_meets_no_face_masks_all(studio: Studio, face: str) -> None:
    reply = studio.redact(f"{face}@{studio.consenting()}")
    _shows_nobody(reply.get_body())
    assert studio.manifest()["claims"][0]["verdict"] == "no_face"


def test_a_face_that_two_receipts_claim_is_masked(studio: Studio) -> None:
    one, two = studio.consenting("p-a"), studio.consenting("p-b")
    reply = studio.redact(f"{_words(studio.a)}@{one}; {_words(studio.a)}@{two}")
    _shows_nobody(reply.get_body())
    assert {claim["verdict"] for claim in studio.manifest()["claims"]} == {"claimed_twice"}


def test_two_people_who_agreed_both_stay(studio: Studio) -> None:
    one, two = studio.consenting("p-a"), studio.consenting("p-b", "person_b_2.jpg")
    reply = studio.redact(f"{_words(studio.a)}@{one}; {_words(studio.b)}@{two}")
    assert len(_faces(reply.get_body())) == 2
    masked = [_box(mask) for mask in studio.manifest()["faces"]]
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
    reply = studio.redact(f"{_words(studio.a)}@{consent}")
    assert reply.status_code == 200
    _shows_nobody(reply.get_body())
    [claim] = studio.manifest()["claims"]
    assert claim["kept"] is False
    assert claim["verdict"].startswith("consent_")


def test_without_claims_nothing_keeps_a_face_visible(studio: Studio) -> None:
    studio.consenting()
    reply = studio.redact("")
    _shows_nobody(reply.get_body())
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
    reply = studio.redact(f"{_words(studio.a)}@{consent}", file.getvalue())
    _shows_nobody(reply.get_body())
    assert studio.manifest()["claims"][0]["verdict"] == "not_still"


def test_one_receipt_or_person_for_two_faces_is_refused_as_a_search(studio: Studio) -> None:
    consent, again = studio.consenting(), studio.consenting()
    for second in (consent, again):
        reply = studio.redact(f"{_words(studio.a)}@{consent}; {_words(studio.b)}@{second}")
        assert reply.status_code == 400
        assert json.loads(reply.get_body())["error"]["code"] == "BadArgument"
    assert studio.world.names(Container.MANIFESTS) == []


def test_claims_take_the_capability_to_make_templates(studio: Studio) -> None:
    consent = studio.consenting()
    studio.world.revoke(Capability.VERIFY)
    studio.world.clock.advance(seconds=2)
    assert studio.redact(f"{_words(studio.a)}@{consent}").status_code == 403
    assert studio.redact("").status_code == 200


def test_a_face_whose_consent_ends_meanwhile_does_not_leave(studio: Studio) -> None:
    """The withdrawal comes after the picture was redacted and recorded, before it is released."""
    consent = studio.consenting()
    table = studio.world.tables[TableName.CONSENTS]
    go_on = table.faults.hold("put")  # of the row that says which output relies on the receipt
    with ThreadPoolExecutor() as pool:
        redaction = pool.submit(studio.redact, f"{_words(studio.a)}@{consent}")
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
    studio.world.drop(name, studio.picture, Claims=f"{_words(studio.a)}@{consent}")
    studio.world.arrive(name)
    _shows_only_a(studio, studio.world.content(Container.REDACTED, name) or b"")
    assert studio.world.records()[-1]["operation"] == "redact_with_claims"


def test_outputs_that_relied_on_a_receipt_are_listed_and_redacted_again(studio: Studio) -> None:
    consent, name = studio.consenting(), f"{TENANT}/pair.png"
    claims = f"{_words(studio.a)}@{consent}"
    studio.redact(claims)
    studio.world.clock.advance(seconds=1)
    studio.world.drop(name, studio.picture, claims=claims)
    studio.world.arrive(name)
    studio.withdraw(consent)
    over_http, stored = studio.outputs(consent)
    assert "result" not in over_http
    assert stored["result"] == name
    assert studio.redact_again(consent, over_http["id"]).status_code == 409
    assert studio.redact_again(consent, stored["id"]).status_code == 200
    _shows_nobody(studio.world.content(Container.REDACTED, name) or b"")
    assert studio.outputs(consent)[1]["redactedAgain"] == studio.world.records()[-2]["id"]
    keys = studio.world.services.signing_key.public_keys()
    file = studio.world.content(Container.REDACTED, f"{name}.manifest.json") or b""
    assert open_signed(file, kind=REDACTION, public_keys=keys)["claims"] == []


def test_an_output_that_was_replaced_is_not_touched(studio: Studio) -> None:
    consent, name = studio.consenting(), f"{TENANT}/pair.png"
    studio.world.drop(name, studio.picture, claims=f"{_words(studio.a)}@{consent}")
    studio.world.arrive(name)
    studio.world.drop(name, studio.picture)
    studio.world.arrive(name)
    [output] = studio.outputs(consent)
    before = studio.world.content(Container.REDACTED, name)
    assert studio.redact_again(consent, output["id"]).status_code == 404
    assert studio.world.content(Container.REDACTED, name) == before
    studio.world.approve(STRANGER)
    assert studio.redact_again(consent, output["id"], STRANGER).status_code == 404
    assert studio.outputs(consent, STRANGER) == []


def test_upload_with_claims_that_cannot_be_read_is_put_away(studio: Studio) -> None:
    name = f"{TENANT}/pair.png"
    studio.world.drop(name, studio.picture, claims="all of them")
    studio.world.arrive(name)
    assert studio.world.names(Container.REDACTED) == []
    assert studio.world.content(Container.QUARANTINE, name) == studio.picture


def test_reference_lies_encrypted_in_the_consents_row_and_goes_with_it(studio: Studio) -> None:
    consent = studio.consenting()
    table = studio.world.tables[TableName.CONSENTS]
    row = table.get(TENANT, f"consent:{consent}")
    assert row is not None
    known = vision().read(sample("person_a_1.jpg"))
    [face] = vision().detect(known)
    template = vision().template(known, face).astype("<f4").tobytes()
    sealed = row.values["reference"]
    assert isinstance(sealed, bytes)
    assert template[:16] not in sealed
    studio.withdraw(consent)
    row = table.get(TENANT, f"consent:{consent}")
    assert row is not None
    assert "reference" not in row.values
    deletion = studio.world.content(Container.DELETIONS, f"{consent}.jws")
    assert deletion is not None


def test_reference_copied_to_another_receipt_does_not_open(studio: Studio) -> None:
    own, other = studio.consenting(), studio.consenting("p-b", "person_b_1.jpg")
    table = studio.world.tables[TableName.CONSENTS]
    mine, theirs = (table.get(TENANT, f"consent:{one}") for one in (own, other))
    assert mine is not None
    assert theirs is not None
    table.put(TENANT, mine.row, {**mine.values, "reference": theirs.values["reference"]})
    reply = studio.redact(f"{_words(studio.b)}@{own}")
    assert reply.status_code == 500
    assert json.loads(reply.get_body())["error"]["code"] == "IntegrityFailure"


def test_reference_is_of_one_face_under_a_receipt_that_holds(studio: Studio) -> None:
    consent = studio.give("p-a")
    assert studio.enrol(consent, studio.picture).status_code == 400
    assert studio.enrol(str(uuid4()), sample("person_a_1.jpg")).status_code == 404
    studio.world.approve(STRANGER)
    assert studio.enrol(consent, sample("person_a_1.jpg"), STRANGER).status_code == 404
    studio.withdraw(consent)
    assert studio.enrol(consent, sample("person_a_1.jpg")).status_code == 403
    row = studio.world.tables[TableName.CONSENTS].get(TENANT, f"consent:{consent}")
    assert row is not None
    assert "reference" not in row.values


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
