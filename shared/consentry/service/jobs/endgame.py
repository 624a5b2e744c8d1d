"""How a job ends: done, failed or cancelled; and what is deleted then, whatever came of it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from consentry.azure.names import Container
from consentry.errors import ConflictError, ConsentryError, RefusedError, StateError
from consentry.service.inbox_names import MANIFEST_SUFFIX
from consentry.service.jobs.job import JOB_METADATA, Job, State
from consentry.service.jobs.messages import Dispatcher
from consentry.service.jobs.store import JobStore
from consentry.service.jobs.workbench import Workbench
from consentry.service.ports import BlobStore, Clock
from consentry.service.quarantine import Fault, Quarantine

_TRIES_MAX: Final = 10


@dataclass(frozen=True)
class Endgame:
    """Ends jobs; every part of it may be done again."""

    store: JobStore
    dispatcher: Dispatcher
    bench: Workbench
    blobs: BlobStore
    quarantine: Quarantine
    clock: Clock
    keep_originals: frozenset[str]

    def fail(self, tenant: str, job_id: str, error: ConsentryError) -> None:
        """End a job that cannot have a result; its input goes into quarantine."""
        reason = error.reason if isinstance(error, RefusedError) else ""
        self._end(
            tenant,
            job_id,
            State.FAILED,
            {"code": error.code, "reason": reason, "message": str(error)},
        )

    def cancel(self, tenant: str, job_id: str) -> None:
        """End a job that is not wanted any more; StateError when that comes too late."""
        self._end(tenant, job_id, State.CANCELLED, {})

    def finish(self, job: Job) -> None:
        """End a job whose result lies where it belongs."""
        self._end(job.tenant, job.id, State.DONE, {})

    def settle(self, tenant: str, job_id: str) -> bool:
        """Delete what is left of a job that has ended; False if it has not."""
        job = self.store.find(tenant, job_id)
        if job is None:
            return True  # its tenant was erased, or it ended long ago
        if not job.is_over:
            return False
        if not job.settled:
            self._put_input_away(job)
            if job.state is not State.DONE and job.own_result:
                self._take_back(job)
        self.bench.clear(job)
        self.store.forget_pieces(job)
        self.store.let_go(job)
        if not job.settled:
            self.dispatcher.tell(job)
            with suppress(ConflictError):
                self.store.change(job, settled=True)
        return True

    def _end(self, tenant: str, job_id: str, state: State, why: Mapping[str, str]) -> None:
        for _ in range(_TRIES_MAX):
            job = self.store.find(tenant, job_id)
            if job is None or job.is_over:
                break
            if state is State.CANCELLED and job.state is State.RELEASING:
                raise StateError("the result is being released; it is too late to cancel")
            now = self.clock()
            try:
                self.store.change(job, state=state, ended=now, updated=now, **why)
            except ConflictError:
                continue
            break
        else:
            raise ConflictError("others changed the job too often")
        self.settle(tenant, job_id)

    def _put_input_away(self, job: Job) -> None:
        """Quarantine the input of a failure; delete any other, unless the tenant keeps it.

        That of a preview stays for the job after it.
        """
        if not job.source_etag or (job.preview and job.state is State.DONE):
            return
        if job.state is State.FAILED:
            fault = Fault(job.code, job.reason, job.message)
            self.quarantine.put(job.upload, job.source_etag, fault)
        elif job.tenant not in self.keep_originals:
            with suppress(ConflictError):  # replaced meanwhile: that is somebody else's job
                self.blobs.delete(Container.INBOX, job.upload.blob, etag=job.source_etag)

    def _take_back(self, job: Job) -> None:
        """Delete a result that was on its way out when its job failed."""
        found = self.blobs.properties(Container.REDACTED, job.own_result)
        if found is not None and found.metadata.get(JOB_METADATA) == job.id:
            self.blobs.delete(Container.REDACTED, job.own_result, etag=found.etag)
            self.blobs.delete(Container.REDACTED, job.own_result + MANIFEST_SUFFIX)
