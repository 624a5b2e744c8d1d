"""An application as it is shown: its owner sees what was decided, not who decided it."""

from datetime import datetime
from typing import Any

from consentry.service.invocation import Invocation
from consentry.trust.operations import OPERATOR_ROLES
from consentry.trust.policy import PolicyBook
from consentry.trust.records import utc_text
from consentry.trust.review import BY_ITSELF, Case, Event, Terms, Vote, reminder


def case_document(case: Case, invocation: Invocation, book: PolicyBook) -> dict[str, Any]:
    """Give the JSON document of an application for whoever asks."""
    names = not invocation.principal.roles.isdisjoint(OPERATOR_ROLES)
    document = {
        "id": case.id,
        "tenant": case.tenant,
        "state": case.state.value,
        "application": case.application.model_dump(mode="json", by_alias=True),
        "policy": _policy(case),
        "refusedFor": _refusals(case, book),
        "votes": [_vote(vote, names=names) for vote in case.votes],
        "appeals": case.appeals,
        "terms": _terms(case.terms) if case.terms else None,
        "validFrom": _time(case.valid_from),
        "validUntil": _time(case.valid_until),
        "applyAnewBefore": _time(reminder(case, book, invocation.time)),
        "history": [_event(event, case, names=names) for event in case.events],
    }
    return {name: value for name, value in document.items() if value is not None}


def _policy(case: Case) -> dict[str, Any] | None:
    if not case.policy_version:
        return None
    return {"version": case.policy_version, "digest": case.policy_digest}


def _refusals(case: Case, book: PolicyBook) -> list[dict[str, str]]:
    """The rules that refused it, in the words of the policy that it names."""
    policy = book.find(case.policy_version, case.policy_digest)
    rules = policy.refusals if policy else ()
    return [
        {"reason": rule.reason, "sentence": rule.sentence, "source": rule.source}
        for rule in rules
        if rule.reason in case.refused_for
    ]


def _vote(vote: Vote, *, names: bool) -> dict[str, Any]:
    return {
        "verdict": vote.verdict.value,
        "at": utc_text(vote.at),
        "by": vote.reviewer if names else "reviewer",
        **({"terms": _terms(vote.terms)} if vote.terms else {}),
    }


def _event(event: Event, case: Case, *, names: bool) -> dict[str, str]:
    shown = event.by if names or event.by in (*case.applicants, *BY_ITSELF) else "reviewer"
    return {"state": event.state.value, "at": utc_text(event.at), "by": shown}


def _terms(terms: Terms) -> dict[str, Any]:
    conditions = terms.conditions
    return {
        "days": terms.days,
        "jurisdictions": list(conditions.jurisdictions),
        "consent": conditions.consent.value,
        "ratePerMinute": conditions.rate_per_minute,
        "retentionDays": conditions.retention_days,
        "targetFmr": conditions.target_fmr,
    }


def _time(time: datetime | None) -> str | None:
    return None if time is None else utc_text(time)
