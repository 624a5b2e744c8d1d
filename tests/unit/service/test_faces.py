"""Detection and verification on twins: whose template is made, and what is compared."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from PIL import Image
from tests.support import pictures
from tests.support.layer import sample, vision
from tests.support.service import TENANT, App, World, make_world

from consentry.azure.names import TableName
from consentry.errors import UnsupportedFeatureError
from consentry.limits import DETECT_SIDE_PIXELS_MAX
from consentry.service.judging import judge
from consentry.service.templates import Binding
from consentry.trust.operations import Capability
from consentry.vision import Face, subject


@pytest.fixture
def world() -> World:
    world = make_world()
    world.approve()
    return world


@pytest.fixture
def app(world: World) -> App:
    return App(world)


def _detect(app: App, name: str, *, status: int = 200, **params: str) -> Any:
    claim, subject = params.pop("claim", ""), params.pop("subject", "p-4711")
    return app.ask(
        "detect",
        body=sample(name),
        params=params,
        x_consentry_face=claim,
        x_consentry_consent=subject,
        expect=status,
    )


def _verify(app: App, first: str, second: str) -> Any:
    return app.reply(
        "verify",
        body=json.dumps({"faceId1": first, "faceId2": second}).encode(),
        content_type="application/json",
    )


def _templates(world: World) -> list[str]:
    return [row.row for row in world.tables[TableName.TEMPLATES].query(TENANT)]


def test_without_a_face_id_no_template_is_made(world: World, app: App) -> None:
    faces = _detect(app, "city.jpg", returnFaceId="false")
    assert len(faces) > 3
    assert _templates(world) == []
    assert set(world.records()[-1]["models"]) == {"detector"}


def test_crowd_leaves_one_template_of_the_face_that_the_picture_is_of(
    world: World, app: App
) -> None:
    faces = _detect(app, "city.jpg")
    picture = vision().read(sample("city.jpg"))
    whom = subject(vision().detect(picture), picture.width, picture.height)
    assert _templates(world) == [faces[whom]["faceId"]]
    assert [index for index, face in enumerate(faces) if "faceId" in face] == [whom]
    record = world.records()[-1]
    assert record["counts"] == {"faces": len(faces), "templates": 1}
    assert set(record["models"]) == {"detector", "embedder", "second_embedder"}


def test_claim_that_meets_no_face_makes_no_template(world: World, app: App) -> None:
    error = _detect(app, "city.jpg", status=404, claim="0,0,5,5")
    assert error["error"]["code"] == "FaceNotFound"
    assert _templates(world) == []


@pytest.mark.parametrize("claim", ["0,0,0,0", "1,2,3", "a,b,c,d", "-1,0,5,5", "1,1,1,1,1"])
def test_claim_that_is_no_box_is_refused(world: World, app: App, claim: str) -> None:
    error = _detect(app, "city.jpg", status=400, claim=claim)
    assert error["error"]["code"] == "BadArgument"
    assert _templates(world) == []


def test_revoked_tenant_gets_no_template(world: World, app: App) -> None:
    world.revoke(Capability.VERIFY)
    error = _detect(app, "person_a_1.jpg", status=403)
    assert error["error"]["code"] == "UnsupportedFeature"
    assert _templates(world) == []


def test_one_person_is_identical_and_two_are_not(app: App) -> None:
    a_1, a_2, b_1 = (
        _detect(app, f"person_{who}.jpg")[0]["faceId"] for who in ("a_1", "a_2", "b_1")
    )
    same = json.loads(_verify(app, a_1, a_2).get_body())
    other = json.loads(_verify(app, a_1, b_1).get_body())
    assert same["isIdentical"] is True
    assert other["isIdentical"] is False
    assert 0.0 <= other["confidence"] < 0.5 <= same["confidence"] <= 1.0
    low, high = same["falseMatchRateInterval"]
    assert low < same["falseMatchRate"] < high
    assert same["falseMatchRate"] == 1e-5
    assert same["threshold"] == other["threshold"] == 0.5


def test_stored_template_that_was_tampered_with_verifies_nothing(world: World, app: App) -> None:
    face_id = _detect(app, "person_a_1.jpg")[0]["faceId"]
    table = world.tables[TableName.TEMPLATES]
    row = table.get(TENANT, face_id)
    assert row is not None
    table.put(TENANT, face_id, {**row.values, "sealed": bytes(540)})
    reply = _verify(app, face_id, face_id)
    assert reply.status_code == 500
    assert world.records()[-1]["outcome"] == "IntegrityFailure"


def test_expired_face_id_is_gone_at_once_and_deleted_by_the_timer(world: World, app: App) -> None:
    face_id = _detect(app, "person_a_1.jpg", faceIdTimeToLive="60")[0]["faceId"]
    world.clock.advance(seconds=60)
    assert _verify(app, face_id, face_id).status_code == 404
    app.run("expire_templates")
    assert _templates(world) == []
    assert world.records()[-1]["counts"] == {"templates": 1}


def test_face_ids_of_one_subject_share_eight_digits_and_are_random_else(app: App) -> None:
    first, second = (_detect(app, "person_a_1.jpg")[0]["faceId"] for _ in range(2))
    assert first[8:] != second[8:]
    assert UUID(first).version == UUID(second).version == 8


@pytest.mark.parametrize(("fmr", "identical"), [(None, True), (1e-4, True), (1e-3, True)])
def test_approvals_fmr_moves_the_threshold(fmr: float | None, identical: bool) -> None:
    calibration = vision().calibration()
    result = judge(calibration.similarity_at(1e-5) + 1e-6, fmr, calibration)
    assert result.is_identical is identical
    assert result.threshold == pytest.approx(0.5 if fmr is None else -np.log10(fmr) / 10)


def test_just_below_the_threshold_is_not_identical() -> None:
    calibration = vision().calibration()
    result = judge(calibration.similarity_at(1e-5) - 1e-6, None, calibration)
    assert not result.is_identical
    assert result.confidence < result.threshold == pytest.approx(0.5)


def test_decision_tells_the_measured_rate_of_its_threshold() -> None:
    calibration = vision().calibration()
    result = judge(1.0, None, calibration)
    low, high = result.claim.interval
    assert result.claim.fmr == pytest.approx(1e-5)
    assert 0 < low < result.claim.fmr < high < 1e-4
    assert result.is_extrapolated
    assert not judge(calibration.similarity_at(1e-4), None, calibration).is_extrapolated


def test_rate_that_the_data_do_not_back_is_refused() -> None:
    calibration = vision().calibration()
    with pytest.raises(UnsupportedFeatureError, match="lower than what was measured"):
        judge(1.0, 1e-9, calibration)


def test_without_a_record_no_template_is_kept(world: World, app: App) -> None:
    world.audit.faults.fail("create")
    error = _detect(app, "city.jpg", status=503)
    assert error["error"]["code"] == "ServiceUnavailable"
    assert _templates(world) == []


def test_template_that_cannot_be_kept_gives_no_face_id_and_says_so_in_the_log(
    world: World, app: App
) -> None:
    world.tables[TableName.TEMPLATES].faults.fail("insert")
    _detect(app, "city.jpg", status=503)
    assert [record["outcome"] for record in world.records()] == ["ok", "release_failed"]
    assert _templates(world) == []


def test_picture_with_too_long_a_side_is_refused_before_it_is_decoded(app: App) -> None:
    whole = pictures.encoded(Image.effect_noise((DETECT_SIDE_PIXELS_MAX + 1, 64), 50), "PNG")
    broken_off = whole[: len(whole) // 2]
    reply = app.reply("detect", body=broken_off, x_consentry_consent="p-4711")
    assert json.loads(reply.get_body())["error"]["code"] == "InvalidImageSize"


def test_a_face_against_many_others_is_refused_flagged_and_gets_no_answer(
    world: World, app: App
) -> None:
    """Other people's pictures one after the other: the ninth non-match is not told."""
    probe, other = (
        _detect(app, name)[0]["faceId"] for name in ("person_a_1.jpg", "person_b_1.jpg")
    )
    for _ in range(8):
        assert json.loads(_verify(app, probe, other).get_body())["isIdentical"] is False
    for reason in ("non_matches", "search_suspected"):
        reply = _verify(app, probe, other)
        assert reply.status_code == 403
        assert "isIdentical" not in reply.get_body().decode()
        record = world.records()[-1]
        assert (record["allowed"], record["reason"], record["outcome"]) == (
            False,
            reason,
            "Refused",
        )


def test_one_picture_is_counted_under_whatever_face_ids_and_subjects_it_comes(
    world: World, app: App
) -> None:
    template = vision().template(vision().read(sample("person_a_1.jpg")), _face())
    told = []
    for number in range(52):
        pair = uuid4(), uuid4()
        for face_id, picture in zip(pair, ("a" * 64, f"{number:064}"), strict=True):
            world.services.faces.templates.keep(
                TENANT,
                face_id,
                template,
                binding=Binding(f"{number:064}", picture=picture),
                model=vision().template_version(),
                now=world.clock(),
                lifetime=timedelta(hours=1),
            )
        told.append(_verify(app, *map(str, pair)).status_code)
    assert told == [200] * 50 + [403] * 2
    assert world.records()[-1]["reason"] == "repeated_picture"


def _face() -> Face:
    return vision().detect(vision().read(sample("person_a_1.jpg")))[0]


def test_while_verifications_cannot_be_counted_there_is_no_answer(world: World, app: App) -> None:
    face_id = _detect(app, "person_a_1.jpg")[0]["faceId"]
    other = _detect(app, "person_a_2.jpg")[0]["faceId"]
    world.tables[TableName.QUOTAS].faults.fail("insert", times=4)
    assert _verify(app, face_id, other).status_code == 503
    assert world.records()[-1]["outcome"] == "ServiceUnavailable"
