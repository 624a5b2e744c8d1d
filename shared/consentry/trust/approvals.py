"""Approvals, and the decision whether one of them allows an operation now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consentry.trust.operations import RULES, Capability, Operation, Principal, PrincipalKind


class ApprovalState(StrEnum):
    """Where an approval stands; only APPROVED allows anything."""

    APPROVED = "approved"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Approval:
    """One version of a tenant's approval for one capability.

    In force from ``valid_from`` until just before ``valid_until``. ``target_fmr`` is a condition:
    the false match rate in (0, 1) at which verifications are decided; None leaves the default.
    """

    id: str
    version: int
    tenant: str
    capability: Capability
    use_case: str
    state: ApprovalState
    valid_from: datetime
    valid_until: datetime
    decided_by: str
    decided_at: datetime
    target_fmr: float | None = None


class Reason(StrEnum):
    """Why an invocation was let in or refused; stands in its audit record."""

    APPROVED = "approved"  # an approval in force covers it
    SYSTEM = "system"  # the service's own upkeep, which touches no face
    OPERATOR = "operator"  # the operator's command line, which reads the log and nothing else
    UNAUTHENTICATED = "unauthenticated"  # who asks could not be established
    PRINCIPAL = "principal"  # this kind of principal may not do this
    ONE_TO_MANY = "one_to_many"  # one face against many: refused for everybody
    NO_APPROVAL = "no_approval"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNDECIDED = "undecided"  # a store failed before a decision could be made


@dataclass(frozen=True)
class Decision:
    """Whether an invocation may go on; ``approval`` is the one that allows it."""

    allowed: bool
    reason: Reason
    approval: Approval | None = None


_NEARNESS = (Reason.EXPIRED, Reason.NOT_YET_VALID, Reason.REVOKED, Reason.NO_APPROVAL)
"""Of several refusals, the one that tells the tenant most about what to do comes first."""


def decide(
    operation: Operation, principal: Principal, approvals: Iterable[Approval], now: datetime
) -> Decision:
    """Decide on one invocation.

    Approvals of another tenant or for another capability count as if they were not there.
    """
    rule = RULES[operation]
    if operation is Operation.SEARCH:
        return Decision(allowed=False, reason=Reason.ONE_TO_MANY)
    if principal.kind not in rule.kinds:
        return Decision(allowed=False, reason=Reason.PRINCIPAL)
    if principal.kind is PrincipalKind.SYSTEM:
        return Decision(allowed=True, reason=Reason.SYSTEM)
    if principal.kind is PrincipalKind.OPERATOR:
        return Decision(allowed=True, reason=Reason.OPERATOR)
    refusals = {Reason.NO_APPROVAL}
    for approval in approvals:
        if approval.tenant != principal.tenant or approval.capability not in rule.capabilities:
            continue
        refusal = _refusal(approval, now)
        if refusal is None:
            return Decision(allowed=True, reason=Reason.APPROVED, approval=approval)
        refusals.add(refusal)
    return Decision(allowed=False, reason=min(refusals, key=_NEARNESS.index))


def _refusal(approval: Approval, now: datetime) -> Reason | None:
    if approval.state is not ApprovalState.APPROVED:
        return Reason.REVOKED
    if now < approval.valid_from:
        return Reason.NOT_YET_VALID
    if now >= approval.valid_until:
        return Reason.EXPIRED
    return None
