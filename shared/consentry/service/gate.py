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

import hmac
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from consentry.errors import AuthenticationError, ConsentryError, RateLimitedError, RefusedError
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
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.filedigests import file_digests
from consentry.service.identifiers import uuid7
from consentry.service.named_consents import NamedConsents
from consentry.service.people import People
from consentry.service.ports import Clock
from consentry.service.quotas import Quotas
from consentry.service.refusals import refusal_error
from consentry.service.subjects import subject_digest
from consentry.trust.approvals import Approval, Decision, Reason, decide
from consentry.trust.consents import Consent
from consentry.trust.operations import RULES, Principal, PrincipalKind
from consentry.trust.policy import PolicyBook
from consentry.trust.records import (
    OK,
    RELEASE_FAILED,
    AuditRecord,
    checked_counts,
    checked_inputs,
    checked_models,
    principal_identifier,
    request_identifier,
    trace_parent,
)

_UNKNOWN: Final = Principal(PrincipalKind.UNKNOWN, "", "")
_UNDECIDED: Final = Decision(allowed=False, reason=Reason.UNDECIDED)
_READERS: Final = 8  # threads that read approvals while the caller's key is checked


class Digested(Protocol):
    """A model, as far as the audit log is concerned."""

    @property
    def digest(self) -> str:
        """SHA-256 of the model's file, in hexadecimal."""


@dataclass(frozen=True)
class Outcome[T]:
    """What work gives the gate: the value, and how to let out what it wrote.

    ``release`` runs after the record is durable, and before the value is returned.
    """

    value: T
    release: Callable[[], None] | None = None

    def map[U](self, change: Callable[[T], U]) -> "Outcome[U]":
        """Give the outcome with its value rendered for whoever asked; the release stays."""
        return Outcome(change(self.value), self.release)


@dataclass(repr=False)
class Invocation:
    """One call on its way through the gate: what work may know, and what it reports."""

    id: str
    time: datetime
    call: Call
    principal: Principal
    decision: Decision
    started: float
    _keys: DataKeys
    _inputs: tuple[str, ...] = ()
    _counts: dict[str, int] = field(default_factory=dict)
    _models: dict[str, str] = field(default_factory=dict)
    _application_id: str = ""
    _key_id: str = ""
    consent: Consent | None = None
    consent_id: str = ""
    subject_digest: str = ""
    _regards: str = ""

    @property
    def tenant(self) -> str:
        """Tenant of the principal; empty for the service itself."""
        return self.principal.tenant

    @property
    def approval(self) -> Approval:
        """The approval that allows this invocation; the service's own upkeep has none."""
        if self.decision.approval is None:
            raise LookupError("this invocation runs without an approval")
        return self.decision.approval

    @property
    def grace_until(self) -> datetime | None:
        """When grace ends, for an invocation that only grace allows."""
        return self.decision.until if self.decision.reason is Reason.GRANDFATHERED else None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Keyed digests of the inputs so far, in order."""
        return self._inputs

    def saw(self, data: bytes) -> None:
        """Record an input by its digest under the tenant's key."""
        key = self._keys.get(self.tenant, Purpose.DIGEST)
        self._inputs = checked_inputs((*self._inputs, hmac.digest(key, data, "sha256").hex()))

    def about(self, subject: str, receipt_id: str = "") -> None:
        """Record whose face or consent this is about: the pseudonym by its keyed digest."""
        self.subject_digest = subject_digest(self._keys, self.tenant, subject)
        self.consent_id = receipt_id

    def under(self, consent: Consent | None) -> None:
        """Go on under a consent, and record it."""
        self.consent = consent
        if consent is not None:
            self.about(consent.subject, consent.receipt_id)

    def refuse(self, reason: Reason) -> RefusedError:
        """Give the error of a refusal that only the work can see, and record it as one."""
        self.decision = replace(self.decision, allowed=False, reason=reason)
        return refusal_error(reason)

    def count(self, **numbers: int) -> None:
        """Record numbers of things: faces, frames, masks …; a name given again adds up."""
        added = {name: self._counts.get(name, 0) + number for name, number in numbers.items()}
        self._counts = checked_counts({**self._counts, **added})

    def saw_file(self, file: BinaryIO) -> str:
        """Record a file as an input, as ``saw`` does; read it all, and give its plain SHA-256."""
        keyed, plain = file_digests(self._keys.get(self.tenant, Purpose.DIGEST), file)
        self.saw_before(keyed)
        return plain

    def saw_before(self, digest: str) -> None:
        """Record an input whose keyed digest an earlier step of the same job has made."""
        self._inputs = checked_inputs((*self._inputs, digest))

    def used[Role: str](self, models: Mapping[Role, Digested]) -> None:
        """Record the models that took part, by role."""
        digests = {str(role): model.digest for role, model in models.items()}
        self._models = checked_models({**self._models, **digests})

    def concerns(self, application_id: str) -> None:
        """Record the application for access that this is about."""
        self._application_id = application_id

    def concerns_key(self, key_id: str) -> None:
        """Record the caller's key that this makes or revokes."""
        self._key_id = key_id

    def regards(self, tenant: str) -> None:
        """Record whose data this is about, where the principal is not of that tenant."""
        self._regards = "" if tenant == self.tenant else tenant

    def record(self, outcome: str, latency_ms: int) -> AuditRecord:
        """Make the audit record as things stand."""
        approval = self.decision.approval
        return AuditRecord(
            id=self.id,
            time=self.time,
            tenant=self.tenant,
            principal=str(self.principal),
            operation=self.call.operation.value,
            trigger=self.call.trigger.value,
            request_id=request_identifier(self.call.request_id, otherwise=self.id),
            client_request_id=request_identifier(self.call.client_request_id, otherwise=""),
            traceparent=trace_parent(self.call.traceparent),
            allowed=self.decision.allowed,
            reason=self.decision.reason.value,
            approval_id="" if approval is None else approval.id,
            approval_version=0 if approval is None else approval.version,
            application_id=self._application_id,
            key_id=self._key_id,
            consent_rule="" if self.consent is None else self.consent.rule.value,
            consent_id=self.consent_id,
            subject=self.subject_digest,
            regards=self._regards,
            inputs=self._inputs,
            counts=self._counts,
            models=self._models,
            outcome=outcome,
            latency_ms=latency_ms,
        )


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
