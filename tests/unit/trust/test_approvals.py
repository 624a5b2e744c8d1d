from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.support.governance import (
    APPLICATION,
    BOOK,
    NOW,
    PLACE,
    POLICY,
    approval,
    book_with,
    conditions,
    stricter,
)

from consentry.trust.approvals import Approval, ApprovalState, Reason, decide
from consentry.trust.operations import (
    RULES,
    Capability,
    Operation,
    Principal,
    PrincipalKind,
    Role,
)
from consentry.trust.policy import PolicyBook

CALLER = Principal(PrincipalKind.CALLER, "a1b2c3d4e5f6", "contoso")
VERIFY = approval()


def reason(*approvals: Approval, now: datetime = NOW, book: PolicyBook = BOOK) -> Reason:
    decision = decide(Operation.VERIFY, CALLER, approvals, book, now, place=PLACE)
    assert decision.allowed == (decision.approval is not None)
    return decision.reason


def test_every_operation_has_a_rule() -> None:
    assert RULES.keys() == set(Operation)


def test_without_an_approval_there_is_upkeep_and_governance_by_role_and_nothing_else() -> None:
    free = {op for op, rule in RULES.items() if rule.kinds and not rule.capabilities}
    system = {op for op in free if RULES[op].kinds == {PrincipalKind.SYSTEM}}
    operator = {op for op in free if RULES[op].kinds == {PrincipalKind.OPERATOR}}
    assert system == {Operation.UPKEEP, Operation.POISON}
    assert operator == {Operation.READ_LOG, Operation.INSPECT_STORAGE, Operation.ROTATE_KEYS}
    assert RULES[Operation.WITHDRAW_CONSENT].kinds == {
        PrincipalKind.CALLER,
        PrincipalKind.PERSON,
        PrincipalKind.SUBJECT,
    }
    people = free - system - operator - {Operation.WITHDRAW_CONSENT}
    assert all(PrincipalKind.PERSON in RULES[op].kinds and RULES[op].roles for op in people)


def test_a_withdrawal_code_withdraws_and_does_nothing_else() -> None:
    subject = Principal(PrincipalKind.SUBJECT, "0" * 32, "contoso")
    everything = [approval(capability=capability) for capability in Capability]
    allowed = {
        op for op in Operation if decide(op, subject, everything, BOOK, NOW, place=PLACE).allowed
    }
    assert allowed == {Operation.WITHDRAW_CONSENT}


def test_the_operator_reads_and_deletes_and_touches_no_face() -> None:
    operator = Principal(PrincipalKind.OPERATOR, "command", "")
    allowed = {op for op in Operation if decide(op, operator, [], BOOK, NOW, place=PLACE).allowed}
    assert allowed == {
        Operation.READ_LOG,
        Operation.PROVE_RECORD,
        Operation.PROVE_CONSISTENCY,
        Operation.INSPECT_STORAGE,
        Operation.ERASE_TENANT,
        Operation.ROTATE_KEYS,
    }


ALLOWED = {
    Role.CALLER: {op for op, rule in RULES.items() if Role.CALLER in rule.roles},
    Role.APPLICANT: {
        Operation.READ_DELETION,
        Operation.APPLY,
        Operation.READ_APPLICATION,
        Operation.EDIT,
        Operation.SUBMIT,
        Operation.APPEAL,
    },
    Role.REVIEWER: {
        Operation.READ_DECISIONS,
        Operation.READ_APPLICATION,
        Operation.DECIDE,
        Operation.SUSPEND,
        Operation.RESUME,
        Operation.REVOKE,
    },
    Role.AUDITOR: {
        Operation.READ_DECISIONS,
        Operation.LIST_RECORDS,
        Operation.PROVE_RECORD,
        Operation.PROVE_CONSISTENCY,
        Operation.READ_APPLICATION,
        Operation.READ_DELETION,
        Operation.READ_ERASURE,
        Operation.LIST_KEYS,
    },
    Role.ADMIN: {
        Operation.CREATE_KEY,
        Operation.LIST_KEYS,
        Operation.REVOKE_KEY,
        Operation.READ_DECISIONS,
        Operation.ERASE_TENANT,
        Operation.READ_ERASURE,
        Operation.READ_APPLICATION,
        Operation.READ_DELETION,
        Operation.SUSPEND,
        Operation.REVOKE,
    },
}


@pytest.mark.parametrize("role", Role)
def test_role_covers_its_operations_and_no_other(role: Role) -> None:
    person = Principal(PrincipalKind.PERSON, "ada", "contoso", frozenset({role}))
    everything = [approval(capability=capability) for capability in Capability]
    allowed = {
        op for op in Operation if decide(op, person, everything, BOOK, NOW, place=PLACE).allowed
    }
    assert allowed == ALLOWED[role]


def test_a_person_without_a_role_may_do_nothing() -> None:
    person = Principal(PrincipalKind.PERSON, "ada", "contoso")
    everything = [approval(capability=capability) for capability in Capability]
    for op in Operation:
        decision = decide(op, person, everything, BOOK, NOW, place=PLACE)
        assert not decision.allowed
        assert decision.reason in {Reason.NO_ROLE, Reason.PRINCIPAL, Reason.ONE_TO_MANY}


def test_a_person_who_calls_needs_the_tenants_approval_too() -> None:
    person = Principal(PrincipalKind.PERSON, "ada", "contoso", frozenset({Role.CALLER}))
    assert decide(Operation.VERIFY, person, [], BOOK, NOW, place=PLACE).reason is Reason.NO_APPROVAL


def test_nobody_may_search() -> None:
    for kind in PrincipalKind:
        decision = decide(
            Operation.SEARCH, Principal(kind, "x", "contoso"), [VERIFY], BOOK, NOW, place=PLACE
        )
        assert (decision.allowed, decision.reason) == (False, Reason.ONE_TO_MANY)


def test_an_unknown_principal_may_do_nothing() -> None:
    unknown = Principal(PrincipalKind.UNKNOWN, "", "contoso")
    everything = [replace(VERIFY, capability=capability) for capability in Capability]
    assert not any(
        decide(op, unknown, everything, BOOK, NOW, place=PLACE).allowed for op in Operation
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (timedelta(microseconds=-1), Reason.NOT_YET_VALID),
        (timedelta(), Reason.APPROVED),
        (timedelta(days=1, microseconds=-1), Reason.APPROVED),
        (timedelta(days=1), Reason.EXPIRED),
    ],
)
def test_an_approval_is_in_force_from_its_first_moment_until_before_its_last(
    after: timedelta, expected: Reason
) -> None:
    assert reason(VERIFY, now=NOW + after) is expected


def test_a_revoked_approval_allows_nothing_whatever_its_dates() -> None:
    revoked = replace(VERIFY, state=ApprovalState.REVOKED)
    for days in (-1, 0, 2):
        assert reason(revoked, now=NOW + timedelta(days=days)) is Reason.REVOKED


def test_a_suspended_approval_allows_nothing() -> None:
    assert reason(replace(VERIFY, state=ApprovalState.SUSPENDED)) is Reason.SUSPENDED


def test_use_case_that_does_not_cover_the_capability_allows_nothing() -> None:
    assert reason(replace(VERIFY, use_case="media_redaction")) is Reason.NO_APPROVAL
    assert reason(replace(VERIFY, use_case="unheard_of")) is Reason.NO_APPROVAL


@pytest.mark.parametrize(
    ("place", "approved", "allowed"),
    [
        ("DE", ("DE",), True),
        ("FR", ("DE",), False),
        ("FR", ("DE", "FR"), True),
        ("US-IL", ("US",), True),  # a country covers its parts
        ("US", ("US-IL",), False),  # a part does not cover its country
        ("US-TX", ("US-IL",), False),
        ("", ("DE",), False),
    ],
)
def test_an_approval_holds_only_where_it_was_decided_for(
    place: str, approved: tuple[str, ...], allowed: bool
) -> None:
    there = approval(conditions=conditions(jurisdictions=approved))
    decision = decide(Operation.VERIFY, CALLER, [there], BOOK, NOW, place=place)
    assert decision.allowed is allowed
    assert decision.reason is (Reason.APPROVED if allowed else Reason.JURISDICTION)


def test_approval_of_an_unknown_policy_allows_nothing() -> None:
    assert reason(replace(VERIFY, policy_digest="0" * 64)) is Reason.NO_APPROVAL
    assert reason(replace(VERIFY, policy_version=POLICY.version + 1)) is Reason.NO_APPROVAL


def test_stricter_policy_stops_what_its_grace_list_does_not_name() -> None:
    assert reason(VERIFY, book=book_with(stricter(NOW))) is Reason.SUPERSEDED
    other = book_with(stricter(NOW, ("fabrikam", APPLICATION)))
    assert reason(VERIFY, book=other) is Reason.SUPERSEDED


def test_grandfathered_approval_works_on_with_a_mark_until_its_instant() -> None:
    year = replace(VERIFY, valid_until=NOW + timedelta(days=365))
    book = book_with(stricter(NOW, ("contoso", APPLICATION), days=30))
    decision = decide(Operation.VERIFY, CALLER, [year], book, NOW, place=PLACE)
    assert (decision.allowed, decision.reason) == (True, Reason.GRANDFATHERED)
    assert decision.until == NOW + timedelta(days=30)
    assert reason(year, now=NOW + timedelta(days=30), book=book) is Reason.SUPERSEDED


def test_one_approval_in_force_suffices() -> None:
    assert reason(replace(VERIFY, state=ApprovalState.REVOKED), VERIFY) is Reason.APPROVED


def test_approvals_of_others_do_not_count() -> None:
    assert reason() is Reason.NO_APPROVAL
    assert reason(replace(VERIFY, tenant="fabrikam")) is Reason.NO_APPROVAL
    assert reason(replace(VERIFY, capability=Capability.DETECT)) is Reason.NO_APPROVAL


def test_of_several_refusals_the_most_helpful_is_told() -> None:
    revoked = replace(VERIFY, state=ApprovalState.REVOKED)
    expired = replace(VERIFY, valid_until=NOW)
    assert reason(revoked, expired) is Reason.EXPIRED
