"""Calibration over HTTP: whom it takes, what it tells, and what verifications make of it."""

import json

import pytest
from tests.support.calibrating import People, drawn
from tests.support.governance import NOW
from tests.support.layer import sample, vision
from tests.support.service import STRANGER, TENANT, make_world

from consentry.azure.names import Container, TableName
from consentry.errors import ConflictError
from consentry.limits import CALIBRATION_DAYS, CALIBRATION_PEOPLE_MIN
from consentry.service.calibration_store import CalibrationStore
from consentry.service.judging import judge
from consentry.service.manifests import VERIFICATION, open_signed
from consentry.trust.calibrations import RATES, Point, TenantCalibration, Told
from consentry.trust.operations import Capability
from consentry.trust.tripwire import Mark

UNLIKE, ALIKE = 0.0, 0.62  # about which similarities scatter: far below thresholds, and near
FEW = CALIBRATION_PEOPLE_MIN - 1


@pytest.fixture
def people() -> People:
    world = make_world()
    world.approve(target_fmr=1e-3)
    return People(world)


def _kept(people: People) -> TenantCalibration | None:
    return people.world.services.calibrations.store.find(TENANT)


def test_calibration_tells_aggregates_once_and_its_record_names_nobody(people: People) -> None:
    faces = drawn(CALIBRATION_PEOPLE_MIN, ALIKE)
    face_ids = people.enrol(faces) + people.enrol(faces)
    told = people.calibrate(face_ids)
    assert set(told) == {
        "id", "madeAt", "nextFrom", "people", "impostorPairs", "falseMatches", "genuinePairs",
        "falseNonMatches",
    }  # fmt: skip
    assert (told["people"], told["genuinePairs"]) == (400, 400)
    assert told["impostorPairs"] == 400 * 399 // 2
    assert [each["shippedRate"] for each in told["falseMatches"]] == list(RATES)
    assert told["falseNonMatches"]["share"] < 0.2  # everybody is like themself, but for the noise
    record = people.world.records()[-1]
    assert record["counts"] == {"people": 400, "comparisons": 400 * 399 // 2 + 400}
    assert record["operation"] == "calibrate"
    assert not {"subject", "consent_id"} & set(record)
    assert people.ask("calibration", method="GET") == told

    refused = people.calibrate(face_ids[:CALIBRATION_PEOPLE_MIN], expect=403)
    assert refused["error"]["code"] == "Refused"
    assert people.world.records()[-1]["reason"] == "calibrated_lately"
    kept = _kept(people)
    assert kept is not None
    assert kept.id == told["id"]
    assert (kept.next_from - kept.made_at).days == CALIBRATION_DAYS

    first, other = people.enrol(faces[:1])[0], people.enrol(faces[:1])[0]
    verified = people.ask("verify", document={"faceId1": first, "faceId2": other})
    own = verified["ownCalibration"]
    assert own["falseMatchRate"] in {each["share"] for each in told["falseMatches"]}
    assert (own["people"], own["impostorPairs"]) == (400, 400 * 399 // 2)
    assert verified["threshold"] > 0.3  # these people are taken for each other: it rose


def test_calibration_that_is_not_on_record_is_neither_told_nor_kept(people: People) -> None:
    face_ids = people.enrol(drawn(CALIBRATION_PEOPLE_MIN, UNLIKE))
    people.world.audit.faults.fail("create")
    error = people.calibrate(face_ids, expect=503)
    assert set(error) == {"error"}
    assert _kept(people) is None


def test_too_few_people_are_not_calibrated_on(people: People) -> None:
    face_ids = people.enrol(drawn(FEW, UNLIKE))
    more = people.enrol(drawn(FEW, UNLIKE))
    error = people.calibrate(face_ids + more, expect=400)
    assert error["error"]["code"] == "BadArgument"
    assert _kept(people) is None


def test_faces_without_a_receipt_that_holds_are_not_calibrated_on(people: People) -> None:
    face_ids = people.enrol(drawn(2, UNLIKE))
    by_word = people.keep("p-x", drawn(1, UNLIKE)[0], consent_id="")
    people.calibrate([*face_ids, by_word], expect=403)
    assert people.world.records()[-1]["reason"] == "consent_missing"
    other = people.keep("p-y", drawn(1, UNLIKE)[0], consent_id=face_ids[0])
    people.calibrate([*face_ids, other], expect=403)
    assert people.world.records()[-1]["reason"] == "consent_unknown"
    people.withdraw(people.receipts["p-0"])
    people.calibrate(face_ids, expect=404)
    assert _kept(people) is None


def test_one_picture_does_not_stand_for_several_people(people: People) -> None:
    face_ids = people.enrol(drawn(2, UNLIKE), picture="a" * 64)
    error = people.calibrate(face_ids, expect=400)
    assert "another picture" in error["error"]["message"]
    assert people.calibrate(face_ids[:1] * 2, expect=400)["error"]["code"] == "BadArgument"
    assert _kept(people) is None


def test_another_tenants_faces_and_calibration_do_not_exist(people: People) -> None:
    face_ids = people.enrol(drawn(2, UNLIKE))
    people.world.approve(STRANGER)
    people.ask("calibrate", document={"faceIds": face_ids}, tenant=STRANGER, expect=404)
    _keep(people, _calibration())
    people.ask("calibration", method="GET", tenant=STRANGER, expect=404)
    assert people.world.services.calibrations.store.find(STRANGER) is None


def test_tenant_whose_verifications_look_like_a_search_calibrates_nothing(people: People) -> None:
    tripwire = people.world.services.tripwire
    for number in range(20):
        shown = [(Mark.PICTURE, f"{number:064}")]
        tripwire.note(TENANT, shown, matched=False, since=NOW, now=people.world.clock())
    people.calibrate(people.enrol(drawn(1, UNLIKE)), expect=403)
    assert people.world.records()[-1]["reason"] == "search_suspected"
    assert _kept(people) is None


def test_tenant_without_approval_calibrates_nothing(people: People) -> None:
    face_ids = people.enrol(drawn(1, UNLIKE))
    people.world.revoke(Capability.VERIFY)
    people.calibrate(face_ids, expect=403)
    assert people.world.records()[-1]["reason"] == "revoked"
    assert _kept(people) is None


def test_of_two_calibrations_at_a_time_one_is_answered(people: People) -> None:
    store = people.world.services.calibrations.store
    store.keep(_calibration(), "")
    with pytest.raises(ConflictError):
        store.keep(_calibration(people=500), "")
    _, etag = store.read(TENANT)
    store.keep(_calibration(people=600), etag)
    with pytest.raises(ConflictError):
        store.keep(_calibration(people=700), etag)
    kept = _kept(people)
    assert kept is not None
    assert kept.people == 600


def test_calibration_written_by_hand_or_copied_stops_verifications(people: People) -> None:
    face_id = people.enrol(drawn(1, UNLIKE))[0]
    pair = {"faceId1": face_id, "faceId2": face_id}
    table = people.world.tables[TableName.QUOTAS]
    other = CalibrationStore(table, people.world.services.signing_key)
    other.keep(_calibration(tenant=STRANGER), "")
    copied = table.get(STRANGER, "calibration")
    assert copied is not None
    for values in ({"signed": b"a.b.c"}, {"other": 1}, copied.values):
        table.put(TENANT, "calibration", values)
        people.ask("verify", document=pair, expect=500)
        assert people.world.records()[-1]["outcome"] == "IntegrityFailure"


def test_threshold_rises_with_the_tenants_own_rate_and_never_falls() -> None:
    shipped = vision().calibration()
    plain = judge(1.0, 1e-3, shipped)
    worse = judge(1.0, 1e-3, shipped, _calibration((1e-3, 4e-3, 2e-3)))
    better = judge(1.0, 1e-3, shipped, _calibration((1e-3, 1e-4, 5e-5)))
    assert worse.threshold == pytest.approx(shipped.confidence_at(1e-3 / 4))
    assert better.threshold == plain.threshold
    assert worse.confidence == better.confidence == plain.confidence


def test_only_what_the_named_data_back_is_claimed() -> None:
    shipped = vision().calibration()
    far = judge(1.0, 1e-5, shipped, _calibration((1e-3, 8e-3, 4e-3), (1e-4, 2e-3, 0.0)))
    document = far.document()
    assert document["falseMatchRate"] == pytest.approx(shipped.least_fmr)
    assert document["ownCalibration"]["falseMatchRate"] == 8e-3
    unbacked = judge(1.0, 1e-5, shipped, _calibration((1e-3, 8e-3, 0.0)))
    assert "ownCalibration" not in unbacked.document()
    assert document["calibration"]["data"] == shipped.data


def test_calibration_with_other_models_counts_for_nothing() -> None:
    shipped = vision().calibration()
    stale = _calibration((1e-3, 8e-3, 4e-3)).model_copy(update={"template_version": "old"})
    assert judge(1.0, 1e-3, shipped, stale) == judge(1.0, 1e-3, shipped)


def test_result_by_upload_tells_the_tenants_own_calibration(people: People) -> None:
    _keep(people, _calibration((1e-3, 8e-3, 4e-3)))
    world, folder = people.world, f"{TENANT}/verify"
    for name, photo in (("a.jpg", "person_a_1.jpg"), ("b.jpg", "person_a_2.jpg")):
        world.drop(f"{folder}/{name}", sample(photo))
    request = {"probe": "a.jpg", "reference": "b.jpg", "consent": "p-1"}
    world.drop(f"{folder}/p.verify.json", json.dumps(request).encode())
    world.arrive(f"{folder}/p.verify.json")
    signed = world.content(Container.REDACTED, f"{folder}/p.verify.result.json")
    assert signed is not None
    told = open_signed(
        signed, kind=VERIFICATION, public_keys=world.services.signing_key.public_keys()
    )
    assert told["ownCalibration"]["falseMatchRate"] == 8e-3


def _keep(people: People, calibration: TenantCalibration) -> None:
    people.world.services.calibrations.store.keep(calibration, "")


def _calibration(
    *points: tuple[float, float, float], tenant: str = TENANT, people: int = 400
) -> TenantCalibration:
    """Make one of points: a rate, the share told, and the lower end of its interval."""
    return TenantCalibration(
        id="0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b",
        tenant=tenant,
        made_at=NOW,
        template_version=vision().template_version(),
        people=people,
        impostor_pairs=people * (people - 1) // 2,
        genuine_people=0,
        points=tuple(
            Point(rate=rate, fmr=Told(share=share, interval=(low, 2 * share)))
            for rate, share, low in points
        ),
        fnmr=None,
    )
