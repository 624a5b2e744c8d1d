"""Why an application passes the policy or is refused, rule by rule."""

from collections.abc import Mapping
from dataclasses import dataclass

from consentry.trust.applications import Application, with_countries
from consentry.trust.policy import Circumstance, Policy


@dataclass(frozen=True)
class Finding:
    """What one rule says of an application."""

    reason: str
    refused: bool
    sentence: str
    source: str


def explain(application: Application, policy: Policy) -> tuple[Finding, ...]:
    """Hold an application against every rule, in the policy's order."""
    facts = facts_of(application, policy)
    return tuple(
        Finding(
            rule.reason,
            any(_given(circumstance, facts) for circumstance in rule.when),
            rule.sentence,
            rule.source,
        )
        for rule in policy.refusals
    )


def refusals(application: Application, policy: Policy) -> tuple[str, ...]:
    """Give the reasons of the rules that refuse an application; none when it passes."""
    return tuple(found.reason for found in explain(application, policy) if found.refused)


def facts_of(application: Application, policy: Policy) -> Mapping[str, frozenset[str]]:
    """Give the facts that rules look at; a use case brings the practices it cannot do without."""
    use_case = policy.use_cases.get(application.use_case)
    implied = use_case.practices if use_case else ()
    law = application.law_enforcement
    return {
        "sector": frozenset({application.sector}),
        "jurisdictions": with_countries(application.jurisdictions),
        "capabilities": frozenset(application.capabilities),
        "camera": frozenset({application.deployment.camera}),
        "capture": frozenset({application.deployment.capture}),
        "space": frozenset({application.deployment.space}),
        "subjects": frozenset(application.subjects),
        "references": frozenset(application.references),
        "consent": frozenset({application.consent}),
        "practices": frozenset((*application.practices, *implied)),
        "law_enforcement": frozenset({law.part}),
        "law_enforcement_in": with_countries(law.jurisdictions),
        "mail": frozenset({_mail(application, policy)}),
        "conduct": frozenset({_conduct(application, policy)}),
        "use_case": _fit(application, policy),
    }


def _given(circumstance: Circumstance, facts: Mapping[str, frozenset[str]]) -> bool:
    return all(not facts[fact].isdisjoint(words) for fact, words in circumstance.items())


def _mail(application: Application, policy: Policy) -> str:
    """A domain below a free one is free too."""
    parts = application.work_email.rpartition("@")[2].lower().split(".")
    domains = {".".join(parts[start:]) for start in range(len(parts))}
    return "work" if domains.isdisjoint(policy.free_mail_domains) else "free"


def _conduct(application: Application, policy: Policy) -> str:
    return "accepted" if application.code_of_conduct == policy.code_of_conduct else "other"


def _fit(application: Application, policy: Policy) -> frozenset[str]:
    use_case = policy.use_cases.get(application.use_case)
    if use_case is None:
        return frozenset({"unknown"})
    misfits = set()
    if application.sector not in use_case.sectors:
        misfits.add("other_sector")
    if not set(application.capabilities) <= set(use_case.capabilities):
        misfits.add("other_capability")
    return frozenset(misfits or {"offered"})
