"""Applications over HTTP: who hands in, who sees, who decides, and on which terms."""

import json
from datetime import timedelta
from typing import Any

import pytest
from tests.support.governance import BOOK, DOOR, POLICY
from tests.support.office import REDACTION, Office
from tests.support.people import principal_id
from tests.support.service import STRANGER, TENANT, make_world

from consentry.azure.names import TableName
from consentry.limits import APPLICATIONS_PER_DAY_MAX
from consentry.trust.operations import Capability, Role
from consentry.trust.policy import PolicyBook


@pytest.fixture
def office() -> Office:
    return Office(make_world())


def test_two_reviewers_put_all_that_was_applied_for_in_force(office: Office) -> None:
    case = office.submitted()
    assert case["state"] == "in_review"
    once = office.decide(case, "ada")
    assert (once["state"], office.in_force()) == ("in_review", set())
    twice = office.decide(case, "grace", targetFmr=None)
    assert (twice["state"], office.in_force()) == ("approved", set(Capability))
    approval = office.world.services.access.newest(TENANT, Capability.VERIFY)
    assert approval is not None
    assert approval.application == case["id"]
    assert approval.decided_by == (principal_id("ada"), principal_id("grace"))
    assert approval.policy_digest == case["policy"]["digest"]
    assert approval.valid_until == office.world.clock() + timedelta(days=30)


def test_target_fmr_of_the_decision_is_in_force(office: Office) -> None:
    case = office.submitted()
    for who in ("ada", "grace"):
        office.decide(case, who, targetFmr=1e-4)
    approval = office.world.services.access.newest(TENANT, Capability.VERIFY)
    assert approval is not None
    assert approval.conditions.target_fmr == 1e-4


def test_one_reviewer_is_enough_for_redaction(office: Office) -> None:
    assert office.approved(**REDACTION)["state"] == "approved"
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}


def test_rate_and_retention_that_nobody_names_are_the_policys(office: Office) -> None:
    case = office.submitted(**REDACTION)
    terms = office.decide(case, "ada")["terms"]
    default = POLICY.default_terms
    assert default is not None
    assert (terms["ratePerMinute"], terms["retentionDays"]) == (
        default.rate_per_minute,
        default.retention_days,
    )


def test_under_a_policy_without_default_terms_a_decision_names_them_all() -> None:
    office = Office(make_world(PolicyBook(BOOK.policies[:2])))
    case = office.submitted(**REDACTION)
    office.decide(case, "ada", expect=400)
    assert office.in_force() == set()
    assert office.decide(case, "ada", ratePerMinute=5, retentionDays=1)["state"] == "approved"


@pytest.mark.parametrize("who", ["alan", "ada"])
def test_neither_the_applicant_nor_the_same_reviewer_is_the_second(
    office: Office, who: str
) -> None:
    case = office.submitted()
    office.decide(case, "ada")
    told = office.decide(case, who, expect=403)
    assert told["error"]["code"] == "Refused"
    assert office.in_force() == set()


def test_a_tenant_begins_only_so_many_applications_in_a_day(office: Office) -> None:
    apply = ("apply", "alan", Role.APPLICANT)
    for _ in range(APPLICATIONS_PER_DAY_MAX):
        office.step(*apply, body=DOOR, expect=201)
    office.world.clock.advance(hours=23)
    reply = office.reply(
        "apply",
        person=(Role.APPLICANT, "alan"),
        body=json.dumps(DOOR).encode(),
        content_type="application/json",
    )
    assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3600")
    listed = office.step("applications", "ada")["applications"]
    assert len(listed) == APPLICATIONS_PER_DAY_MAX
    office.step(*apply, tenant=STRANGER, body=DOOR, expect=201)
    office.world.clock.advance(hours=1)
    office.step(*apply, body=DOOR, expect=201)


def test_refused_application_names_rule_sentence_and_source(office: Office) -> None:
    case = office.submitted(practices=["emotion_inference"])
    assert case["state"] == "refused"
    [reason] = case["refusedFor"]
    assert reason["reason"] == "emotion_inference"
    assert reason["sentence"]
    assert reason["source"]
    assert office.decide(case, "ada", expect=409)["error"]["code"] == "IllegalState"


def test_a_free_mail_domain_is_refused(office: Office) -> None:
    case = office.submitted(workEmail="alan@gmail.com")
    assert [found["reason"] for found in case["refusedFor"]] == ["free_mail"]


def test_an_appeal_reopens_once_with_other_reviewers(office: Office) -> None:
    case = office.submitted()
    office.decide(case, "ada", verdict="deny")
    reopened = office.step("appeal_application", "alan", Role.APPLICANT, case["id"])
    assert (reopened["state"], reopened["appeals"]) == ("in_review", 1)
    assert office.decide(case, "ada", expect=403)["error"]["code"] == "Refused"
    office.decide(case, "mary", verdict="deny")
    told = office.step("appeal_application", "alan", Role.APPLICANT, case["id"], expect=409)
    assert told["error"]["code"] == "IllegalState"


def test_owner_sees_state_and_history_but_not_who_decided(office: Office) -> None:
    case = office.approved()
    shown = office.step("application", "alan", Role.APPLICANT, case["id"])
    states = [event["state"] for event in shown["history"]]
    assert states == ["draft", "submitted", "in_review", "approved"]
    assert {vote["by"] for vote in shown["votes"]} == {"reviewer"}
    assert principal_id("ada") not in json.dumps(shown)
    assert principal_id("ada") in json.dumps(office.step("application", "joan", case=case["id"]))


@pytest.mark.parametrize("function", ["application", "submit_application", "appeal_application"])
def test_application_of_another_tenant_does_not_exist(office: Office, function: str) -> None:
    case = office.submitted()
    before = office.world.tables[TableName.ACCESS].get(TENANT, f"case:{case['id']}")
    told = office.step(function, "eve", Role.APPLICANT, case["id"], tenant=STRANGER, expect=404)
    assert told["error"]["code"] == "NotFound"
    assert office.step("applications", "eve", Role.APPLICANT, tenant=STRANGER) == {
        "applications": []
    }
    assert office.world.tables[TableName.ACCESS].get(TENANT, f"case:{case['id']}") == before


@pytest.mark.parametrize("case", ["", "x", "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"])
def test_application_that_is_not_there_is_not_found(office: Office, case: str) -> None:
    assert office.step("application", "joan", case=case, expect=404)["error"]["code"] == "NotFound"


def test_records_name_person_step_and_application(office: Office) -> None:
    case = office.approved(**REDACTION)
    record = office.world.records()[-1]
    assert record["operation"] == "decide"
    assert record["application"] == case["id"]
    assert record["principal"] == f"person:{principal_id('ada')}"
    assert record["reason"] == "role"


@pytest.mark.parametrize(
    "changes",
    [{"days": 366}, {"days": 0}, {"targetFmr": 0.5}, {"jurisdictions": ["FR"]}, {"consent": "no"}],
)
def test_terms_beyond_the_policy_are_refused(office: Office, changes: dict[str, Any]) -> None:
    case = office.submitted()
    assert office.decide(case, "ada", expect=400, **changes)["error"]["code"] == "BadArgument"
    assert office.step("application", "joan", case=case["id"])["votes"] == []


def test_a_draft_is_edited_until_it_is_handed_in(office: Office) -> None:
    case = office.step("apply", "alan", Role.APPLICANT, body=DOOR, expect=201)
    words = {**DOOR, "description": "Another door."}
    edited = office.step("edit_application", "alan", Role.APPLICANT, case["id"], body=words)
    assert (edited["application"]["description"], edited["state"]) == ("Another door.", "draft")
    office.step("submit_application", "alan", Role.APPLICANT, case["id"])
    told = office.step(
        "edit_application", "alan", Role.APPLICANT, case["id"], body=DOOR, expect=409
    )
    assert told["error"]["code"] == "IllegalState"
    shown = office.step("application", "alan", Role.APPLICANT, case["id"])
    assert shown["application"]["description"] == "Another door."


def test_nobody_edits_another_tenants_draft(office: Office) -> None:
    case = office.step("apply", "alan", Role.APPLICANT, body=DOOR, expect=201)
    changed = {**DOOR, "description": "Mine now."}
    words = ("edit_application", "eve", Role.APPLICANT, case["id"])
    office.step(*words, tenant=STRANGER, body=changed, expect=404)
    office.step("edit_application", "ada", Role.REVIEWER, case["id"], body=changed, expect=403)
    assert office.step("application", "ada", case=case["id"])["application"] == case["application"]


def test_who_edits_a_draft_does_not_decide_on_it(office: Office) -> None:
    case = office.step("apply", "alan", Role.APPLICANT, body=DOOR, expect=201)
    office.step("edit_application", "ada", Role.APPLICANT, case["id"], body=DOOR)
    submitted = office.step("submit_application", "alan", Role.APPLICANT, case["id"])
    assert office.decide(submitted, "ada", expect=403)["error"]["code"] == "Refused"
