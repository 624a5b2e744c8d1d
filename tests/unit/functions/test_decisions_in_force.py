"""What of a decision is in force, for how long, and what shows it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from tests.support.governance import APPLICATION, approval, book_with, stricter
from tests.support.layer import sample
from tests.support.memory import Clock, MemoryAppends
from tests.support.office import REDACTION, Office
from tests.support.service import TENANT, handler, http_request, make_world

from consentry.azure.names import APPROVALS_EXPIRING, TableName
from consentry.errors import IntegrityError
from consentry.stored import PublicKey, Row
from consentry.trust.approvals import ApprovalState
from consentry.trust.decisions import read_decision
from consentry.trust.operations import Capability, Role


@pytest.fixture
def office() -> Office:
    return Office(make_world())


def test_revocation_takes_everything_out_of_force(office: Office) -> None:
    case = office.approved()
    revoked = office.step("revoke_application", "root", Role.ADMIN, case["id"])
    assert (revoked["state"], office.in_force()) == ("revoked", set())


def test_revocation_goes_out_of_force_first_and_can_be_taken_again(office: Office) -> None:
    case = office.approved()
    access = office.world.tables[TableName.ACCESS]
    access.faults.fail("replace")
    office.step("revoke_application", "root", Role.ADMIN, case["id"], expect=503)
    assert office.in_force() == set()
    assert office.world.records()[-1]["outcome"] == "release_failed"
    again = office.step("revoke_application", "root", Role.ADMIN, case["id"])
    assert again["state"] == "revoked"


def test_approval_that_got_no_further_than_the_case_is_put_in_force_by_resuming(
    office: Office,
) -> None:
    case = office.submitted(**REDACTION)
    office.world.tables[TableName.ACCESS].faults.fail("put_together")
    office.decide(case, "ada", expect=503)
    assert office.in_force() == set()
    office.step("suspend_application", "ada", case=case["id"])
    office.step("resume_application", "ada", case=case["id"])
    assert office.in_force() == {Capability.DETECT, Capability.REDACT}


def test_suspension_holds_until_a_reviewer_resumes(office: Office) -> None:
    case = office.approved()
    office.step("suspend_application", "root", Role.ADMIN, case["id"])
    assert office.in_force() == set()
    office.step("resume_application", "root", Role.ADMIN, case["id"], expect=403)
    assert office.in_force() == set()
    office.step("resume_application", "ada", case=case["id"])
    assert office.in_force() == set(Capability)


def test_an_older_application_does_not_touch_what_replaced_it(office: Office) -> None:
    old = office.approved(**REDACTION)
    office.world.clock.advance(days=1)
    office.approved(capabilities=["redact"], useCase="media_redaction", references=["none"])
    office.step("revoke_application", "root", Role.ADMIN, old["id"])
    assert office.in_force() == {Capability.REDACT}


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
    assert office.step("application", "joan", case=case["id"])["votes"] == []


@pytest.mark.parametrize("last", ["decision", "revocation"])
def test_of_a_decision_and_a_revocation_at_once_the_revocation_holds(
    office: Office, last: str
) -> None:
    """The case says approved, nothing is in force yet; whoever writes last looks again."""
    case = office.submitted(**REDACTION)
    evidence = office.world.services.parts.decisions
    assert isinstance(evidence, MemoryAppends)
    table = office.world.tables[TableName.ACCESS]
    with ThreadPoolExecutor() as pool:
        decide = evidence.faults.hold("put")
        decision = pool.submit(office.decide, case, "ada")
        evidence.faults.wait_for_held()
        evidence.faults.hold("put")()  # whoever comes next is not held up
        revoke = table.faults.hold("replace")
        words = ("revoke_application", "root", Role.ADMIN, case["id"])
        revocation = pool.submit(office.step, *words)
        table.faults.wait_for_held()
        steps = [(revoke, revocation), (decide, decision)]
        for go_on, step in steps if last == "decision" else reversed(steps):
            go_on()
            assert step.result()["id"] == case["id"]
    assert office.step("application", "joan", case=case["id"])["state"] == "revoked"
    assert office.in_force() == set()


def test_timer_notes_what_time_has_ended_and_tells_what_soon_will(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.run("lapse_approvals")
    assert caplog.messages == []
    office.approved(**REDACTION)
    office.run("lapse_approvals")
    assert caplog.messages == [f"{APPROVALS_EXPIRING}: 1"]
    assert office.world.records()[-1]["counts"] == {
        "expired": 0,
        "grandfathered": 0,
        "reminders": 1,
    }
    [case] = office.step("applications", "alan", Role.APPLICANT)["applications"]
    assert case["applyAnewBefore"] == case["validUntil"]
    office.world.clock.advance(days=30)
    office.run("lapse_approvals")
    assert office.world.records()[-1]["counts"]["expired"] == 1
    [case] = office.step("applications", "alan", Role.APPLICANT)["applications"]
    assert case["state"] == "expired"
    row = office.world.tables[TableName.ACCESS].get(TENANT, f"case:{case['id']}")
    assert row is not None
    assert row.values["state"] == "expired"


def test_call_under_grace_is_warned_until_it_ends() -> None:
    clock = Clock()
    later = clock() + timedelta(days=1)
    world = make_world(book_with(stricter(later, (TENANT, APPLICATION), days=30)))
    office = Office(world)
    wanted = approval(
        capability=Capability.REDACT, valid_from=clock(), valid_until=clock() + timedelta(days=90)
    )
    world.services.access.approve(wanted, clock())

    def warning() -> str | None:
        reply = office.reply("redact", body=sample("person_a_1.jpg"))
        assert reply.status_code == 200
        found: str | None = reply.headers.get("X-Consentry-Warning")
        return found

    assert warning() is None
    world.clock.advance(days=1)
    assert warning() == "approval by grace until 2026-04-14T15:09:26.000Z; apply anew"
    assert world.records()[-1]["reason"] == "grandfathered"
    world.clock.advance(days=30)
    assert office.reply("redact", body=sample("person_a_1.jpg")).status_code == 403
    assert world.records()[-1]["reason"] == "superseded"


def test_older_state_of_an_application_put_back_is_noticed_at_once(office: Office) -> None:
    case = office.submitted(**REDACTION)
    table = office.world.tables[TableName.ACCESS]
    in_review = table.get(TENANT, f"case:{case['id']}")
    assert in_review is not None
    denied = office.step("decide_application", "ada", case=case["id"], body={"verdict": "deny"})
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
    office.step("decide_application", "ada", case=case["id"], body={"verdict": "deny"}, expect=503)
    assert office.step("application", "ada", case=case["id"])["state"] == "denied"
    table.put(TENANT, before.row, before.values)
    office.step("application", "ada", case=case["id"], expect=500)


def test_evidence_of_an_application_says_nothing_of_it(office: Office) -> None:
    office.approved()
    evidence = office.world.services.parts.decisions
    names = [found.name for found in evidence.list(f"{TENANT}/cases/")]
    assert names
    assert all(len(evidence.read(name)) == 64 for name in names)


def test_signed_decisions_verify_by_the_published_keys_of_decisions_alone(office: Office) -> None:
    case = office.approved(**REDACTION)
    office.step("suspend_application", "ada", case=case["id"])
    found = office.step("decisions", "ann", Role.AUDITOR, case["id"])["decisions"]
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
    office.step("decisions", "alan", Role.APPLICANT, case["id"], expect=403)
