"""Each refusal of the released policy, by what it says; and what stays possible beside it."""

from typing import Any

import pytest
from pydantic import ValidationError
from tests.support.governance import POLICY, application

from consentry.trust.explain import explain, refusals

VALID_CONSENT = ("written", "electronic", "spoken")
NO_CONSENT = ("condition", "implied", "none")
POLICE_PARTS = ("uses", "contractor", "vendor", "benefits")


def refused(**changes: Any) -> set[str]:
    return set(refusals(application(**changes), POLICY))


def police(part: str, *places: str) -> dict[str, Any]:
    return {"part": part, "jurisdictions": list(places)}


def filmed(camera: str = "fixed", capture: str = "live", space: str = "private") -> dict[str, str]:
    return {"camera": camera, "capture": capture, "space": space}


def redaction(**changes: Any) -> dict[str, Any]:
    """Make an application for redaction alone, which compares nothing."""
    plain = {
        "capabilities": ["redact"],
        "useCase": "records_redaction",
        "references": ["none"],
        "consent": "none",
    }
    return plain | changes


def test_an_ordinary_application_passes_every_rule() -> None:
    assert refused() == set()
    assert refused(**redaction()) == set()


@pytest.mark.parametrize("part", POLICE_PARTS)
@pytest.mark.parametrize("place", ["US", "US-IL", "PR"])
def test_face_recognition_by_or_for_a_police_department_in_the_united_states_is_refused(
    part: str, place: str
) -> None:
    assert refused(lawEnforcement=police(part, "DE", place)) == {"us_police"}


def test_police_elsewhere_may_verify_with_fixed_cameras() -> None:
    assert refused(lawEnforcement=police("uses", "DE")) == set()


@pytest.mark.parametrize("part", POLICE_PARTS)
def test_redaction_for_a_police_department_stays_possible(part: str) -> None:
    assert refused(**redaction(lawEnforcement=police(part, "US"))) == set()
    mobile = filmed("mobile", space="public")
    assert refused(**redaction(lawEnforcement=police(part, "US"), deployment=mobile)) == set()


@pytest.mark.parametrize("part", POLICE_PARTS)
@pytest.mark.parametrize("space", ["private", "public"])
def test_live_recognition_on_mobile_cameras_by_law_enforcement_is_refused_anywhere(
    part: str, space: str
) -> None:
    live = filmed("mobile", space=space)
    found = refused(lawEnforcement=police(part, "FR"), deployment=live)
    assert found == {"mobile_police_camera"}


def test_mobile_cameras_of_others_are_not_refused() -> None:
    assert refused(deployment=filmed("mobile")) == set()


@pytest.mark.parametrize(
    ("practice", "reason"),
    [
        ("surveillance", "surveillance_without_consent"),
        ("real_time_identification", "real_time_identification_without_consent"),
        ("persistent_tracking", "tracking_without_consent"),
    ],
)
@pytest.mark.parametrize("consent", NO_CONSENT)
def test_surveillance_identification_and_tracking_without_valid_consent_are_refused(
    practice: str, reason: str, consent: str
) -> None:
    assert reason in refused(practices=[practice], consent=consent)
    detection = redaction(practices=[practice], consent=consent, useCase="media_redaction")
    assert refused(**detection) == {reason}


@pytest.mark.parametrize("consent", VALID_CONSENT)
def test_valid_consent_lifts_the_rules_on_missing_consent(consent: str) -> None:
    practices = ["surveillance", "real_time_identification", "persistent_tracking"]
    assert refused(practices=practices, consent=consent) == set()


def test_remote_identification_in_public_space_is_refused_whatever_the_consent() -> None:
    public = filmed(space="public")
    assert refused(practices=["remote_identification"], deployment=public) == {
        "remote_identification"
    }
    assert refused(practices=["real_time_identification"], deployment=public) == {
        "remote_identification"
    }


@pytest.mark.parametrize("use_case", ["missing_persons", "duplicate_users", "blocked_users"])
def test_search_of_one_against_many_is_refused_under_any_name(use_case: str) -> None:
    changes = {"useCase": use_case, "sector": "public", "capabilities": ["detect", "verify"]}
    assert refused(**changes) == {"one_to_many"}


def test_search_as_a_practice_is_refused_in_any_use_case() -> None:
    assert refused(practices=["search"]) == {"one_to_many"}


def test_inference_of_emotion_is_refused() -> None:
    assert refused(practices=["emotion_inference"]) == {"emotion_inference"}


def test_inference_of_features_such_as_gender_or_age_is_refused() -> None:
    assert refused(practices=["trait_inference"]) == {"trait_inference"}


def test_categorising_by_sensitive_traits_is_refused() -> None:
    assert refused(practices=["categorisation"]) == {"categorisation"}


@pytest.mark.parametrize(
    ("source", "reason"), [("scraped", "references_scraped"), ("bought", "references_bought")]
)
def test_scraped_and_bought_references_are_refused(source: str, reason: str) -> None:
    assert refused(references=["given_by_subject", source]) == {reason}


@pytest.mark.parametrize("subjects", ["employees", "students"])
def test_monitoring_of_emotions_or_tasks_at_work_or_school_is_refused(subjects: str) -> None:
    reason = "monitoring_at_work_or_school"
    assert refused(practices=["task_monitoring"], subjects=[subjects]) == {reason}
    assert reason in refused(practices=["emotion_inference"], subjects=["adults", subjects])
    assert refused(subjects=[subjects]) == set()


def test_consent_that_is_not_free_is_refused() -> None:
    assert refused(consent="condition") == {"consent_not_free"}


@pytest.mark.parametrize("consent", ["implied", "none"])
def test_absent_consent_is_refused(consent: str) -> None:
    assert refused(consent=consent) == {"consent_absent"}


@pytest.mark.parametrize("domain", ["gmail.com", "GMail.com", "mail.yahoo.com", "proton.me"])
def test_free_mail_domains_are_refused(domain: str) -> None:
    assert refused(workEmail=f"ada@{domain}") == {"free_mail"}
    assert refused(workEmail="ada@notgmail.com") == set()


def test_another_version_of_the_code_of_conduct_is_refused() -> None:
    assert refused(codeOfConduct="v0") == {"code_of_conduct"}


def test_use_case_outside_of_the_catalogue_or_its_bounds_is_refused() -> None:
    assert refused(useCase="anything") == {"use_case"}
    assert refused(useCase="media_redaction") == {"use_case"}  # verify is not in it
    assert refused(useCase="apprehended_suspect") == {"use_case"}  # not for the commercial sector


def test_explanation_names_every_rule_with_sentence_and_source() -> None:
    found = explain(application(practices=["search"], consent="none"), POLICY)
    assert [finding.reason for finding in found] == [rule.reason for rule in POLICY.refusals]
    assert {finding.reason for finding in found if finding.refused} == {
        "one_to_many",
        "consent_absent",
    }
    assert all(finding.sentence.endswith(".") and finding.source for finding in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"capabilities": []},
        {"capabilities": ["verify", "verify"]},
        {"capabilities": ["identify"]},
        {"workEmail": "nobody"},
        {"jurisdictions": ["Germany"]},
        {"jurisdictions": []},
        {"lawEnforcement": {"part": "uses"}},
        {"lawEnforcement": {"part": "none", "jurisdictions": ["US"]}},
        {"references": ["none"]},
        {"description": " "},
        {"more": 1},
    ],
)
def test_application_outside_of_the_vocabulary_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        application(**changes)
