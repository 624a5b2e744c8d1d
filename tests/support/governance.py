"""Applications, policies and approvals for tests, all of the released policy unless said else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from consentry.service.policies import policy_book
from consentry.trust.applications import Application
from consentry.trust.approvals import Approval, ApprovalState, Conditions
from consentry.trust.operations import Capability
from consentry.trust.policy import ConsentRule, Excepted, Grace, Policy, PolicyBook
from consentry.trust.review import Terms

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
BOOK = policy_book()
POLICY = BOOK.policies[-1]
PLACE = "DE"  # where the tests' deployment is used
APPLICATION = "00000000-0000-7000-8000-0000000000aa"

DOOR: dict[str, Any] = {
    "organisation": "Contoso GmbH",
    "workEmail": "ada@contoso.example",
    "sector": "commercial",
    "jurisdictions": ["DE", "US-IL"],
    "capabilities": ["detect", "redact", "verify"],
    "useCase": "touchless_access",
    "description": "Staff open the laboratory door by showing badge and face.",
    "deployment": {"camera": "fixed", "capture": "live", "space": "private"},
    "subjects": ["adults"],
    "references": ["given_by_subject"],
    "consent": "written",
    "practices": [],
    "lawEnforcement": {"part": "none"},
    "codeOfConduct": "v1",
}
"""An application that passes."""


def application(**changes: Any) -> Application:
    """Make DOOR with other words."""
    return Application.model_validate({**DOOR, **changes})


def conditions(**changes: Any) -> Conditions:
    """Make conditions that the policy allows."""
    plain = Conditions(
        jurisdictions=(PLACE,),
        consent=ConsentRule.ATTESTED,
        rate_per_minute=60,
        retention_days=1,
    )
    return replace(plain, **changes)


def terms(days: int = 30, **changes: Any) -> Terms:
    """Make terms that the policy allows."""
    return Terms(days, conditions(**changes))


def approval(**changes: Any) -> Approval:
    """Make an approval for VERIFY, in force from NOW for a day."""
    plain = Approval(
        id="00000000-0000-7000-8000-000000000000",
        version=1,
        tenant="contoso",
        capability=Capability.VERIFY,
        use_case="touchless_access",
        state=ApprovalState.APPROVED,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
        decided_by=("ada", "grace"),
        decided_at=NOW,
        application=APPLICATION,
        policy_version=POLICY.version,
        policy_digest=POLICY.digest,
        conditions=conditions(),
    )
    return replace(plain, **changes)


def stricter(
    takes_effect: datetime,
    *excepted: tuple[str, str],
    days: int = 30,
    after: Policy = POLICY,
    **changes: Any,
) -> Policy:
    """Make the next policy, stricter; ``excepted`` are (tenant, application) with grace."""
    grace = Grace(
        until=takes_effect + timedelta(days=days),
        excepted=tuple(Excepted(tenant=name, application=case) for name, case in excepted),
    )
    return after.model_copy(
        update={
            "version": after.version + 1,
            "digest": f"{after.version + 1:064}",
            "takes_effect": takes_effect,
            "stricter": True,
            "grace": grace,
            **changes,
        }
    )


def book_with(*later: Policy) -> PolicyBook:
    """Add policies to the released ones."""
    return PolicyBook((*BOOK.policies, *later))
