"""What happens when a consent ends: everything that was made under it goes, and a receipt stays.

The order is fixed. The consent's row loses its reference first, so that nothing new is made; then
the subject's templates go; then the deletion receipt is issued; then the rows that held them. A
crash in between leaves a step that the next try takes again, and the ids that it needs.

A call that was let in just before could still write a template afterwards. It is compared with
nothing, because a comparison reads the consent again, and the timer deletes it: a consent that has
ended is gone through again until CONSENT_SETTLES_SECONDS later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from consentry.errors import ConflictError
from consentry.limits import CONSENT_SETTLES_SECONDS
from consentry.service.consent_store import ConsentStore, Kept
from consentry.service.datakeys import DataKeys
from consentry.service.deletions import Deletions
from consentry.service.invocation import Invocation, Outcome
from consentry.service.subjects import subject_digest
from consentry.service.templates import TemplateStore
from consentry.trust.consents import Receipt
from consentry.trust.deletions import DeletionReason

_SETTLES = timedelta(seconds=CONSENT_SETTLES_SECONDS)


@dataclass(frozen=True)
class Endings:
    """Ends consents: one that is withdrawn, or all whose time has come."""

    store: ConsentStore
    templates: TemplateStore
    deletions: Deletions
    keys: DataKeys
    tenants: tuple[str, ...]

    def templates_of(self, receipt: Receipt) -> list[str]:
        """Face ids of the subject's templates, whichever consent they were made under."""
        return self.templates.of_subject(receipt.tenant, self._subject(receipt))

    def end(self, invocation: Invocation, kept: Kept, receipt: Receipt) -> None:
        """Put the consent's last state in place and delete what was made under it."""
        if receipt is not kept.receipt or kept.reference:
            kept = self.store.end(kept, receipt)
        face_ids = self.templates_of(receipt)
        self.templates.empty(receipt.tenant, face_ids)
        issue = partial(
            self.deletions.issue,
            invocation,
            tenant=receipt.tenant,
            reason=_reason(receipt),
            concerns=receipt.record_id,
        )
        references = [receipt.record_id] if kept.enrolled else []
        try:
            issue(
                deleted={"templates": face_ids, "references": references},
                receipt_id=receipt.record_id,
            )
        except ConflictError:  # issued before; what came later has a receipt of its own
            if face_ids:
                issue(deleted={"templates": face_ids})
        self.templates.forget(receipt.tenant, face_ids)

    def expire(self, invocation: Invocation) -> Outcome[None]:
        """End every consent whose time has come, and look again after those that ended before."""
        due: list[Kept] = []
        for tenant in self.tenants:
            found, damaged = self.store.due(tenant, invocation.time)
            due += found
            invocation.count(damaged=damaged)
        templates = sum(len(self.templates_of(kept.receipt)) for kept in due)
        invocation.count(consents=len(due), templates=templates)
        return Outcome(None, partial(self._end_all, invocation, due))

    def _end_all(self, invocation: Invocation, due: Sequence[Kept]) -> None:
        for kept in due:
            self.end(invocation, kept, kept.receipt)
            ended = kept.receipt.ended_at(invocation.time)
            if ended is not None and ended + _SETTLES <= invocation.time:
                now = self.store.find(kept.receipt.tenant, kept.receipt.record_id)
                if now is not None:
                    self.store.clear(now)

    def _subject(self, receipt: Receipt) -> str:
        return subject_digest(self.keys, receipt.tenant, receipt.pii_principal_id)


def _reason(receipt: Receipt) -> DeletionReason:
    if receipt.withdrawn_at is not None:
        return DeletionReason.CONSENT_WITHDRAWN
    return DeletionReason.CONSENT_EXPIRED
