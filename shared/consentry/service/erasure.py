"""Erasing a tenant: its keys are destroyed, all that is its own is deleted, one receipt says so.

Every step can be taken again, so a process that is killed anywhere leaves a job that the timer
takes up:

1. A job is noted, with the id of the receipt that there will be.
2. The tenant is closed: its approvals are revoked, its data keys and keys of callers deleted.
   After ADMISSION_SECONDS no call gets in, after DATA_KEY_SECONDS no process holds a key of it.
3. All that is on the list of ``consentry.service.belongings`` is deleted.
4. Calls and upload addresses of before have ended ERASURE_SETTLE_SECONDS after it was closed. What
   they left is deleted too; then the receipt is issued, and the job forgotten.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from typing import Final

from consentry.azure.names import TableName
from consentry.errors import ConflictError, NotFoundError
from consentry.limits import ERASURE_DELETIONS_MAX, ERASURE_NOTE_NAMES
from consentry.service.access import Access
from consentry.service.belongings import Belongings, Place
from consentry.service.cases import Cases
from consentry.service.deletions import Deletions
from consentry.service.erasure_jobs import Erasure, ErasureJobs
from consentry.service.identifiers import uuid7
from consentry.service.invocation import Invocation, Outcome
from consentry.service.settings import TENANT_PATTERN
from consentry.trust.approvals import ApprovalState
from consentry.trust.deletions import DeletionReason
from consentry.trust.operations import Capability

_DELETERS: Final = 8  # threads


@dataclass(frozen=True)
class Erasures:
    """Begins erasures and carries them through."""

    access: Access
    cases: Cases
    belongings: Belongings
    jobs: ErasureJobs
    deletions: Deletions
    most: int = ERASURE_DELETIONS_MAX
    batch: int = ERASURE_NOTE_NAMES

    def begin(self, invocation: Invocation, tenant: str) -> Outcome[Erasure]:
        """Close a tenant and note the job.

        One that is under way, or was done and left nothing, is given as it is.
        """
        if not TENANT_PATTERN.fullmatch(tenant):
            raise NotFoundError("no tenant has such a name")
        invocation.regards(tenant)
        known = self.jobs.find(tenant)
        if known is not None and (known.done is None or not self.belongings.any(tenant)):
            return Outcome(known)
        now = invocation.time
        job = Erasure(tenant=tenant, receipt=uuid7(now), audit=invocation.id, begun=now)

        def release() -> None:
            self.jobs.add(job)
            self._close(invocation, job)

        return Outcome(job, release)

    def status(self, invocation: Invocation, tenant: str) -> Outcome[Erasure]:
        """Tell how far an erasure is; NotFoundError where there never was one."""
        found = self.jobs.find(tenant) if TENANT_PATTERN.fullmatch(tenant) else None
        if found is None:
            raise NotFoundError("no tenant of that name is or was erased")
        invocation.regards(tenant)
        return Outcome(found)

    def carry_on(self, invocation: Invocation) -> Outcome[list[Erasure]]:
        """Delete what is due of all erasures; issue receipts once that is recorded.

        Gives the erasures that were under way.
        """
        jobs, ready, deleted = self.jobs.under_way(), list[Erasure](), 0
        for job in jobs:
            if self.deletions.is_issued(job.receipt):  # a try before got as far as that
                ready.append(job)
                continue
            closed = self._close(invocation, job)
            deleted += self._sweep(invocation, job.tenant, self.most - deleted)
            settled = invocation.time >= closed.receipt_from
            if settled and not self.belongings.any(job.tenant):
                ready.append(closed)
        invocation.count(erasures=len(jobs), erased=len(ready), deleted=deleted)

        def release() -> None:
            for job in ready:
                self._finish(invocation, job)

        return Outcome(jobs, release)

    def _close(self, invocation: Invocation, job: Erasure) -> Erasure:
        """Revoke by evidence, so that no row of access put back counts; delete all keys."""
        for capability in Capability:
            decided = self.access.decided(job.tenant, capability)
            if decided is not None and decided.state is not ApprovalState.REVOKED:
                self.access.stop(decided, ApprovalState.REVOKED, "erasure", invocation.time)
        self.cases.close(job.tenant)
        for table in (TableName.DATA_KEYS, TableName.CALLERS):
            place = self.belongings.rows(job.tenant, table)
            self._empty(invocation, job.tenant, place, self.most)
        if job.closed is not None:
            return job
        closed = job.model_copy(update={"closed": invocation.time})
        self.jobs.save(closed)
        return closed

    def _sweep(self, invocation: Invocation, tenant: str, most: int) -> int:
        """Delete about ``most`` things at most; give their number."""
        deleted = 0
        for place in self.belongings.places(tenant):
            if deleted < most:
                deleted += self._empty(invocation, tenant, place, most - deleted)
        return deleted

    def _empty(self, invocation: Invocation, tenant: str, place: Place, most: int) -> int:
        deleted = 0
        with ThreadPoolExecutor(_DELETERS) as pool:
            for names in batched(place.names, self.batch, strict=False):
                self.jobs.note(tenant, place.kind, names, invocation.time)
                deleted += sum(pool.map(place.delete, names))
                if deleted >= most:
                    break
        return deleted

    def _finish(self, invocation: Invocation, job: Erasure) -> None:
        with suppress(ConflictError):  # it is there already
            self.deletions.issue(
                invocation,
                tenant=job.tenant,
                reason=DeletionReason.TENANT_ERASED,
                deleted=self.jobs.noted(job.tenant),
                receipt_id=job.receipt,
                audit=job.audit,
            )
        self.jobs.finish(job.model_copy(update={"done": invocation.time}))
