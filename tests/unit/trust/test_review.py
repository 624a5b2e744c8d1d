"""The way of an application: legal steps only, different people, reminders, appeals, grace."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.governance import BOOK, NOW, POLICY, application, book_with, stricter, terms

from consentry.errors import ArgumentError, ConsentryError, RefusedError, StateError
from consentry.limits import CASE_EVENTS_MAX
from consentry.trust import review
from consentry.trust.policy import Policy
from consentry.trust.review import STEPS, Case, State, Terms, Verdict

CASE = "00000000-0000-7000-8000-0000000000aa"
DAY = timedelta(days=1)


def submitted(**changes: Any) -> Case:
    case = review.draft(CASE, "contoso", "alan", application(**changes), NOW)
    return review.submit(case, "alan", POLICY, NOW)


def approve(case: Case, *reviewers: str, agreed: Terms | None = None, now: datetime = NOW) -> Case:
    for reviewer in reviewers:
        case = review.vote(case, reviewer, Verdict.APPROVE, agreed or terms(), POLICY, now)
    return case


def redaction() -> Case:
    return submitted(
        capabilities=["detect", "redact"], useCase="media_redaction", references=["none"]
    )


def test_application_that_passes_goes_into_review_and_names_its_policy() -> None:
    case = submitted()
    assert [event.state for event in case.events] == ["draft", "submitted", "in_review"]
    assert (case.policy_version, case.policy_digest) == (POLICY.version, POLICY.digest)


def test_application_that_a_rule_refuses_ends_there_with_its_reasons() -> None:
    case = submitted(practices=["search"])
    assert (case.state, case.refused_for) == (State.REFUSED, ("one_to_many",))
    assert (case.policy_version, case.policy_digest) == (POLICY.version, POLICY.digest)
    with pytest.raises(StateError):
        approve(case, "ada")
    with pytest.raises(StateError):
        review.appeal(case, "alan", POLICY, NOW)


def test_only_a_draft_is_edited() -> None:
    draft = review.draft(CASE, "contoso", "alan", application(), NOW)
    other = application(description="Another door.")
    edited = review.edit(draft, "ada", other)
    assert (edited.application, edited.applicants) == (other, ("alan", "ada"))
    assert edited.events == draft.events
    for case in (submitted(), approve(redaction(), "ada")):
        with pytest.raises(StateError):
            review.edit(case, "alan", other)


def test_verify_needs_two_different_reviewers() -> None:
    once = approve(submitted(), "ada")
    assert once.state is State.IN_REVIEW
    with pytest.raises(RefusedError) as refusal:
        approve(once, "ada")
    assert refusal.value.reason == "same_reviewer"
    assert approve(once, "grace").state is State.APPROVED


def test_detect_and_redact_need_one_reviewer() -> None:
    assert approve(redaction(), "ada").state is State.APPROVED


def test_nobody_decides_on_their_own_application() -> None:
    with pytest.raises(RefusedError) as refusal:
        approve(submitted(), "alan")
    assert refusal.value.reason == "own_application"


def test_who_submits_for_a_colleague_is_an_applicant_too() -> None:
    case = review.draft(CASE, "contoso", "alan", application(), NOW)
    case = review.submit(case, "ada", POLICY, NOW)
    with pytest.raises(RefusedError):
        approve(case, "ada")


def test_one_denial_decides() -> None:
    denied = review.vote(approve(submitted(), "ada"), "grace", Verdict.DENY, None, POLICY, NOW)
    assert denied.state is State.DENIED
    with pytest.raises(StateError):
        approve(denied, "joan")


def test_reviewers_approve_the_same_terms() -> None:
    with pytest.raises(ArgumentError):
        approve(approve(submitted(), "ada"), "grace", agreed=terms(days=31))


@pytest.mark.parametrize(
    "wrong",
    [
        terms(days=366),
        terms(days=0),
        terms(target_fmr=0.01),
        terms(target_fmr=0.0),
        terms(rate_per_minute=301),
        terms(rate_per_minute=0),
        terms(retention_days=2),
        terms(jurisdictions=("FR",)),
        terms(jurisdictions=()),
    ],
)
def test_terms_beyond_the_policy_are_not_taken(wrong: Terms) -> None:
    case = submitted()
    with pytest.raises(ArgumentError):
        approve(case, "ada", agreed=wrong)
    assert case.votes == ()


def test_an_approval_holds_for_a_year_at_most() -> None:
    case = approve(submitted(), "ada", "grace", agreed=terms(days=365))
    assert case.valid_until == NOW + 365 * DAY
    assert review.lapse(case, BOOK, NOW + 365 * DAY - timedelta(microseconds=1)) is case
    assert review.lapse(case, BOOK, NOW + 365 * DAY).state is State.EXPIRED


def test_suspended_is_resumed_by_a_reviewer_under_its_old_terms() -> None:
    approved = approve(submitted(), "ada", "grace")
    suspended = review.suspend(approved, "root", NOW + DAY)
    with pytest.raises(RefusedError):
        review.resume(suspended, "alan", NOW + DAY)
    resumed = review.resume(suspended, "ada", NOW + DAY)
    assert (resumed.state, resumed.terms) == (State.APPROVED, approved.terms)
    assert resumed.valid_until == approved.valid_until


@pytest.mark.parametrize("how", ["denied", "revoked"])
def test_an_appeal_reopens_once_and_takes_other_reviewers(how: str) -> None:
    if how == "denied":
        ended = review.vote(approve(submitted(), "ada"), "grace", Verdict.DENY, None, POLICY, NOW)
    else:
        ended = review.revoke(approve(submitted(), "ada", "joan"), "grace", NOW)
    reopened = review.appeal(ended, "alan", POLICY, NOW)
    assert (reopened.state, reopened.votes) == (State.IN_REVIEW, ())
    for earlier in ("ada", "grace"):
        with pytest.raises(RefusedError) as refusal:
            approve(reopened, earlier)
        assert refusal.value.reason == "earlier_reviewer"
    approved = approve(reopened, "mary", "rosa")
    assert approved.state is State.APPROVED
    again = review.revoke(approved, "root", NOW)
    with pytest.raises(StateError):
        review.appeal(again, "alan", POLICY, NOW)


def test_reminder_comes_before_the_end_and_not_earlier() -> None:
    case = approve(submitted(), "ada", "grace", agreed=terms(days=100))
    assert review.reminder(case, BOOK, NOW + 39 * DAY) is None
    assert review.reminder(case, BOOK, NOW + 40 * DAY) == NOW + 100 * DAY
    suspended = review.suspend(case, "root", NOW)
    assert review.reminder(suspended, BOOK, NOW + 99 * DAY) is None


def test_tenants_on_the_grace_list_are_grandfathered_until_its_date() -> None:
    case = approve(submitted(), "ada", "grace", agreed=terms(days=365))
    book = book_with(stricter(NOW + DAY, ("contoso", CASE)))
    assert review.lapse(case, book, NOW) is case
    grandfathered = review.lapse(case, book, NOW + DAY)
    assert grandfathered.state is State.GRANDFATHERED
    assert review.reminder(grandfathered, book, NOW + DAY) == NOW + 31 * DAY
    assert review.lapse(grandfathered, book, NOW + 31 * DAY).state is State.EXPIRED


def test_nobody_else_is_ever_grandfathered() -> None:
    case = approve(submitted(), "ada", "grace")
    for listed in ((), (("fabrikam", CASE),), (("contoso", "another"),)):
        book = book_with(stricter(NOW + DAY, *listed))
        assert review.lapse(case, book, NOW + DAY).state is State.EXPIRED


def test_a_policy_change_never_rewrites_old_decisions() -> None:
    case = approve(submitted(), "ada", "grace")
    later = review.lapse(case, book_with(stricter(NOW + DAY, ("contoso", CASE))), NOW + DAY)
    assert replace(later, events=later.events[:-1]) == case
    assert (later.policy_version, later.policy_digest) == (POLICY.version, POLICY.digest)


def without_doors() -> Policy:
    rest = {name: use for name, use in POLICY.use_cases.items() if name != "touchless_access"}
    return stricter(NOW + DAY, use_cases=rest)


def test_policy_that_changes_during_a_review_is_asked_again() -> None:
    once = approve(submitted(), "ada")
    refused = review.vote(once, "grace", Verdict.APPROVE, terms(), without_doors(), NOW + DAY)
    assert (refused.state, refused.refused_for) == (State.REFUSED, ("use_case",))
    other = stricter(NOW + DAY)
    asked = review.vote(once, "grace", Verdict.APPROVE, terms(), other, NOW + DAY)
    assert asked.state is State.IN_REVIEW  # the word given under the other policy has gone
    assert [vote.reviewer for vote in asked.votes] == ["grace"]
    assert asked.policy_version == other.version


def test_full_history_opens_nothing_more_and_can_still_be_ended() -> None:
    case = approve(submitted(), "ada", "grace")
    while len(case.events) < CASE_EVENTS_MAX:
        case = review.resume(review.suspend(case, "root", NOW), "ada", NOW)
    suspended = review.suspend(case, "root", NOW)
    with pytest.raises(StateError):
        review.resume(suspended, "ada", NOW)
    assert review.revoke(suspended, "root", NOW).state is State.REVOKED


PEOPLE = st.sampled_from(["alan", "ada", "grace", "joan", "mary"])
Step = Callable[[Case, datetime], Case]
LATER = stricter(NOW + 20 * DAY, ("contoso", CASE))
FUTURE = book_with(LATER)


@st.composite
def steps(draw: st.DrawFn) -> Step:
    who = draw(PEOPLE)
    days = draw(st.integers(-1, 400))
    verdict = draw(st.sampled_from(Verdict))
    take: dict[str, Step] = {
        "submit": lambda case, now: review.submit(case, who, FUTURE.in_force(now), now),
        "vote": lambda case, now: review.vote(
            case, who, verdict, terms(days), FUTURE.in_force(now), now
        ),
        "suspend": lambda case, now: review.suspend(case, who, now),
        "resume": lambda case, now: review.resume(case, who, now),
        "revoke": lambda case, now: review.revoke(case, who, now),
        "appeal": lambda case, now: review.appeal(case, who, FUTURE.in_force(now), now),
        "lapse": lambda case, now: review.lapse(case, FUTURE, now),
    }
    return take[draw(st.sampled_from(sorted(take)))]


@given(
    st.lists(st.tuples(steps(), st.integers(0, 30)), max_size=40),
    st.sampled_from([(), ("search",)]),
)
def test_random_sequences_take_legal_steps_only(
    sequence: list[tuple[Step, int]], practices: tuple[str, ...]
) -> None:
    now = NOW
    case = review.draft(CASE, "contoso", "alan", application(practices=practices), now)
    for step, days in sequence:
        now += days * DAY
        before = case
        try:
            case = step(case, now)
        except ConsentryError:
            assert case is before
            continue
        assert case.events[: len(before.events)] == before.events
        taken = [event.state for event in case.events[len(before.events) - 1 :]]
        for source, target in pairwise(taken):
            assert target in STEPS[source]
        if case.state is State.APPROVED:
            assert_approved_rightly(case)
        assert case.appeals <= 1


def assert_approved_rightly(case: Case) -> None:
    voters = {vote.reviewer for vote in case.votes}
    assert len(voters) >= 2
    assert voters.isdisjoint(case.applicants)
    assert case.refused_for == ()
    assert case.valid_from is not None
    assert case.valid_until is not None
    assert case.valid_until - case.valid_from <= 365 * DAY
    assert case.policy_version in {POLICY.version, LATER.version}


def test_every_state_has_its_steps_and_the_ends_have_none() -> None:
    assert STEPS.keys() == set(State)
    ends = {state for state, targets in STEPS.items() if not targets}
    assert ends == {State.REFUSED, State.EXPIRED}
