"""Applications over HTTP: who sees what, what comes into force, and what does not."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.support.governance import APPLICATION, DOOR, POLICY, approval, book_with, stricter
from tests.support.layer import sample
from tests.support.memory import Clock, MemoryAppends
from tests.support.people import principal_id
from tests.support.service import (
    STRANGER,
    TENANT,
    Context,
    Functions,
    World,
    functions_of,
    handler,
    http_request,
    make_world,
)

from consentry.azure.names import APPROVALS_EXPIRING, SEARCH_SUSPECTED, TableName
from consentry.errors import IntegrityError
from consentry.stored import PublicKey, Row
from consentry.trust.approvals import ApprovalState
from consentry.trust.decisions import read_decision
from consentry.trust.operations import Capability, Role
from consentry.trust.tripwire import Alarm, Mark
from entry import InvocationFailedError

TERMS = {"verdict": "approve", "days": 30, "consent": "attested", "jurisdictions": ["DE"]}
REDACTION: dict[str, Any] = {
    "capabilities": ["detect", "redact"],
    "useCase": "media_redaction",
    "references": ["none"],
}


@dataclass
class Office:
    """The service, and people who use it."""

    world: World
    functions: Functions

    def ask(
        self,
        function: str,
        who: str,
        role: Role = Role.REVIEWER,
        case: str = "",
        *,
        tenant: str = TENANT,
        body: dict[str, Any] | None = None,
        expect: int = 200,
    ) -> Any:
        request = http_request(
            self.world,
            person=(role, who),
            tenant=tenant,
            body=b"" if body is None else json.dumps(body).encode(),
            route={"id": case},
            content_type="application/json",
        )
        reply = handler(self.functions, function)(request, Context())
        assert reply.status_code == expect, reply.get_body()
        return json.loads(reply.get_body())

    def submitted(self, tenant: str = TENANT, who: str = "alan", **changes: Any) -> Any:
        body = {**DOOR, **changes}
        case = self.ask("apply", who, Role.APPLICANT, tenant=tenant, body=body, expect=201)
        return self.ask("submit_application", who, Role.APPLICANT, case["id"], tenant=tenant)

    def decide(self, case: Any, who: str, expect: int = 200, **changes: Any) -> Any:
        return self.ask(
            "decide_application", who, case=case["id"], body={**TERMS, **changes}, expect=expect
        )

    def approved(self, **changes: Any) -> Any:
        case = self.submitted(**changes)
        for who in ("ada", "grace"):
            if case["state"] == "in_review":
                case = self.decide(case, who)
        return case

    def in_force(self, tenant: str = TENANT) -> set[Capability]:
        found = self.world.services.access.list(tenant)
        return {one.capability for one in found if one.state is ApprovalState.APPROVED}


@pytest.fixture
def office() -> Office:
    world = make_world()
    return Office(world, functions_of(world.services))


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


@pytest.mark.parametrize("who", ["alan", "ada"])
def test_neither_the_applicant_nor_the_same_reviewer_is_the_second(
    office: Office, who: str
) -> None:
    case = office.submitted()
    office.decide(case, "ada")
    told = office.decide(case, who, expect=403)
    assert told["error"]["code"] == "Refused"
    assert office.in_force() == set()


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


def test_revocation_takes_everything_out_of_force(office: Office) -> None:
    case = office.approved()
    revoked = office.ask("revoke_application", "root", Role.ADMIN, case["id"])
    assert (revoked["state"], office.in_force()) == ("revoked", set())


def test_revocation_goes_out_of_force_first_and_can_be_taken_again(office: Office) -> None:
    case = office.approved()
    access = office.world.tables[TableName.ACCESS]
    access.faults.fail("replace")
    office.ask("revoke_application", "root", Role.ADMIN, case["id"], expect=503)
    assert office.in_force() == set()
    assert office.world.records()[-1]["outcome"] == "release_failed"
    again = office.ask("revoke_application", "root", Role.ADMIN, case["id"])
    assert again["state"] == "revoked"


def test_approval_that_got_no_further_than_the_case_is_put_in_force_by_resuming(
    office: Office,
) -> None:
    case = office.submitted(**REDACTION)
    office.world.tables[TableName.ACCESS].faults.fail("put_together")
    office.decide(case, "ada", expect=503)
    assert office.in_force() == set()
    office.ask("suspend_application", "ada", case=case["id"])
    office.ask("resume_application", "ada", case=case["id"])
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}


def test_suspension_holds_until_a_reviewer_resumes(office: Office) -> None:
    case = office.approved()
    office.ask("suspend_application", "root", Role.ADMIN, case["id"])
    assert office.in_force() == set()
    office.ask("resume_application", "root", Role.ADMIN, case["id"], expect=403)
    assert office.in_force() == set()
    office.ask("resume_application", "ada", case=case["id"])
    assert office.in_force() == set(Capability)


def test_an_older_application_does_not_touch_what_replaced_it(office: Office) -> None:
    old = office.approved(**REDACTION)
    office.world.clock.advance(days=1)
    office.approved(capabilities=["redact"], useCase="media_redaction", references=["none"])
    office.ask("revoke_application", "root", Role.ADMIN, old["id"])
    assert office.in_force() == {Capability.REDACT}


def test_an_appeal_reopens_once_with_other_reviewers(office: Office) -> None:
    case = office.submitted()
    office.decide(case, "ada", verdict="deny")
    reopened = office.ask("appeal_application", "alan", Role.APPLICANT, case["id"])
    assert (reopened["state"], reopened["appeals"]) == ("in_review", 1)
    assert office.decide(case, "ada", expect=403)["error"]["code"] == "Refused"
    office.decide(case, "mary", verdict="deny")
    told = office.ask("appeal_application", "alan", Role.APPLICANT, case["id"], expect=409)
    assert told["error"]["code"] == "IllegalState"


def test_owner_sees_state_and_history_but_not_who_decided(office: Office) -> None:
    case = office.approved()
    shown = office.ask("application", "alan", Role.APPLICANT, case["id"])
    states = [event["state"] for event in shown["history"]]
    assert states == ["draft", "submitted", "in_review", "approved"]
    assert {vote["by"] for vote in shown["votes"]} == {"reviewer"}
    assert principal_id("ada") not in json.dumps(shown)
    assert principal_id("ada") in json.dumps(office.ask("application", "joan", case=case["id"]))


@pytest.mark.parametrize("function", ["application", "submit_application", "appeal_application"])
def test_application_of_another_tenant_does_not_exist(office: Office, function: str) -> None:
    case = office.submitted()
    before = office.world.tables[TableName.ACCESS].get(TENANT, f"case:{case['id']}")
    told = office.ask(function, "eve", Role.APPLICANT, case["id"], tenant=STRANGER, expect=404)
    assert told["error"]["code"] == "NotFound"
    assert office.ask("applications", "eve", Role.APPLICANT, tenant=STRANGER) == {
        "applications": []
    }
    assert office.world.tables[TableName.ACCESS].get(TENANT, f"case:{case['id']}") == before


@pytest.mark.parametrize("case", ["", "x", "0199a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"])
def test_application_that_is_not_there_is_not_found(office: Office, case: str) -> None:
    assert office.ask("application", "joan", case=case, expect=404)["error"]["code"] == "NotFound"


def test_a_reviewers_word_written_by_hand_counts_for_nothing(office: Office) -> None:
    case = office.submitted()
    table = office.world.tables[TableName.ACCESS]
    row = table.get(TENANT, f"case:{case['id']}")
    office.decide(case, "ada")
    assert row is not None
    forgeries: tuple[Row, ...] = (
        {"signed": b"", "state": "in_review"},
        {**row.values, "state": "approved"},
    )
    for forged in forgeries:
        table.put(TENANT, f"case:{case['id']}", forged)
        told = office.decide(case, "grace", expect=500)
        assert told["error"]["code"] == "IntegrityFailure"
    assert office.in_force() == set()


def test_a_decision_is_in_force_only_after_its_record(office: Office) -> None:
    case = office.submitted(**REDACTION)
    office.world.audit.faults.fail("append", times=10)
    office.decide(case, "ada", expect=503)
    assert office.in_force() == set()


def test_records_name_person_step_and_application(office: Office) -> None:
    case = office.approved(**REDACTION)
    record = office.world.records()[-1]
    assert record["operation"] == "decide"
    assert record["application"] == case["id"]
    assert record["principal"] == f"person:{principal_id('ada')}"
    assert record["reason"] == "role"


def test_two_words_at_once_do_not_overwrite_each_other(office: Office) -> None:
    case = office.submitted()
    table = office.world.tables[TableName.ACCESS]
    go_on = table.faults.hold("replace")  # ada's word is checked, and not yet written
    with ThreadPoolExecutor() as pool:
        first = pool.submit(office.decide, case, "ada", 409)
        table.faults.wait_for_held()
        row = table.get(TENANT, f"case:{case['id']}")
        assert row is not None
        table.put(TENANT, row.row, row.values)  # somebody else's step
        go_on()
        assert first.result()["error"]["code"] == "ConcurrentOperationConflict"
    assert office.ask("application", "joan", case=case["id"])["votes"] == []


def test_timer_notes_what_time_has_ended_and_tells_what_soon_will(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    timer = handler(office.functions, "lapse_approvals")
    timer(None, Context())
    assert caplog.messages == []
    office.approved(**REDACTION)
    timer(None, Context())
    assert caplog.messages == [f"{APPROVALS_EXPIRING}: 1"]
    assert office.world.records()[-1]["counts"] == {
        "expired": 0,
        "grandfathered": 0,
        "reminders": 1,
    }
    [case] = office.ask("applications", "alan", Role.APPLICANT)["applications"]
    assert case["applyAnewBefore"] == case["validUntil"]
    office.world.clock.advance(days=30)
    timer(None, Context())
    assert office.world.records()[-1]["counts"]["expired"] == 1
    [case] = office.ask("applications", "alan", Role.APPLICANT)["applications"]
    assert case["state"] == "expired"
    row = office.world.tables[TableName.ACCESS].get(TENANT, f"case:{case['id']}")
    assert row is not None
    assert row.values["state"] == "expired"


@pytest.mark.parametrize(
    "changes",
    [{"days": 366}, {"days": 0}, {"targetFmr": 0.5}, {"jurisdictions": ["FR"]}, {"consent": "no"}],
)
def test_terms_beyond_the_policy_are_refused(office: Office, changes: dict[str, Any]) -> None:
    case = office.submitted()
    assert office.decide(case, "ada", expect=400, **changes)["error"]["code"] == "BadArgument"
    assert office.ask("application", "joan", case=case["id"])["votes"] == []


def test_call_under_grace_is_warned_until_it_ends() -> None:
    clock = Clock()
    later = clock() + timedelta(days=1)
    world = make_world(book_with(stricter(later, (TENANT, APPLICATION), days=30)))
    office = Office(world, functions_of(world.services))
    wanted = approval(
        capability=Capability.REDACT, valid_from=clock(), valid_until=clock() + timedelta(days=90)
    )
    world.services.access.approve(wanted, clock())

    def warning() -> str | None:
        request = http_request(world, body=sample("person_a_1.jpg"))
        reply = handler(office.functions, "redact")(request, Context())
        assert reply.status_code == 200
        found: str | None = reply.headers.get("X-Consentry-Warning")
        return found

    assert warning() is None
    world.clock.advance(days=1)
    assert warning() == "approval by grace until 2026-04-14T15:09:26.000Z; apply anew"
    assert world.records()[-1]["reason"] == "grandfathered"
    world.clock.advance(days=30)
    request = http_request(world, body=sample("person_a_1.jpg"))
    assert handler(office.functions, "redact")(request, Context()).status_code == 403
    assert world.records()[-1]["reason"] == "superseded"


def search(office: Office, times: int) -> None:
    """Let the tripwire trip so many times, each after the pause of the one before."""
    assert POLICY.tripwire is not None
    decided = office.world.services.access.newest(TENANT, Capability.VERIFY)
    assert decided is not None
    for number in range(times):
        office.world.clock.advance(minutes=POLICY.tripwire.pause_minutes)
        now, alarm = office.world.clock(), None
        for reference in range(20):
            shown = [(Mark.FACE, f"{number}-{reference}")]
            alarm = alarm or office.world.services.tripwire.note(
                TENANT, shown, matched=False, since=decided.decided_at, now=now
            )
        assert alarm is Alarm.NON_MATCHES


def test_repeated_searches_suspend_verification_until_a_reviewer_has_looked(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    assert POLICY.tripwire is not None
    case = office.approved()
    timer = handler(office.functions, "suspend_searches")
    search(office, POLICY.tripwire.trips_max - 1)
    timer(None, Context())
    assert office.in_force() == set(Capability)
    assert caplog.messages == []
    search(office, 1)
    timer(None, Context())
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}
    assert caplog.messages == [f"{SEARCH_SUSPECTED}: 1"]
    record = office.world.records()[-1]
    assert (record["principal"], record["counts"]) == ("system:service", {"suspended": 1})
    assert record["application"] == case["id"]
    signed = office.world.services.access.newest(TENANT, Capability.VERIFY)
    assert signed is not None
    assert (signed.state, signed.decided_by) == (ApprovalState.SUSPENDED, ("tripwire",))
    seen = office.ask("application", "alan", Role.APPLICANT, case["id"])
    assert (seen["state"], seen["history"][-1]["by"]) == ("suspended", "tripwire")
    timer(None, Context())
    assert office.world.records()[-1]["counts"] == {"suspended": 0}
    office.world.clock.advance(seconds=1)
    office.ask("resume_application", "ada", case=case["id"])
    assert office.in_force() == set(Capability)
    timer(None, Context())
    assert office.in_force() == set(Capability)


def test_while_it_cannot_be_read_where_a_tenant_stands_nothing_is_suspended_or_forgotten(
    office: Office,
) -> None:
    assert POLICY.tripwire is not None
    office.approved()
    search(office, POLICY.tripwire.trips_max)
    office.world.tables[TableName.QUOTAS].faults.fail("get")
    timer = handler(office.functions, "suspend_searches")
    with pytest.raises(InvocationFailedError):
        timer(None, Context())
    assert office.in_force() == set(Capability)
    timer(None, Context())
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}


def test_a_timer_deletes_what_was_counted_in_windows_that_ended(office: Office) -> None:
    assert POLICY.tripwire is not None
    office.approved()
    search(office, 1)
    office.world.clock.advance(hours=POLICY.tripwire.window_hours)
    handler(office.functions, "forget_sightings")(None, Context())
    assert office.world.records()[-1]["counts"]["sightings"] == 10
    rows = office.world.tables[TableName.QUOTAS].query(TENANT)
    assert [row.row for row in rows if row.row.startswith("seen:")] == []


def test_a_draft_is_edited_until_it_is_handed_in(office: Office) -> None:
    case = office.ask("apply", "alan", Role.APPLICANT, body=DOOR, expect=201)
    words = {**DOOR, "description": "Another door."}
    edited = office.ask("edit_application", "alan", Role.APPLICANT, case["id"], body=words)
    assert (edited["application"]["description"], edited["state"]) == ("Another door.", "draft")
    office.ask("submit_application", "alan", Role.APPLICANT, case["id"])
    told = office.ask("edit_application", "alan", Role.APPLICANT, case["id"], body=DOOR, expect=409)
    assert told["error"]["code"] == "IllegalState"
    shown = office.ask("application", "alan", Role.APPLICANT, case["id"])
    assert shown["application"]["description"] == "Another door."


def test_nobody_edits_another_tenants_draft(office: Office) -> None:
    case = office.ask("apply", "alan", Role.APPLICANT, body=DOOR, expect=201)
    changed = {**DOOR, "description": "Mine now."}
    words = ("edit_application", "eve", Role.APPLICANT, case["id"])
    office.ask(*words, tenant=STRANGER, body=changed, expect=404)
    office.ask("edit_application", "ada", Role.REVIEWER, case["id"], body=changed, expect=403)
    assert office.ask("application", "ada", case=case["id"])["application"] == case["application"]


def test_who_edits_a_draft_does_not_decide_on_it(office: Office) -> None:
    case = office.ask("apply", "alan", Role.APPLICANT, body=DOOR, expect=201)
    office.ask("edit_application", "ada", Role.APPLICANT, case["id"], body=DOOR)
    submitted = office.ask("submit_application", "alan", Role.APPLICANT, case["id"])
    assert office.decide(submitted, "ada", expect=403)["error"]["code"] == "Refused"


def test_older_state_of_an_application_put_back_is_noticed_at_once(office: Office) -> None:
    case = office.submitted(**REDACTION)
    table = office.world.tables[TableName.ACCESS]
    in_review = table.get(TENANT, f"case:{case['id']}")
    assert in_review is not None
    denied = office.ask("decide_application", "ada", case=case["id"], body={"verdict": "deny"})
    assert denied["state"] == "denied"
    table.put(TENANT, in_review.row, in_review.values)
    told = office.decide(case, "grace", expect=500)
    assert told["error"]["code"] == "IntegrityFailure"
    assert office.in_force() == set()


def test_revision_that_did_not_get_on_record_is_put_there_by_the_next_look(
    office: Office,
) -> None:
    case = office.submitted(**REDACTION)
    evidence = office.world.services.parts.decisions
    assert isinstance(evidence, MemoryAppends)
    table = office.world.tables[TableName.ACCESS]
    before = table.get(TENANT, f"case:{case['id']}")
    assert before is not None
    evidence.faults.fail("put")
    office.ask("decide_application", "ada", case=case["id"], body={"verdict": "deny"}, expect=503)
    assert office.ask("application", "ada", case=case["id"])["state"] == "denied"
    table.put(TENANT, before.row, before.values)
    office.ask("application", "ada", case=case["id"], expect=500)


def test_evidence_of_an_application_says_nothing_of_it(office: Office) -> None:
    office.approved()
    evidence = office.world.services.parts.decisions
    names = [found.name for found in evidence.list(f"{TENANT}/cases/")]
    assert names
    assert all(len(evidence.read(name)) == 64 for name in names)


def test_signed_decisions_verify_by_the_published_keys_of_decisions_alone(office: Office) -> None:
    case = office.approved(**REDACTION)
    office.ask("suspend_application", "ada", case=case["id"])
    found = office.ask("decisions", "ann", Role.AUDITOR, case["id"])["decisions"]
    reply = handler(office.functions, "keys")(http_request(office.world, method="GET"))
    published = json.loads(reply.get_body())
    keys, others = (
        [PublicKey(jwk["kid"], jwk) for jwk in published[name]] for name in ("decisionKeys", "keys")
    )
    read = [read_decision(signed.encode(), public_keys=keys) for signed in found]
    assert [(one.capability, one.state) for one in read] == [
        (capability, state)
        for capability in (Capability.DETECT, Capability.REDACT)
        for state in (ApprovalState.APPROVED, ApprovalState.SUSPENDED)
    ]
    assert {one.application for one in read} == {case["id"]}
    with pytest.raises(IntegrityError):
        read_decision(found[0].encode(), public_keys=others)
    office.ask("decisions", "alan", Role.APPLICANT, case["id"], expect=403)
