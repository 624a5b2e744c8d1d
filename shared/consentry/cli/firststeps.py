"""First steps on a local stack, the way everybody takes them.

A tenant applies and two reviewers decide; an admin makes a key; a consent is registered.
"""

import tomllib
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from consentry.cli import local
from consentry.cli.client import KEY_HEADER, Consents, Governance
from consentry.cli.places import checkout
from consentry.localhost.issuer import make_issuer, make_token
from consentry.trust.applications import Application
from consentry.trust.consents import Statement
from consentry.trust.operations import Role
from consentry.trust.policy import ConsentRule

APPLICANT: Final = "alan"
REVIEWERS: Final = ("ada", "grace")
ADMIN: Final = "root"
DAYS: Final = 30
RATE_PER_MINUTE: Final = 300  # the most that the policy allows for every capability
CONSENT_EXAMPLE: Final = "docs/consent.example.toml"

_OVER: Final = frozenset({"approved", "grandfathered"})


def as_person(url: str, issuer: Path, role: Role, name: str, tenant: str = "") -> Governance:
    """Reach a local stack as a person of its development issuer."""
    token = make_token(make_issuer(issuer), role=role, name=name, tenant=tenant, now=local.now())
    return Governance(url, token)


def approve(
    url: str,
    issuer: Path,
    tenant: str,
    capabilities: Sequence[str],
    *,
    target_fmr: float | None = None,
    rate: int = RATE_PER_MINUTE,
    consent: ConsentRule = ConsentRule.REQUIRED,
) -> str:
    """Have a tenant of a local stack approved; give the id of the application."""
    with as_person(url, issuer, Role.APPLICANT, APPLICANT, tenant) as applicant:
        case = applicant.apply(example_application() | {"capabilities": list(capabilities)})
        case = applicant.change(case["id"], "submit")
    decision = {
        "verdict": "approve",
        "days": DAYS,
        "consent": consent.value,
        "jurisdictions": case["application"]["jurisdictions"],
        "ratePerMinute": rate,
        "targetFmr": target_fmr,
    }
    for reviewer in REVIEWERS:
        if case["state"] == "in_review":
            with as_person(url, issuer, Role.REVIEWER, reviewer) as person:
                case = person.decide(case["id"], decision)
    return str(case["id"])


def make_key(url: str, issuer: Path, tenant: str) -> str:
    """Have an admin make a key for a tenant's callers."""
    with as_person(url, issuer, Role.ADMIN, ADMIN) as admin:
        return str(admin.create_key(tenant)["key"])


def give_consent(url: str, key: str, subject: str) -> str:
    """Register the example's consent for a subject, for a day; give the receipt's id."""
    with Consents(url, {KEY_HEADER: key}) as service:
        return str(service.give(example_consent(subject))["id"])


def example_consent(subject: str) -> dict[str, Any]:
    """Give the consent that the documentation shows, given by a subject now and for a day."""
    now = local.now()
    document = tomllib.loads((checkout() / CONSENT_EXAMPLE).read_text(encoding="utf-8"))
    statement = Statement.model_validate(
        document | {"subject": subject, "given_at": now, "valid_until": now + timedelta(days=1)}
    )
    return statement.model_dump(mode="json", by_alias=True)


def approved_capabilities(url: str, issuer: Path, tenant: str) -> set[str]:
    """What a tenant of a local stack is approved for now."""
    with as_person(url, issuer, Role.APPLICANT, APPLICANT, tenant) as applicant:
        cases = [case for case in applicant.list() if case["state"] in _OVER]
    return {name for case in cases for name in case["application"]["capabilities"]}


def example_application() -> dict[str, Any]:
    """Give the application that the documentation shows, as the service takes it."""
    text = (checkout() / "docs" / "application.example.toml").read_text(encoding="utf-8")
    return Application.model_validate(tomllib.loads(text)).model_dump(mode="json", by_alias=True)
