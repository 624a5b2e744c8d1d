"""Approvals, and the decision whether one of them allows an operation now."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import AwareDatetime

from consentry.trust.applications import with_countries
from consentry.trust.operations import (
    RULES,
    Capability,
    Operation,
    Principal,
    PrincipalKind,
    Role,
)
from consentry.trust.policy import ConsentRule, Ground, PolicyBook


class ApprovalState(StrEnum):
    """Where an approval stands; only APPROVED allows anything."""

    APPROVED = "approved"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Conditions:
    """What an approval is bound to.

    ``target_fmr`` is the false match rate in (0, 1) at which verifications are decided; None
    leaves the default. Rate in calls per minute, retention in days.
    """

    jurisdictions: tuple[str, ...]
    consent: ConsentRule
    rate_per_minute: int
    retention_days: int
    target_fmr: float | None = None


@dataclass(frozen=True)
class Approval:
    """One version of a tenant's approval for one capability.

    In force from ``valid_from`` until just before ``valid_until``. ``application`` is the id of
    the application on which it was decided, under the policy of that version and digest.
    """

    id: str
    version: int
    tenant: str
    capability: Capability
    use_case: str
    state: ApprovalState
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    decided_by: tuple[str, ...]
    decided_at: AwareDatetime
    application: str
    policy_version: int
    policy_digest: str
    conditions: Conditions


class Reason(StrEnum):
    """Why an invocation was let in or refused; stands in its audit record."""

    APPROVED = "approved"  # an approval in force covers it
    GRANDFATHERED = "grandfathered"  # one of an earlier policy does, by the grace list
    ROLE = "role"  # the person's role covers it; no approval is needed
    SYSTEM = "system"  # the service's own upkeep, which touches no face
    OPERATOR = "operator"  # the operator's command line: log, retention, erasure
    UNAUTHENTICATED = "unauthenticated"  # who asks could not be established
    PRINCIPAL = "principal"  # this kind of principal may not do this
    NO_ROLE = "no_role"  # the person has none of the roles for this
    ONE_TO_MANY = "one_to_many"  # one face against many: refused for everybody
    NO_APPROVAL = "no_approval"
    NOT_YET_VALID = "not_yet_valid"
    JURISDICTION = "jurisdiction"  # the deployment is used where the approval does not hold
    EXPIRED = "expired"
    SUPERSEDED = "superseded"  # a stricter policy has taken effect, or grace has ended
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CONTROLLER = "controller"  # the tenant ends a consent, for which it needs no approval
    WITHDRAWAL_CODE = "withdrawal_code"  # the person ends it, by the code they were given
    CONSENT_MISSING = "consent_missing"  # none was named
    CONSENT_UNKNOWN = "consent_unknown"  # what was named is no consent of this tenant
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CONSENT_EXPIRED = "consent_expired"
    CONSENT_PURPOSE = "consent_purpose"  # it was given for other purposes than the approval's
    CONSENT_JURISDICTION = "consent_jurisdiction"  # it was given where the approval does not hold
    SUBJECTS_DIFFER = "subjects_differ"  # the two faces were claimed to be two people's
    REPEATED_FACE = "repeated_face"  # in more verifications than the policy allows in a window
    REPEATED_PICTURE = "repeated_picture"
    REPEATED_SUBJECT = "repeated_subject"
    NON_MATCHES = "non_matches"  # more than honest claims have: it looks like a search
    SEARCH_SUSPECTED = "search_suspected"  # a pause after that, or until a reviewer has looked
    CALIBRATED_LATELY = "calibrated_lately"  # answers add up, so a tenant gets one in a while
    RATE_LIMITED = "rate_limited"  # the calls that it allows in this minute are used up
    UNDECIDED = "undecided"  # a store failed before a decision could be made


CONSENT_REASONS: Final = frozenset(
    {
        Reason.CONSENT_MISSING,
        Reason.CONSENT_UNKNOWN,
        Reason.CONSENT_WITHDRAWN,
        Reason.CONSENT_EXPIRED,
        Reason.CONSENT_PURPOSE,
        Reason.CONSENT_JURISDICTION,
    }
)
"""Refusals for want of consent."""


@dataclass(frozen=True)
class Decision:
    """Whether an invocation may go on; ``approval`` is the one that allows it.

    ``until`` is the instant at which that ends, be it by the approval or by grace. ``also`` are the
    approvals that it takes besides.
    """

    allowed: bool
    reason: Reason
    approval: Approval | None = None
    until: datetime | None = None
    also: tuple[Approval, ...] = ()


_NEARNESS = (
    Reason.EXPIRED,
    Reason.SUPERSEDED,
    Reason.NOT_YET_VALID,
    Reason.JURISDICTION,
    Reason.SUSPENDED,
    Reason.REVOKED,
    Reason.NO_APPROVAL,
)
"""Of several refusals, the one that tells the tenant most about what to do comes first."""

_WITHOUT_APPROVAL: Final = MappingProxyType(
    {
        PrincipalKind.SYSTEM: Reason.SYSTEM,
        PrincipalKind.OPERATOR: Reason.OPERATOR,
        PrincipalKind.SUBJECT: Reason.WITHDRAWAL_CODE,
    }
)
"""Who needs none for whatever they may do, and the reason that stands in the record."""


def decide(
    operation: Operation,
    principal: Principal,
    approvals: Iterable[Approval],
    book: PolicyBook,
    now: datetime,
    *,
    place: str,
) -> Decision:
    """Decide on one invocation.

    Approvals of another tenant or for another capability count as if they were not there. ``place``
    is the jurisdiction in which the deployment is used, as its settings say.
    """
    rule = RULES[operation]
    if operation is Operation.SEARCH:
        return Decision(allowed=False, reason=Reason.ONE_TO_MANY)
    if principal.kind not in rule.kinds:
        return Decision(allowed=False, reason=Reason.PRINCIPAL)
    if principal.kind in _WITHOUT_APPROVAL:
        return Decision(allowed=True, reason=_WITHOUT_APPROVAL[principal.kind])
    if principal.kind is PrincipalKind.PERSON:
        roles = rule.roles & principal.roles
        if not roles:
            return Decision(allowed=False, reason=Reason.NO_ROLE)
        if roles != {Role.CALLER}:
            return Decision(allowed=True, reason=Reason.ROLE)
    if not rule.capabilities:
        return Decision(allowed=True, reason=Reason.CONTROLLER)
    own = [approval for approval in approvals if approval.tenant == principal.tenant]
    decisions = [
        _best([_judge(one, book, now, place) for one in own if one.capability in capabilities])
        for capabilities in (rule.capabilities, *({capability} for capability in rule.also))
    ]
    return _together(decisions)


def _best(decisions: list[Decision]) -> Decision:
    """Give the first that allows, or the refusal that tells most."""
    for decision in decisions:
        if decision.allowed:
            return decision
    reasons = {Reason.NO_APPROVAL, *(decision.reason for decision in decisions)}
    return Decision(allowed=False, reason=min(reasons, key=_NEARNESS.index))


def _together(decisions: list[Decision]) -> Decision:
    """Allow what all of them allow, by the first one's approval; grace of any marks the whole."""
    for decision in decisions:
        if not decision.allowed:
            return decision
    marked = [one for one in decisions if one.reason is Reason.GRANDFATHERED] or decisions
    others = tuple(one.approval for one in decisions[1:] if one.approval is not None)
    return replace(marked[0], approval=decisions[0].approval, also=others)


def _judge(approval: Approval, book: PolicyBook, now: datetime, place: str) -> Decision:
    refusal = _refusal(approval, now)
    if refusal is not None:
        return Decision(allowed=False, reason=refusal)
    version, digest = approval.policy_version, approval.policy_digest
    policy = book.find(version, digest)
    use_case = policy.use_cases.get(approval.use_case) if policy else None
    if use_case is None or approval.capability not in use_case.capabilities:
        return Decision(allowed=False, reason=Reason.NO_APPROVAL)
    if with_countries((place,)).isdisjoint(approval.conditions.jurisdictions):
        return Decision(allowed=False, reason=Reason.JURISDICTION)
    ground, until = book.ground(version, digest, approval.tenant, approval.application, now)
    if ground is Ground.POLICY:
        return Decision(True, Reason.APPROVED, approval, approval.valid_until)
    if ground is Ground.GRACE and until is not None:
        end = min(until, approval.valid_until)
        return Decision(True, Reason.GRANDFATHERED, approval, end)
    return Decision(allowed=False, reason=Reason.SUPERSEDED)


def _refusal(approval: Approval, now: datetime) -> Reason | None:
    if approval.state is ApprovalState.SUSPENDED:
        return Reason.SUSPENDED
    if approval.state is not ApprovalState.APPROVED:
        return Reason.REVOKED
    if now < approval.valid_from:
        return Reason.NOT_YET_VALID
    if now >= approval.valid_until:
        return Reason.EXPIRED
    return None
