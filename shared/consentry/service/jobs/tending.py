"""What must happen to jobs although nobody calls: wake them, give them up, clear up after them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from consentry.azure.names import Container
from consentry.errors import ConflictError, UploadAbandonedError, UploadExpiredError
from consentry.limits import (
    JOB_KEPT_SECONDS,
    JOB_SECONDS_MAX,
    JOB_STALLED_SECONDS,
    JOBS_TENDED_PER_RUN,
    UPLOAD_ADDRESS_SECONDS,
)
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.endgame import Endgame
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.messages import Dispatcher, StepMessage
from consentry.service.jobs.store import JobStore
from consentry.service.ports import BlobStore

_AWAITED: Final = timedelta(seconds=2 * UPLOAD_ADDRESS_SECONDS)
_STALLED: Final = timedelta(seconds=JOB_STALLED_SECONDS)
_LONGEST: Final = timedelta(seconds=JOB_SECONDS_MAX)
_KEPT: Final = timedelta(seconds=JOB_KEPT_SECONDS)


@dataclass(frozen=True)
class Tending:
    """The use cases of the timer and of the poison queue."""

    tenants: tuple[str, ...]
    store: JobStore
    dispatcher: Dispatcher
    endgame: Endgame
    blobs: BlobStore

    def tend(self, invocation: Invocation) -> Outcome[None]:
        """Look at every job once, and delete the pieces of jobs that are not there any more."""
        for tenant in self.tenants:
            known = set()
            for job in list(islice(self.store.all(tenant), JOBS_TENDED_PER_RUN)):
                known.add(job.id)
                what = self._due(job, invocation.time)
                if what is not None:
                    with suppress(ConflictError):  # somebody is at it: the next run looks again
                        what(job)
                    invocation.count(tended=1)
            invocation.count(pieces=self._forget_lost(tenant, known, invocation.time))
        return Outcome(None)

    def give_up(self, invocation: Invocation, body: bytes) -> Outcome[None]:
        """End the job of a step that failed at every delivery."""
        message = StepMessage.parse(body)
        error = UploadAbandonedError("a step of the job failed at every try; ask the operator")
        self.endgame.fail(message.tenant, message.job, error)
        invocation.count(jobs=1)
        return Outcome(None)

    def _due(self, job: Job, now: datetime) -> Callable[[Job], None] | None:
        """Tell what has to be done to a job now, if anything."""
        quiet = now - job.updated
        if job.is_over:
            if not job.settled:
                return self._settle
            return self.store.forget if quiet >= _KEPT else None
        if job.state is State.WAITING:
            return self._expire if quiet >= _AWAITED else None
        if now - job.created >= _LONGEST:
            return self._abandon
        return self._wake if quiet >= _STALLED else None

    def _settle(self, job: Job) -> None:
        self.endgame.settle(job.tenant, job.id)

    def _expire(self, job: Job) -> None:
        expired = UploadExpiredError("the upload that the job waits for did not arrive in time")
        self.endgame.fail(job.tenant, job.id, expired)

    def _abandon(self, job: Job) -> None:
        error = UploadAbandonedError("the job did not end within a day; ask the operator")
        self.endgame.fail(job.tenant, job.id, error)

    def _wake(self, job: Job) -> None:
        """Send a job's messages again, unless another job was given its upload."""
        held = self.store.holder(job.upload)
        if job.state is State.ACCEPTED and (held is None or held.job != job.id):
            self.store.forget(job)
            return
        self.dispatcher.send(job)

    def _forget_lost(self, tenant: str, known: set[str], now: datetime) -> int:
        """Delete pieces that no job owns, as a step leaves that ends after its job was cleared."""
        lost = [
            blob
            for blob in self.blobs.list(Container.PIECES, f"{tenant}/")
            if blob.name.split("/")[1] not in known and now - blob.modified >= _STALLED
        ]
        for blob in lost:
            self.blobs.delete(Container.PIECES, blob.name)
        return len(lost)
