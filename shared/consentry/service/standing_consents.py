"""Consents read once more before a result leaves: one may have ended since the work began."""

from collections.abc import Callable, Set
from concurrent.futures import Executor
from dataclasses import dataclass

from consentry.service.consent_store import ConsentStore
from consentry.service.invocation import Invocation
from consentry.trust.approvals import Reason
from consentry.trust.consents import refusal
from consentry.trust.policy import ConsentRule


@dataclass(frozen=True)
class StandingConsents:
    """Reads receipts beside other work, on its threads."""

    store: ConsentStore
    readers: Executor

    def look(self, invocation: Invocation, receipt_ids: Set[str]) -> Callable[[], None]:
        """Start to read the consents again under which templates were made; "" names none.

        The function that is given waits, and raises ConsentRequiredError unless all hold.
        """
        approval = invocation.approval
        if "" in receipt_ids and approval.conditions.consent is ConsentRule.REQUIRED:
            raise invocation.refuse(Reason.CONSENT_MISSING)
        reads = {
            receipt_id: self.readers.submit(self.store.find, invocation.tenant, receipt_id)
            for receipt_id in sorted(receipt_ids - {""})
        }

        def check() -> None:
            for receipt_id, read in reads.items():
                invocation.consent_id = receipt_id
                kept = read.result()
                ended = refusal(kept.receipt, approval, invocation.time) if kept else None
                if kept is None or ended is not None:
                    raise invocation.refuse(ended or Reason.CONSENT_UNKNOWN)

        return check
