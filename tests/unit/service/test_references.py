"""References: one face under a receipt that holds, sealed, and gone with it."""

import json
from uuid import uuid4

import pytest
from tests.support.layer import sample, vision
from tests.support.service import STRANGER, TENANT, make_world
from tests.support.studio import Studio, words

from consentry.azure.names import Container, TableName


@pytest.fixture
def studio() -> Studio:
    world = make_world()
    world.approve()
    return Studio(world)


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
    reply = studio.redact(f"{words(studio.b)}@{own}")
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
