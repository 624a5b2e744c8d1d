"""One call on its way through the gate: what work may know of it, and what it reports."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import BinaryIO, Protocol

from consentry.errors import RefusedError
from consentry.service.call import Call
from consentry.service.datakeys import DataKeys, Purpose
from consentry.service.filedigests import file_digests
from consentry.service.refusals import refusal_error
from consentry.service.subjects import subject_digest
from consentry.trust.approvals import Approval, Decision, Reason
from consentry.trust.consents import Consent
from consentry.trust.operations import Principal
from consentry.trust.records import (
    AuditRecord,
    checked_counts,
    checked_inputs,
    checked_models,
    request_identifier,
    trace_parent,
)


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
