"""Access approval: tenants apply, reviewers decide, and what they decide comes into force.

Every effect is a release: it happens after the audit record is durable. What opens is written
to the case first and comes into force last; what closes goes out of force first. So a crash in
between leaves less in force than was decided, never more, and the same step can be taken again.
Each looks again when it has written: of a decision and a revocation at once, the revocation holds.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final

from consentry.errors import NotFoundError, RateLimitedError
from consentry.limits import APPLICATIONS_PER_DAY_MAX
from consentry.service.access import Access
from consentry.service.cases import Cases, Kept
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.service.tripwire import Tripwire
from consentry.trust import review
from consentry.trust.applications import Application
from consentry.trust.approvals import Approval, ApprovalState
from consentry.trust.decisions import read_decision
from consentry.trust.operations import Capability
from consentry.trust.policy import Policy, PolicyBook
from consentry.trust.review import Case, State, Terms, Verdict

_DAY: Final = timedelta(days=1)
_STOPPED: Final = MappingProxyType(
    {State.SUSPENDED: ApprovalState.SUSPENDED, State.REVOKED: ApprovalState.REVOKED}
)
"""States of a case in which nothing of it is in force, and what its approvals are then."""


@dataclass(frozen=True)
class Applications:
    """The use cases of applicants and reviewers."""

    cases: Cases
    access: Access
    book: PolicyBook
    tenants: tuple[str, ...]
    tripwire: Tripwire

    def apply(self, invocation: Invocation, application: Application) -> Outcome[Case]:
        """Begin an application as a draft; RateLimitedError after too many of one day."""
        now, person = invocation.time, invocation.principal
        self._check_number(person.tenant, now)
        case = review.draft(uuid7(now), person.tenant, person.id, application, now)
        invocation.concerns(case.id)
        return Outcome(case, partial(self.cases.add, case))

    def list(self, invocation: Invocation) -> Outcome[list[Case]]:
        """Give the applications that the person may see, as they stand now."""
        found = [
            review.lapse(kept.case, self.book, invocation.time)
            for tenant in self._visible(invocation)
            for kept in self.cases.list(tenant)
        ]
        invocation.count(applications=len(found))
        return Outcome(found)

    def read(self, invocation: Invocation, case_id: str) -> Outcome[Case]:
        """Give one application as it stands now."""
        case = self._find(invocation, case_id).case
        return Outcome(review.lapse(case, self.book, invocation.time))

    def decisions(self, invocation: Invocation, case_id: str) -> Outcome[tuple[bytes, ...]]:
        """Give all signed decisions on an application, for whoever checks them elsewhere."""
        case, keys = self._find(invocation, case_id).case, self.access.public_keys
        found = tuple(
            signed
            for capability in case.application.capabilities
            for signed in self.access.signed(case.tenant, capability)
            if read_decision(signed, public_keys=keys).application == case.id
        )
        invocation.count(decisions=len(found))
        return Outcome(found)

    def edit(self, invocation: Invocation, case_id: str, application: Application) -> Outcome[Case]:
        """Put other words into a draft of the own tenant's."""
        person = invocation.principal.id
        return self._change(
            invocation, case_id, lambda case: review.edit(case, person, application)
        )

    def submit(self, invocation: Invocation, case_id: str) -> Outcome[Case]:
        """Hand a draft in: it is refused by a rule, or goes into review."""
        return self._change(
            invocation,
            case_id,
            lambda case: review.submit(
                case, invocation.principal.id, self._policy(invocation), invocation.time
            ),
        )

    def decide(
        self, invocation: Invocation, case_id: str, verdict: Verdict, terms: Terms | None
    ) -> Outcome[Case]:
        """Take a reviewer's word; with the last one needed, the approval comes into force."""
        policy, now = self._policy(invocation), invocation.time
        return self._change(
            invocation,
            case_id,
            lambda case: review.vote(case, invocation.principal.id, verdict, terms, policy, now),
        )

    def suspend(self, invocation: Invocation, case_id: str) -> Outcome[Case]:
        """Put out of force until a reviewer has looked."""
        person, now = invocation.principal.id, invocation.time
        return self._change(invocation, case_id, lambda case: review.suspend(case, person, now))

    def resume(self, invocation: Invocation, case_id: str) -> Outcome[Case]:
        """Put in force again what was suspended."""
        person, now = invocation.principal.id, invocation.time
        return self._change(invocation, case_id, lambda case: review.resume(case, person, now))

    def revoke(self, invocation: Invocation, case_id: str) -> Outcome[Case]:
        """Put out of force for good."""
        person, now = invocation.principal.id, invocation.time
        return self._change(invocation, case_id, lambda case: review.revoke(case, person, now))

    def appeal(self, invocation: Invocation, case_id: str) -> Outcome[Case]:
        """Have a denial or a revocation looked at by other reviewers."""
        policy, now = self._policy(invocation), invocation.time
        return self._change(
            invocation,
            case_id,
            lambda case: review.appeal(case, invocation.principal.id, policy, now),
        )

    def lapse(self, invocation: Invocation) -> Outcome[int]:
        """Note what time and policies have ended; give the number of what soon will."""
        now, steps = invocation.time, list[tuple[Kept, Case]]()
        reminders = 0
        for tenant in self.tenants:
            for kept in self.cases.list(tenant):
                case = review.lapse(kept.case, self.book, now)
                reminders += review.reminder(case, self.book, now) is not None
                if case is not kept.case:
                    steps.append((kept, case))
        states = [case.state for _, case in steps]
        invocation.count(
            expired=states.count(State.EXPIRED),
            grandfathered=states.count(State.GRANDFATHERED),
            reminders=reminders,
        )

        def save() -> None:
            for kept, case in steps:
                self.cases.save(kept, case)

        return Outcome(reminders, save)

    def suspend_search(self, invocation: Invocation) -> Outcome[int]:
        """Suspend the verifications of a tenant whose tripwire asks for a reviewer.

        One in a run, so that the record names its application; the others stay refused meanwhile.
        Gives the number of those suspended.
        """
        now = invocation.time
        for tenant in self.tenants:
            approval = self.access.newest(tenant, Capability.VERIFY)
            if approval is None or approval.state is not ApprovalState.APPROVED:
                continue
            kept = self.cases.find(tenant, approval.application)
            if kept is None or kept.case.state not in review.IN_FORCE:
                continue
            if self.tripwire.needs_review(approval, now):
                invocation.concerns(kept.case.id)
                invocation.count(suspended=1)
                case = review.suspend(kept.case, review.TRIPWIRE, now)
                return Outcome(1, partial(self._suspend_verify, kept, case, approval, now))
        invocation.count(suspended=0)
        return Outcome(0)

    def _suspend_verify(self, kept: Kept, case: Case, approval: Approval, now: datetime) -> None:
        """Stop comparing faces; what else the application covers works on."""
        self.access.stop(approval, ApprovalState.SUSPENDED, review.TRIPWIRE, now)
        self.cases.save(kept, case)

    def _change(
        self, invocation: Invocation, case_id: str, step: Callable[[Case], Case]
    ) -> Outcome[Case]:
        kept = self._find(invocation, case_id)
        before = review.lapse(kept.case, self.book, invocation.time)
        after = step(before)
        return Outcome(after, partial(self._carry_out, invocation, kept, after))

    def _carry_out(self, invocation: Invocation, kept: Kept, case: Case) -> None:
        by, now = invocation.principal.id, invocation.time
        before = kept.case.state
        self._stop(case, by, now)
        self.cases.save(kept, case)
        self._stop(case, by, now)
        if case.state is State.APPROVED:
            whole = before is State.IN_REVIEW
            for capability in case.application.capabilities if whole else self._not_replaced(case):
                self.access.approve(_approval(case, capability), now)
            meanwhile = self.cases.find(case.tenant, case.id)
            if meanwhile is not None:
                self._stop(meanwhile.case, by, now)

    def _stop(self, case: Case, by: str, now: datetime) -> None:
        """Put out of force what the case's state does not allow to be."""
        state = _STOPPED.get(case.state)
        if state is not None:
            for approval in self._own(case):
                if approval.state is not state:
                    self.access.stop(approval, state, by, now)

    def _own(self, case: Case) -> Iterator[Approval]:
        """The case's approvals, less those that another application has replaced."""
        for capability in case.application.capabilities:
            approval = self.access.decided(case.tenant, capability)
            if approval is not None and approval.application == case.id:
                yield approval

    def _not_replaced(self, case: Case) -> Iterator[Capability]:
        """The case's capabilities, less those that another application got after it."""
        for capability in case.application.capabilities:
            last = self.access.decided(case.tenant, capability)
            if last is None or last.application == case.id:
                yield capability
            elif case.valid_from is not None and last.decided_at < case.valid_from:
                yield capability  # ours never got there

    def _find(self, invocation: Invocation, case_id: str) -> Kept:
        """Find a case among those that the person may see; to others it does not exist."""
        for tenant in self._visible(invocation):
            kept = self.cases.find(tenant, case_id)
            if kept is not None:
                invocation.concerns(kept.case.id)
                return kept
        raise NotFoundError("there is no such application")

    def _check_number(self, tenant: str, now: datetime) -> None:
        """Raise RateLimitedError while a tenant has begun as many as it may in a day."""
        begun = sorted(kept.case.events[0].at for kept in self.cases.list(tenant))
        recent = [at for at in begun if at > now - _DAY]
        if len(recent) >= APPLICATIONS_PER_DAY_MAX:
            wait = math.ceil((recent[-APPLICATIONS_PER_DAY_MAX] + _DAY - now).total_seconds())
            raise RateLimitedError("too many applications of one day", retry_after=wait)

    def _visible(self, invocation: Invocation) -> tuple[str, ...]:
        return tuple(filter(invocation.principal.may_see, self.tenants))

    def _policy(self, invocation: Invocation) -> Policy:
        return self.book.in_force(invocation.time)


def _approval(case: Case, capability: Capability) -> Approval:
    """Make the approval that a case decides on; id, version and time are given when written."""
    if case.terms is None or case.valid_from is None or case.valid_until is None:
        raise LookupError("this application is not approved")
    return Approval(
        id=case.id,
        version=0,
        tenant=case.tenant,
        capability=capability,
        use_case=case.application.use_case,
        state=ApprovalState.APPROVED,
        valid_from=case.valid_from,
        valid_until=case.valid_until,
        decided_by=tuple(vote.reviewer for vote in case.votes),
        decided_at=case.valid_from,
        application=case.id,
        policy_version=case.policy_version,
        policy_digest=case.policy_digest,
        conditions=case.terms.conditions,
    )
