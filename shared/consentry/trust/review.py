"""How an application is decided: states, the only legal steps between them, and who may vote.

draft -> submitted -> refused                                  by a rule of the policy
                   -> in_review -> denied                      by one reviewer
                                -> approved                    by as many as the policy asks
approved -> suspended -> approved
approved, suspended, grandfathered -> revoked
approved, suspended, grandfathered -> expired                  by time or by a stricter policy
approved -> grandfathered                                      by the grace list of that policy
denied, revoked -> in_review                                   by appeal, once, other reviewers

Every function gives a new case and leaves the old one; an illegal step raises StateError, and
a step by somebody who may not take it RefusedError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from consentry.errors import ArgumentError, RefusedError, StateError
from consentry.limits import CASE_EVENTS_MAX
from consentry.trust.applications import Application, with_countries
from consentry.trust.approvals import Conditions
from consentry.trust.explain import refusals
from consentry.trust.policy import Ground, Policy, PolicyBook

APPEALS_MAX: Final = 1
TRIPWIRE: Final = "tripwire"  # who suspends when verifications look like a search
BY_ITSELF: Final = frozenset({"policy", "time", TRIPWIRE})
"""Who may stand in a case's history without being a person."""


class State(StrEnum):
    """Where an application stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    DENIED = "denied"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"
    GRANDFATHERED = "grandfathered"


STEPS: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.DRAFT: frozenset({State.SUBMITTED}),
        State.SUBMITTED: frozenset({State.REFUSED, State.IN_REVIEW}),
        State.REFUSED: frozenset(),
        State.IN_REVIEW: frozenset({State.APPROVED, State.DENIED, State.REFUSED}),
        State.APPROVED: frozenset(
            {State.SUSPENDED, State.REVOKED, State.EXPIRED, State.GRANDFATHERED}
        ),
        State.DENIED: frozenset({State.IN_REVIEW}),
        State.SUSPENDED: frozenset({State.APPROVED, State.REVOKED, State.EXPIRED}),
        State.REVOKED: frozenset({State.IN_REVIEW}),
        State.EXPIRED: frozenset(),
        State.GRANDFATHERED: frozenset({State.SUSPENDED, State.REVOKED, State.EXPIRED}),
    }
)
"""Legal steps; IN_REVIEW -> REFUSED is for a policy that changed during the review."""

IN_FORCE: Final = frozenset({State.APPROVED, State.GRANDFATHERED})
ENDING: Final = IN_FORCE | {State.SUSPENDED}
_OPENING: Final = frozenset({State.APPROVED, State.IN_REVIEW})  # a full history stops only these


class Verdict(StrEnum):
    """What a reviewer says."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True)
class Terms:
    """On what an application is approved: for how many days, and under which conditions."""

    days: Annotated[int, Field(ge=1)]
    conditions: Conditions


@dataclass(frozen=True)
class Vote:
    """One reviewer's word."""

    reviewer: str
    verdict: Verdict
    at: AwareDatetime
    terms: Terms | None = None


@dataclass(frozen=True)
class Event:
    """One step in a case's history; ``by`` is a person's id, ``policy``, ``time`` or TRIPWIRE."""

    at: AwareDatetime
    by: str
    state: State


@dataclass(frozen=True)
class Case:
    """An application and all that became of it.

    ``applicants`` acted for the applicant; ``barred`` decided in an earlier round. Policy
    version and digest are those under which it was last held against the rules (0: never).
    ``revision`` counts how often it was written.
    """

    id: str
    tenant: str
    application: Application
    applicants: tuple[str, ...]
    events: tuple[Event, ...]
    policy_version: int = 0
    policy_digest: str = ""
    refused_for: tuple[str, ...] = ()
    votes: tuple[Vote, ...] = ()
    barred: tuple[str, ...] = ()
    appeals: int = 0
    terms: Terms | None = None
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
    revision: int = 1

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.events[-1].state


def draft(
    case_id: str, tenant: str, applicant: str, application: Application, now: datetime
) -> Case:
    """Begin a case."""
    return Case(case_id, tenant, application, (applicant,), (Event(now, applicant, State.DRAFT),))


def edit(case: Case, applicant: str, application: Application) -> Case:
    """Put other words into a draft; what was handed in stays as it is."""
    _allowed(case, State.DRAFT)
    return replace(_applicant(case, applicant), application=application)


def submit(case: Case, applicant: str, policy: Policy, now: datetime) -> Case:
    """Hand the application in: a rule refuses it at once, or it goes into review."""
    submitted = _step(_applicant(case, applicant), applicant, State.SUBMITTED, now)
    return _examine(submitted, policy, now)


def vote(
    case: Case, reviewer: str, verdict: Verdict, terms: Terms | None, policy: Policy, now: datetime
) -> Case:
    """Take a reviewer's word; the last one that is needed decides.

    If the policy has changed since the case was last held against it, that is done again: the
    case may then be refused, and words given under the other policy no longer count.
    """
    _allowed(case, State.IN_REVIEW)
    _check_reviewer(case, reviewer)
    if (policy.version, policy.digest) != (case.policy_version, case.policy_digest):
        case = _examine(replace(case, votes=()), policy, now)
        if case.state is State.REFUSED:
            return case
    if any(earlier.reviewer == reviewer for earlier in case.votes):
        raise RefusedError("this takes another reviewer", reason="same_reviewer")
    if verdict is Verdict.DENY:
        voted = replace(case, votes=(*case.votes, Vote(reviewer, verdict, now)))
        return _step(voted, reviewer, State.DENIED, now)
    if terms is None:
        raise ArgumentError("an approval states its terms")
    check_terms(case.application, terms, policy)
    if any(earlier.terms != terms for earlier in case.votes):
        raise ArgumentError("the reviewers of one application approve the same terms")
    voted = replace(case, votes=(*case.votes, Vote(reviewer, verdict, now, terms)))
    if len(voted.votes) < policy.reviewers(case.application.capabilities):
        return voted
    until = now + timedelta(days=terms.days)
    approved = replace(voted, terms=terms, valid_from=now, valid_until=until)
    return _step(approved, reviewer, State.APPROVED, now)


def suspend(case: Case, by: str, now: datetime) -> Case:
    """Stop what is in force until somebody has looked."""
    return _step(case, by, State.SUSPENDED, now)


def resume(case: Case, reviewer: str, now: datetime) -> Case:
    """Put what was suspended in force again, under its old terms."""
    _allowed(case, State.SUSPENDED)
    _check_reviewer(case, reviewer)
    return _step(case, reviewer, State.APPROVED, now)


def revoke(case: Case, by: str, now: datetime) -> Case:
    """End what is in force; whoever did so does not decide on the appeal."""
    return replace(_step(case, by, State.REVOKED, now), barred=_join(case.barred, by))


def appeal(case: Case, applicant: str, policy: Policy, now: datetime) -> Case:
    """Reopen what was denied or revoked: once, and other reviewers decide."""
    _allowed(case, State.DENIED, State.REVOKED)
    if case.appeals >= APPEALS_MAX:
        raise StateError("an application is reopened once; apply anew")
    reopened = replace(
        _applicant(case, applicant),
        votes=(),
        barred=_join(case.barred, *(earlier.reviewer for earlier in case.votes)),
        appeals=case.appeals + 1,
        terms=None,
        valid_from=None,
        valid_until=None,
    )
    return _examine(_step(reopened, applicant, State.IN_REVIEW, now), policy, now)


def lapse(case: Case, book: PolicyBook, now: datetime) -> Case:
    """Take the steps that time and policies ask for; gives the same case when there are none."""
    if case.state not in ENDING:
        return case
    ground, _ = book.ground(case.policy_version, case.policy_digest, case.tenant, case.id, now)
    ended = case.valid_until is None or now >= case.valid_until
    if ended or ground in (Ground.SUPERSEDED, Ground.UNKNOWN):
        return _step(case, "time" if ended else "policy", State.EXPIRED, now)
    if ground is Ground.GRACE and case.state is State.APPROVED:
        return _step(case, "policy", State.GRANDFATHERED, now)
    return case


def reminder(case: Case, book: PolicyBook, now: datetime) -> datetime | None:
    """Give the instant at which a case in force ends, if it is time to apply anew."""
    if case.state not in IN_FORCE or case.valid_until is None:
        return None
    _, until = book.ground(case.policy_version, case.policy_digest, case.tenant, case.id, now)
    end = case.valid_until if until is None else min(until, case.valid_until)
    return end if end - now <= timedelta(days=book.in_force(now).reminder_days) else None


def check_terms(application: Application, terms: Terms, policy: Policy) -> None:
    """Raise ArgumentError for terms that the policy does not allow or nobody applied for."""
    conditions = terms.conditions
    if not 1 <= terms.days <= policy.approval_days_max:
        raise ArgumentError(f"an approval is for {policy.approval_days_max} days at most")
    asked = with_countries(application.jurisdictions)
    if not conditions.jurisdictions or not asked.issuperset(conditions.jurisdictions):
        raise ArgumentError("the jurisdictions are among those that were applied for")
    for capability in application.capabilities:
        required = policy.requirements[capability]
        fmr, fmr_max = conditions.target_fmr, required.target_fmr_max
        if fmr is not None and fmr_max is not None and not 0 < fmr <= fmr_max:
            raise ArgumentError(f"the target FMR is at most {fmr_max}")
        if conditions.consent not in required.consent:
            raise ArgumentError("this rule of consent is not enough for what was applied for")
        if not 1 <= conditions.rate_per_minute <= required.rate_per_minute_max:
            raise ArgumentError(f"the rate is at most {required.rate_per_minute_max} a minute")
        if not 0 <= conditions.retention_days <= required.retention_days_max:
            raise ArgumentError(f"data are kept {required.retention_days_max} days at most")


def _examine(case: Case, policy: Policy, now: datetime) -> Case:
    """Hold a case against a policy, which it names from then on."""
    found = refusals(case.application, policy)
    named = replace(
        case, policy_version=policy.version, policy_digest=policy.digest, refused_for=found
    )
    if found:
        return _step(named, "policy", State.REFUSED, now)
    if case.state is State.IN_REVIEW:
        return named
    return _step(named, "policy", State.IN_REVIEW, now)


def _step(case: Case, by: str, state: State, now: datetime) -> Case:
    if state not in STEPS[case.state]:
        raise StateError(f"an application that is {_words(case.state)} cannot become so")
    if state in _OPENING and len(case.events) >= CASE_EVENTS_MAX:
        raise StateError("the history of this application is full; apply anew")
    return replace(case, events=(*case.events, Event(now, by, state)))


def _allowed(case: Case, *states: State) -> None:
    if case.state not in states:
        raise StateError(f"this cannot be done to an application that is {_words(case.state)}")


def _words(state: State) -> str:
    return state.replace("_", " ")


def _check_reviewer(case: Case, reviewer: str) -> None:
    if reviewer in case.applicants:
        raise RefusedError("nobody decides on their own application", reason="own_application")
    if reviewer in case.barred:
        raise RefusedError("an appeal takes other reviewers", reason="earlier_reviewer")


def _applicant(case: Case, applicant: str) -> Case:
    return replace(case, applicants=_join(case.applicants, applicant))


def _join(known: tuple[str, ...], *more: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))
