"""Calibration by the command line and over HTTP, against a running stack."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.calibrating import drawn
from tests.support.consenting import statement
from tests.support.deployment import APPROVED, OTHER, Deployment
from tests.support.shell import SAMPLES, Shell

from consentry.limits import CALIBRATION_PEOPLE_MIN
from consentry.service.consent_store import make_code
from consentry.service.identifiers import uuid7
from consentry.service.subjects import subject_digest
from consentry.service.templates import Binding, new_face_id
from consentry.trust.calibrations import RATES
from consentry.trust.consents import give


def _people_file(folder: Path, *lines: str) -> Path:
    file = folder / "people.csv"
    file.write_text("\n".join(["consent,probe,reference", *lines]), encoding="utf-8")
    return file


def _done(running: Deployment) -> list[str]:
    """Operations of the tenant so far."""
    return [each["operation"] for each in running.records() if each.get("tenant") == APPROVED]


def test_two_people_are_detected_and_are_too_few_to_calibrate_on(
    shell: Shell, running: Deployment, tmp_path: Path
) -> None:
    for name in ("person_a_1.jpg", "person_a_2.jpg", "person_b_1.jpg"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    a, b = (running.give_consent(subject=f"p-calibrate-{who}") for who in "ab")
    file = _people_file(tmp_path, f"{a},person_a_1.jpg,person_a_2.jpg", f"{b},person_b_1.jpg,")
    error = shell("calibrate", file, expect=4)["error"]
    assert error["code"] == "BadArgument"
    assert str(CALIBRATION_PEOPLE_MIN) in error["message"]
    assert _done(running)[-4:] == ["detect_with_face_id"] * 3 + ["calibrate"]


@pytest.mark.parametrize("lines", [[], ["a,b"], ["a,b,c,d"], ["a,same.jpg,same.jpg"]])
def test_file_of_pairs_that_is_none_is_refused_before_anything_is_sent(
    shell: Shell, running: Deployment, tmp_path: Path, lines: list[str]
) -> None:
    before = _done(running)
    assert shell("calibrate", _people_file(tmp_path, *lines), expect=4)["error"]["cure"]
    assert _done(running) == before


@pytest.mark.slow
def test_calibration_on_real_stores_is_told_once_and_stays_to_be_read(
    shell: Shell, running: Deployment, tmp_path: Path
) -> None:
    services, now = running.services, datetime.now(UTC)
    face_ids = []
    for number, template in enumerate(drawn(CALIBRATION_PEOPLE_MIN, 0.0)):
        subject = f"p-calibrated-{number}"
        given = give(uuid7(now), OTHER, statement(now, subject=subject))
        store = services.consents.store
        store.add(given, store.sign(given), make_code(given))
        digest = subject_digest(services.faces.templates.keys, OTHER, subject)
        face_ids.append(new_face_id(digest))
        services.faces.templates.keep(
            OTHER,
            face_ids[-1],
            template,
            binding=Binding(digest, given.record_id, picture=uuid4().hex),
            model=services.vision.template_version(),
            now=now,
            lifetime=timedelta(hours=1),
        )
    with running.client(OTHER) as http:
        reply = http.post("/calibration", json={"faceIds": list(map(str, face_ids))})
        assert reply.status_code == 200, reply.text
        told = reply.json()
        assert http.get("/calibration").json() == told
    assert [each["shippedRate"] for each in told["falseMatches"]] == list(RATES)
    assert told["people"] == CALIBRATION_PEOPLE_MIN
    file = _people_file(tmp_path, f"{uuid4()},{SAMPLES / 'person_a_1.jpg'},")
    refused = shell("calibrate", file, tenant=OTHER, expect=3)["error"]
    assert told["nextFrom"] in refused["message"]
