"""No template without consent: what the gate, the templates and the uploads hold to."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from tests.support.consenting import ConsentingApp
from tests.support.layer import sample
from tests.support.service import STRANGER, TENANT, make_world

from consentry.azure.names import Container, TableName
from consentry.trust.deletions import Deleted, Deletion, DeletionReason, open_deletion
from consentry.trust.policy import ConsentRule
from consentry.trust.records import utc_text


class Desk(ConsentingApp):
    """A service whose approvals require receipts, and what a tenant asks of it."""

    def detect(self, consent: str, name: str = "person_a_1.jpg", expect: int = 200) -> Any:
        return self.ask("detect", body=sample(name), x_consentry_consent=consent, expect=expect)

    def face_id(self, consent: str, name: str = "person_a_1.jpg") -> str:
        return str(self.detect(consent, name)[0]["faceId"])

    def verify(self, first: str, second: str, expect: int = 200) -> Any:
        pair = {"faceId1": first, "faceId2": second}
        return self.ask("verify", document=pair, expect=expect)

    def templates(self) -> list[str]:
        return [row.row for row in self.world.tables[TableName.TEMPLATES].query()]

    def expire(self) -> None:
        """Run the timer that ends consents."""
        self.run("expire_consents")

    def deletions(self) -> list[Deletion]:
        """All deletion receipts, with verified signatures."""
        keys = self.world.services.signing_key.public_keys()
        names = self.world.names(Container.DELETIONS)
        files = (self.world.content(Container.DELETIONS, name) or b"" for name in names)
        return [open_deletion(file, public_keys=keys) for file in files]

    def deleted_templates(self) -> list[int]:
        """How many templates each deletion receipt is about."""
        found = (part for receipt in self.deletions() for part in receipt.deleted)
        return [part.count for part in found if part.kind == "templates"]

    def upload_pair(self, **more: str) -> str:
        folder = f"{TENANT}/verify"
        for name, photo in (("a.jpg", "person_a_1.jpg"), ("b.jpg", "person_a_2.jpg")):
            self.world.drop(f"{folder}/{name}", sample(photo))
        request = {"probe": "a.jpg", "reference": "b.jpg", **more}
        self.world.drop(f"{folder}/p.verify.json", json.dumps(request).encode())
        self.world.arrive(f"{folder}/p.verify.json")
        return f"{folder}/p.verify"


@pytest.fixture
def desk() -> Desk:
    world = make_world()
    world.approve(consent=ConsentRule.REQUIRED)
    return Desk(world)


def _attesting() -> Desk:
    world = make_world()
    world.approve(consent=ConsentRule.ATTESTED)
    return Desk(world)


def test_under_a_receipt_in_force_a_face_is_detected_and_verified(desk: Desk) -> None:
    consent = desk.give("p-1")
    first, second = (desk.face_id(consent, f"person_a_{number}.jpg") for number in (1, 2))
    assert desk.verify(first, second)["isIdentical"] is True
    detected, verified = desk.world.records()[-2:]
    assert detected["consent"]["rule"] == "required"
    assert detected["consent"]["receipt"] == verified["consent"]["receipt"] == consent
    assert detected["consent"]["subject"] == verified["consent"]["subject"]
    assert "p-1" not in json.dumps(desk.world.records())


def test_without_a_receipt_in_force_there_is_no_template_and_the_refusal_is_recorded(
    desk: Desk,
) -> None:
    now = desk.world.clock()
    withdrawn, other_use = desk.give("p-1"), desk.give("p-1", purposes=["personalisation"])
    desk.withdraw(withdrawn)
    short = desk.give("p-1", validUntil=utc_text(now + timedelta(seconds=5)))
    elsewhere = desk.give("p-1", jurisdiction="FR")
    desk.world.approve(STRANGER, consent=ConsentRule.REQUIRED)
    desk.world.clock.advance(seconds=5)
    for named, reason in (
        ("", "consent_missing"),
        ("p-1", "consent_unknown"),
        ("019cecc5-27b0-7000-8000-0123456789ab", "consent_unknown"),
        ("x" * 300, "consent_unknown"),
        (withdrawn, "consent_withdrawn"),
        (short, "consent_expired"),
        (other_use, "consent_purpose"),
        (elsewhere, "consent_jurisdiction"),
    ):
        told = desk.detect(named, expect=403)
        assert told["error"]["code"] == "ConsentRequired", reason
        record = desk.world.records()[-1]
        assert (record["allowed"], record["reason"]) == (False, reason)
        assert "inputs" not in record
    assert desk.templates() == []


def test_receipt_of_another_tenant_is_unknown(desk: Desk) -> None:
    consent = desk.give("p-1")
    desk.world.approve(STRANGER, consent=ConsentRule.REQUIRED)
    theirs = {"body": sample("person_a_1.jpg"), "x_consentry_consent": consent}
    desk.ask("detect", tenant=STRANGER, expect=403, **theirs)
    assert desk.world.records()[-1]["reason"] == "consent_unknown"
    assert desk.templates() == []


def test_detection_without_a_face_id_needs_no_consent(desk: Desk) -> None:
    desk.ask("detect", body=sample("person_a_1.jpg"), params={"returnFaceId": "false"})


def test_a_withdrawal_counts_at_once_although_the_approval_is_remembered(desk: Desk) -> None:
    consent = desk.give("p-1")
    desk.face_id(consent)
    desk.withdraw(consent)
    desk.detect(consent, expect=403)
    assert desk.world.records()[-1]["reason"] == "consent_withdrawn"


def test_faces_of_two_subjects_are_not_compared(desk: Desk) -> None:
    first = desk.face_id(desk.give("p-1"), "person_a_1.jpg")
    second = desk.face_id(desk.give("p-2"), "person_a_2.jpg")
    told = desk.verify(first, second, expect=403)
    assert told["error"]["code"] == "SubjectMismatch"
    assert "isIdentical" not in told
    record = desk.world.records()[-1]
    assert (record["allowed"], record["reason"]) == (False, "subjects_differ")
    assert "counts" not in record


def test_faces_under_two_receipts_of_one_subject_are_compared_while_both_hold(desk: Desk) -> None:
    one, two = desk.give("p-1"), desk.give("p-1")
    first, second = desk.face_id(one, "person_a_1.jpg"), desk.face_id(two, "person_a_2.jpg")
    assert desk.verify(first, second)["isIdentical"] is True


def test_template_that_was_kept_while_its_consent_was_withdrawn_is_compared_with_nothing(
    desk: Desk,
) -> None:
    """The withdrawal comes between the gate's look at the receipt and the template's row."""
    consent = desk.give("p-1")
    table = desk.world.tables[TableName.TEMPLATES]
    go_on = table.faults.hold("insert")
    with ThreadPoolExecutor() as pool:
        late = pool.submit(desk.face_id, consent)
        table.faults.wait_for_held()
        desk.withdraw(consent)
        go_on()
        face_id = late.result()
    told = desk.verify(face_id, face_id, expect=403)
    assert told["error"]["code"] == "ConsentRequired"
    assert desk.world.records()[-1]["reason"] == "consent_withdrawn"
    desk.expire()
    assert desk.templates() == []
    assert sorted(desk.deleted_templates()) == [0, 1]


def test_template_does_not_outlive_its_consent(desk: Desk) -> None:
    end = desk.world.clock() + timedelta(seconds=90)
    face_id = desk.face_id(desk.give("p-1", validUntil=utc_text(end)))
    desk.world.clock.advance(seconds=89)
    assert desk.verify(face_id, face_id)["isIdentical"] is True
    desk.world.clock.advance(seconds=1)
    assert desk.verify(face_id, face_id, expect=404)["error"]["code"] == "FaceNotFound"


def test_the_callers_word_stands_in_the_record_as_a_keyed_digest() -> None:
    desk = _attesting()
    first, second = (desk.face_id("p-1", f"person_a_{number}.jpg") for number in (1, 2))
    assert desk.verify(first, second)["isIdentical"] is True
    detected, verified = desk.world.records()[-2:]
    assert detected["consent"]["rule"] == "attested"
    assert "receipt" not in detected["consent"]
    assert detected["consent"]["subject"] == verified["consent"]["subject"]
    assert "p-1" not in json.dumps(desk.world.records())
    other = desk.face_id("p-2")
    assert desk.verify(first, other, expect=403)["error"]["code"] == "SubjectMismatch"


@pytest.mark.parametrize("named", ["", "ada@contoso.example", "Ada Lovelace"])
def test_the_callers_word_is_about_a_pseudonym(named: str) -> None:
    desk = _attesting()
    assert desk.detect(named, expect=403)["error"]["code"] == "ConsentRequired"
    assert desk.templates() == []


def test_what_was_attested_does_not_do_once_receipts_are_required() -> None:
    desk = _attesting()
    face_id = desk.face_id("p-1")
    desk.world.approve(consent=ConsentRule.REQUIRED)
    desk.world.clock.advance(seconds=2)
    desk.verify(face_id, face_id, expect=403)
    assert desk.world.records()[-1]["reason"] == "consent_missing"


def test_pair_by_upload_is_verified_under_the_receipt_that_its_request_names(desk: Desk) -> None:
    consent = desk.give("p-1")
    name = desk.upload_pair(consent=consent)
    assert desk.world.content(Container.REDACTED, f"{name}.result.json")
    assert desk.world.records()[-1]["consent"]["receipt"] == consent


@pytest.mark.parametrize("named", ["", "p-1"])
def test_pair_by_upload_without_a_receipt_is_put_away(desk: Desk, named: str) -> None:
    name = desk.upload_pair(consent=named)
    reason = json.loads(desk.world.content(Container.QUARANTINE, f"{name}.json.reason.json") or b"")
    assert reason["code"] == "ConsentRequired"
    assert desk.world.content(Container.REDACTED, f"{name}.result.json") is None
    record = desk.world.records()[-1]
    assert (record["allowed"], record["outcome"]) == (False, "ConsentRequired")
    assert "models" not in record


def test_consent_withdrawn_while_a_pair_is_compared_gives_no_result(desk: Desk) -> None:
    consent = desk.give("p-1")
    desk.face_id(consent)  # the gate has leased a few calls: from here on the tripwire inserts
    counters = desk.world.tables[TableName.QUOTAS]
    go_on = counters.faults.hold("insert")
    with ThreadPoolExecutor() as pool:
        pair = pool.submit(desk.upload_pair, consent=consent)
        counters.faults.wait_for_held()  # the pair is compared
        desk.withdraw(consent)
        go_on()
        name = pair.result()
    assert desk.world.content(Container.REDACTED, f"{name}.result.json") is None
    reason = json.loads(desk.world.content(Container.QUARANTINE, f"{name}.json.reason.json") or b"")
    assert reason["code"] == "ConsentRequired"
    assert desk.world.records()[-1]["outcome"] == "release_failed"


def test_consent_may_come_with_the_addresses_of_a_pair_and_is_one_persons(desk: Desk) -> None:
    one, other = desk.give("p-1"), desk.give("p-2")

    def announce(name: str, consent: str) -> None:
        words = {"name": f"verify/{name}", "consent": consent}
        desk.ask("create_upload", document=words, expect=201)

    announce("p.verify.json", one)
    name = desk.upload_pair()
    assert desk.world.content(Container.REDACTED, f"{name}.result.json")
    desk.world.blobs.delete(Container.REDACTED, f"{name}.result.json")
    announce("p.verify.json", one)
    announce("a.jpg", other)
    name = desk.upload_pair()
    assert desk.world.records()[-1]["reason"] == "subjects_differ"
    assert desk.world.content(Container.REDACTED, f"{name}.result.json") is None


def test_withdrawal_deletes_the_subjects_templates_at_once_and_leaves_a_receipt(
    desk: Desk,
) -> None:
    consent, other = desk.give("p-1"), desk.give("p-2")
    gone = [desk.face_id(consent), desk.face_id(desk.give("p-1"))]
    stays = desk.face_id(other)
    desk.withdraw(consent)
    assert desk.templates() == [stays]
    [receipt] = desk.deletions()
    assert receipt.id == receipt.concerns == consent
    assert receipt.reason is DeletionReason.CONSENT_WITHDRAWN
    record = desk.world.records()[-1]
    assert receipt.audit == record["id"]
    assert record["counts"] == {"templates": 2}
    assert Deleted.of("templates", gone) in receipt.deleted
    desk.verify(stays, stays)


def test_expiry_deletes_templates_and_leaves_a_receipt_that_says_so(desk: Desk) -> None:
    end = desk.world.clock() + timedelta(minutes=10)
    desk.face_id(desk.give("p-1", validUntil=utc_text(end)))
    desk.expire()
    assert len(desk.templates()) == 1
    assert desk.deletions() == []
    desk.world.clock.advance(minutes=10)
    desk.expire()
    assert desk.templates() == []
    [receipt] = desk.deletions()
    assert receipt.reason is DeletionReason.CONSENT_EXPIRED
    assert desk.deleted_templates() == [1]
    desk.expire()
    assert len(desk.deletions()) == 1


def test_consent_that_ended_is_looked_after_for_a_while_and_then_left_alone(desk: Desk) -> None:
    consent = desk.give("p-1")
    desk.withdraw(consent)
    for minutes, looked_after in ((5, 1), (5, 1), (5, 0)):
        desk.world.clock.advance(minutes=minutes)
        desk.expire()
        assert desk.world.records()[-1]["counts"]["consents"] == looked_after


@pytest.mark.parametrize(
    ("store", "operation", "receipts"),
    [
        ("consents", "replace", 1),
        ("templates", "query", 1),
        ("templates", "replace", 1),
        ("blobs", "write", 1),
        ("templates", "delete", 2),  # the receipt was there: the next try says the same again
    ],
)
def test_withdrawal_that_broke_off_is_finished_by_the_next_try_or_the_timer(
    desk: Desk, store: str, operation: str, receipts: int
) -> None:
    consent = desk.give("p-1")
    face_id = desk.face_id(consent)
    faults = {
        "templates": desk.world.tables[TableName.TEMPLATES].faults,
        "consents": desk.world.tables[TableName.CONSENTS].faults,
        "blobs": desk.world.blobs.faults,
    }[store]
    faults.fail(operation)
    desk.withdraw(consent, expect=503)
    if (store, operation) in {("consents", "replace"), ("templates", "query")}:
        desk.withdraw(consent)
    else:
        desk.detect(consent, expect=403)
        desk.expire()
    assert desk.templates() == []
    assert list(desk.world.tables[TableName.TEMPLATES].query()) == []
    assert len(desk.deletions()) == receipts
    for receipt in desk.deletions():
        assert Deleted.of("templates", [face_id]) in receipt.deleted


def test_damaged_row_does_not_keep_others_from_ending(desk: Desk) -> None:
    end = desk.world.clock() + timedelta(minutes=1)
    consents = [desk.give(subject, validUntil=utc_text(end)) for subject in ("p-1", "p-2")]
    desk.face_id(consents[1])
    table = desk.world.tables[TableName.CONSENTS]
    row = table.get(TENANT, f"consent:{consents[0]}")
    assert row is not None
    table.put(TENANT, row.row, {**row.values, "signed": b"x"})
    desk.world.clock.advance(minutes=1)
    desk.expire()
    assert desk.templates() == []
    assert desk.world.records()[-1]["counts"] == {"consents": 1, "damaged": 1, "templates": 1}
