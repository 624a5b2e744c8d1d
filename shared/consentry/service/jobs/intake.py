"""How jobs begin: with an upload that is there, or with one that is awaited."""

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from consentry.errors import ConflictError, ConsentryError
from consentry.service.inbox_names import UploadName
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.endgame import Endgame
from consentry.service.jobs.job import Job, State
from consentry.service.jobs.messages import Dispatcher
from consentry.service.jobs.notices import Notices
from consentry.service.jobs.store import Holder, JobStore
from consentry.service.jobs.wish import Mode, Wish
from consentry.service.ledger import UploadLedger
from consentry.service.ports import BlobProperties, Clock
from consentry.vision import MaskOptions


@dataclass(frozen=True)
class Intake:
    """Starts jobs: one works on an upload at a time, however often its arrival is told."""

    store: JobStore
    dispatcher: Dispatcher
    endgame: Endgame
    ledger: UploadLedger
    notices: Notices
    clock: Clock
    default_mask: MaskOptions

    def under_way(self, upload: UploadName, etag: str) -> Job | None:
        """Give the job that works on exactly this content, or waits for it, if there is one."""
        held = self.store.holder(upload)
        if held is None or held.source_etag not in ("", etag):
            return None
        job = self.store.find(upload.tenant, held.job)
        return None if job is None or job.is_over else job

    def start(
        self, invocation: Invocation, upload: UploadName, found: BlobProperties, wish: Wish
    ) -> Outcome[Job]:
        """Start a job, the one that awaits this upload if there is one, once that is recorded."""
        held = self.store.holder(upload)
        holding = None if held is None else self.store.find(upload.tenant, held.job)
        if holding is not None and held is not None and not holding.is_over:
            if held.source_etag == found.etag:
                invocation.count(repeated=1)
                return Outcome(holding, partial(self._carry_on, holding))
            if not held.source_etag:
                return Outcome(holding, partial(self._begin, holding, found.etag, held))
        job = self.new_job(invocation, upload, wish, State.ACCEPTED)
        begun = held is not None and holding is None and held.source_etag == found.etag
        job_id = held.job if held is not None and begun else job.id
        job = replace(job, id=job_id, source_etag=found.etag)
        return Outcome(job, partial(self._add, job, held))

    def new_job(self, invocation: Invocation, upload: UploadName, wish: Wish, state: State) -> Job:
        """Make a job of this invocation's; ArgumentError for a wish that contradicts itself."""
        wish.options(self.default_mask)
        self.notices.check(wish.callback)
        return Job(
            tenant=invocation.tenant,
            id=invocation.id,
            etag="",
            state=state,
            name=upload.name,
            wish=wish.text(),
            preview=wish.mode is Mode.PREVIEW,
            claims=bool(wish.claims),
            callback=wish.callback,
            asked_by=invocation.principal.id,
            created=invocation.time,
            updated=invocation.time,
        )

    def expect(self, job: Job) -> None:
        """Let a job wait for its upload, instead of any that waited for one of that name."""
        held = self.store.holder(job.upload)
        self.store.add(job)
        self.store.hold(job.upload, job.id, "", held)
        if held is not None:
            self.endgame.cancel(job.tenant, held.job)

    def dismiss(self, upload: UploadName, error: ConsentryError) -> None:
        """End the job that waits for an upload, since what arrived went into quarantine."""
        held = self.store.holder(upload)
        if held is not None and not held.source_etag:
            self.endgame.fail(upload.tenant, held.job, error)

    def _add(self, job: Job, held: Holder | None) -> None:
        """Hold the upload first: whoever is told of it again takes the same job up."""
        if held is None or held.job != job.id:
            try:
                self.store.hold(job.upload, job.id, job.source_etag, held)
            except ConflictError:
                return  # another delivery was first
            if held is not None:
                self.endgame.cancel(job.tenant, held.job)  # of what was replaced
        with suppress(ConflictError):
            self.store.add(job)
        self._set_out(job)

    def _begin(self, job: Job, source_etag: str, held: Holder) -> None:
        begun = self.store.move(job, self.clock(), state=State.ACCEPTED, source_etag=source_etag)
        if begun is not None:
            self.store.hold(job.upload, job.id, source_etag, held)
            self._set_out(begun)

    def _set_out(self, job: Job) -> None:
        now = self.clock()
        self.ledger.working(job.upload, etag=job.source_etag, job=job.id, now=now)
        self.dispatcher.send(job)

    def _carry_on(self, job: Job) -> None:
        if not job.sent:
            self.dispatcher.send(job)
