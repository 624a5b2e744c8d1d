"""The consent that a call names: read beside what else the gate reads, and at every call anew."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

from consentry.service.call import ApiKey, Call
from consentry.service.callers import parse_key
from consentry.service.consent_store import ConsentStore
from consentry.trust.approvals import Approval, Reason
from consentry.trust.consents import Consent, Receipt, consent_to
from consentry.trust.operations import CONSENT_BOUND
from consentry.trust.records import request_identifier

Judge = Callable[[Approval, datetime], Consent | Reason | None]
"""Tells what stands for consent under an approval, why nothing does, or None if none is needed."""


@dataclass(frozen=True)
class NamedConsents:
    """Reads receipts for the gate, on its threads."""

    store: ConsentStore
    readers: Executor

    def look(self, call: Call) -> Judge:
        """Start reading what a call names, if its key says whose; the function given waits."""
        if call.operation not in CONSENT_BOUND:
            return _nothing_needed
        named = request_identifier(call.consent, otherwise=call.consent)
        key = parse_key(call.credential.text) if isinstance(call.credential, ApiKey) else None
        early = self._read(key.tenant, named) if key is not None else None

        def judge(approval: Approval, now: datetime) -> Consent | Reason:
            found = early or self._read(approval.tenant, named)
            return consent_to(named, found(), approval, now)

        return judge

    def judge(self, named: str, approval: Approval, now: datetime) -> Consent | Reason:
        """Read and judge at once what stands in the content of an upload."""
        named = request_identifier(named, otherwise=named)
        return consent_to(named, self._read(approval.tenant, named)(), approval, now)

    def _read(self, tenant: str, named: str) -> Callable[[], Receipt | None]:
        if not request_identifier(named, otherwise=""):
            return lambda: None
        read = self.readers.submit(self.store.find, tenant, named)
        return lambda: None if (kept := read.result()) is None else kept.receipt


def _nothing_needed(approval: Approval, now: datetime) -> None:
    """Answer for an operation that makes no template."""
    del approval, now
