"""The gate: the only way to a use case.

The order is fixed, and each step happens only when the one before it succeeded:

1. who asks is established,
2. the tenant's approval in force now is read and decided on (both reads are remembered for a
   second where they let a call in, see ``consentry.service.admissions``), one of the calls that it
   allows in this minute is taken, and for a call that makes a template the consent is judged that
   it names (which is read at every call),
3. the work is done, which must not let anything out,
4. the audit record is made durable,
5. the result is released and returned.

Denials and failures are recorded too, before they are raised. If a record cannot be made
durable, AuditUnavailableError is raised and nothing is released or returned.
"""

import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from consentry.errors import AuthenticationError, ConsentryError, RateLimitedError
from consentry.limits import READS_PER_CALL
from consentry.service.access import Access
from consentry.service.admissions import Admissions
from consentry.service.audit import AuditLog
from consentry.service.call import (
    ApiKey,
    BearerToken,
    Call,
    InboxEvent,
    JobStep,
    OperatorCommand,
    SubjectCode,
    SystemTimer,
)
from consentry.service.callers import Callers, parse_key
from consentry.service.consent_store import ConsentStore
from consentry.service.datakeys import DataKeys
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.service.named_consents import NamedConsents
from consentry.service.people import People
from consentry.service.ports import Clock
from consentry.service.quotas import Quotas
from consentry.service.refusals import refusal_error
from consentry.trust.approvals import Approval, Decision, Reason, decide
from consentry.trust.operations import RULES, Principal, PrincipalKind
from consentry.trust.policy import PolicyBook
from consentry.trust.records import (
    OK,
    RELEASE_FAILED,
    principal_identifier,
)

_UNKNOWN: Final = Principal(PrincipalKind.UNKNOWN, "", "")
_UNDECIDED: Final = Decision(allowed=False, reason=Reason.UNDECIDED)
_READERS: Final = 8  # threads that read approvals while the caller's key is checked


class Gate:
    """Runs work for calls that are allowed, and records every call."""

    def __init__(
        self,
        callers: Callers,
        people: People,
        access: Access,
        consents: ConsentStore,
        book: PolicyBook,
        keys: DataKeys,
        quotas: Quotas,
        audit: AuditLog,
        tenants: Collection[str],
        clock: Clock,
        *,
        place: str,
        ticks: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._callers = callers
        self._people = people
        self._access = access
        self._consents = consents
        self._book = book
        self._keys = keys
        self._quotas = quotas
        self._audit = audit
        self._tenants = frozenset(tenants)
        self._clock = clock
        self._place = place
        self._ticks = ticks
        self._admissions = Admissions()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="gate")
        self._named = NamedConsents(consents, self._readers)

    def run[T](self, call: Call, work: Callable[[Invocation], Outcome[T]]) -> T:
        """Run ``work`` if the call is allowed, and give its value once that is recorded.

        Raises RefusedError and its kinds for a denial, whatever ``work`` or its release
        raises, and AuditUnavailableError when there is no durable record.
        """
        now = self._clock()
        invocation = Invocation(
            uuid7(now), now, call, _UNKNOWN, _UNDECIDED, self._ticks(), self._keys
        )
        try:
            self._admit(invocation)
            outcome = work(invocation)
        except Exception as error:
            self._record(invocation, _code(error))
            raise
        self._record(invocation, OK)
        if outcome.release is not None:
            try:
                outcome.release()
            except Exception:
                self._record(invocation, RELEASE_FAILED)
                raise
        return outcome.value

    def _admit(self, invocation: Invocation) -> None:
        """Establish who asks and decide; RefusedError unless the invocation may go on."""
        consent = self._named.look(invocation.call)
        decision = self._recently_admitted(invocation) or self._decide(invocation)
        self._take_call(invocation, decision)
        invocation.decision = decision
        if decision.approval is not None:
            found = consent(decision.approval, invocation.time)
            if isinstance(found, Reason):
                raise invocation.refuse(found)
            invocation.under(found)

    def _decide(self, invocation: Invocation) -> Decision:
        """Ask the stores; RefusedError unless the decision is to go on."""
        principal, approvals = self._look_up(invocation.call, invocation.time)
        if principal is None:
            invocation.decision = Decision(allowed=False, reason=Reason.UNAUTHENTICATED)
            raise AuthenticationError(
                "the key or token is not valid for this service", reason=Reason.UNAUTHENTICATED
            )
        invocation.principal = principal
        decision = decide(
            invocation.call.operation,
            principal,
            approvals,
            self._book,
            invocation.time,
            place=self._place,
        )
        if not decision.allowed:
            invocation.decision = decision
            raise refusal_error(decision.reason)
        self._admissions.keep(invocation.call, invocation.time, (principal, approvals))
        return decision

    def _recently_admitted(self, invocation: Invocation) -> Decision | None:
        """Decide by what the stores said a moment ago, if that lets the invocation in."""
        known = self._admissions.find(invocation.call, invocation.time)
        if known is None:
            return None
        principal, approvals = known
        decision = decide(
            invocation.call.operation,
            principal,
            approvals,
            self._book,
            invocation.time,
            place=self._place,
        )
        if not decision.allowed:
            return None
        invocation.principal = principal
        return decision

    def _take_call(self, invocation: Invocation, decision: Decision) -> None:
        """Take one of the calls that the approval allows in this minute, if there is one."""
        rule = RULES[invocation.call.operation]
        if decision.approval is None or not rule.counted:
            return
        for approval in (decision.approval, *decision.also):
            meter, limit = approval.capability.value, approval.conditions.rate_per_minute
            if not rule.looks:
                meter, limit = f"{meter}:reads", limit * READS_PER_CALL
            try:
                self._quotas.take(invocation.tenant, meter, limit, invocation.time)
            except RateLimitedError:
                invocation.decision = Decision(False, Reason.RATE_LIMITED, approval)
                raise

    def _look_up(self, call: Call, now: datetime) -> tuple[Principal | None, list[Approval]]:
        """Read the caller's key or token and the approvals that might do."""
        match call.credential:
            case SystemTimer():
                return Principal(PrincipalKind.SYSTEM, "service", ""), []
            case OperatorCommand():
                return Principal(PrincipalKind.OPERATOR, "command", ""), []
            case InboxEvent(tenant, on_behalf_of):
                writer = principal_identifier(on_behalf_of, otherwise="inbox")
                return self._known(Principal(PrincipalKind.STORAGE, writer, tenant), call)
            case JobStep(tenant, on_behalf_of):
                asker = principal_identifier(on_behalf_of, otherwise="inbox")
                return self._known(Principal(PrincipalKind.JOB, asker, tenant), call)
            case ApiKey(text):
                key = parse_key(text)
                if key is None:
                    return None, []
                approvals = self._approvals(key.tenant, call)
                caller = self._callers.authenticate(key)
                return caller, approvals()
            case SubjectCode(text):
                return self._consents.recognise(text), []
            case BearerToken(text):
                person = self._people.authenticate(text, now)
                tenant = "" if person is None else person.tenant
                return person, self._approvals(tenant, call)() if tenant else []

    def _known(self, principal: Principal, call: Call) -> tuple[Principal | None, list[Approval]]:
        """Take a principal at a trigger's word, if its tenant is one that is served."""
        if principal.tenant not in self._tenants:
            return None, []
        return principal, self._approvals(principal.tenant, call)()

    def _approvals(self, tenant: str, call: Call) -> Callable[[], list[Approval]]:
        """Start reading; the function that is given waits for the result."""
        rule = RULES[call.operation]
        reads = [
            self._readers.submit(self._access.newest, tenant, capability)
            for capability in rule.capabilities | rule.also
        ]
        return lambda: [found for read in reads if (found := read.result()) is not None]

    def _record(self, invocation: Invocation, outcome: str) -> None:
        elapsed = self._ticks() - invocation.started
        self._audit.append(invocation.record(outcome, round(elapsed * 1000)))


def _code(error: Exception) -> str:
    return error.code if isinstance(error, ConsentryError) else ConsentryError.code
