from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from consentry.trust.approvals import Approval, ApprovalState, Reason, decide
from consentry.trust.operations import (
    RULES,
    Capability,
    Operation,
    Principal,
    PrincipalKind,
)

NOW = datetime(2026, 3, 14, tzinfo=UTC)
CALLER = Principal(PrincipalKind.CALLER, "a1b2c3d4e5f6", "contoso")
VERIFY = Approval(
    id="00000000-0000-7000-8000-000000000000",
    version=1,
    tenant="contoso",
    capability=Capability.VERIFY,
    use_case="door",
    state=ApprovalState.APPROVED,
    valid_from=NOW,
    valid_until=NOW + timedelta(days=1),
    decided_by="reviewer",
    decided_at=NOW,
)


def reason(*approvals: Approval, now: datetime = NOW) -> Reason:
    decision = decide(Operation.VERIFY, CALLER, approvals, now)
    assert decision.allowed == (decision.approval is not None)
    return decision.reason


def test_every_operation_has_a_rule() -> None:
    assert RULES.keys() == set(Operation)


def test_only_upkeep_and_the_operators_reading_of_the_log_need_no_approval() -> None:
    free = {op: rule.kinds for op, rule in RULES.items() if rule.kinds and not rule.capabilities}
    assert free == {
        Operation.UPKEEP: {PrincipalKind.SYSTEM},
        Operation.POISON: {PrincipalKind.SYSTEM},
        Operation.READ_LOG: {PrincipalKind.OPERATOR},
    }


def test_the_operator_reads_the_log_and_does_nothing_else() -> None:
    operator = Principal(PrincipalKind.OPERATOR, "command", "")
    allowed = {op for op in Operation if decide(op, operator, [], NOW).allowed}
    assert allowed == {Operation.READ_LOG, Operation.PROVE_RECORD, Operation.PROVE_CONSISTENCY}


def test_nobody_may_search() -> None:
    for kind in PrincipalKind:
        decision = decide(Operation.SEARCH, Principal(kind, "x", "contoso"), [VERIFY], NOW)
        assert (decision.allowed, decision.reason) == (False, Reason.ONE_TO_MANY)


def test_an_unknown_principal_may_do_nothing() -> None:
    unknown = Principal(PrincipalKind.UNKNOWN, "", "contoso")
    everything = [replace(VERIFY, capability=capability) for capability in Capability]
    assert not any(decide(op, unknown, everything, NOW).allowed for op in Operation)


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
