"""What callers ask of jobs: start one, learn how far it is, cancel it, fetch its result."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from consentry.azure.names import Container
from consentry.errors import ArgumentError, ConflictError, NotFoundError, StateError
from consentry.limits import RESULT_ADDRESS_SECONDS
from consentry.service.addresses import Addresses, UploadAddress
from consentry.service.claims import ClaimDesk, NamedClaim
from consentry.service.inbox_names import Purpose, UploadName, check_name
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.endgame import Endgame
from consentry.service.jobs.intake import Intake
from consentry.service.jobs.job import JOB_METADATA, Job, PieceRow, State
from consentry.service.jobs.previews import Previews
from consentry.service.jobs.store import JobStore
from consentry.service.jobs.wish import JobRequest, Wish
from consentry.service.ports import BlobStore, Clock

SOURCE_PREFIX: Final = f"{Container.INBOX}/"
# Shares of a job's work, as measured: looking through takes about as long as writing and checking.
_SCANNED: Final = 48.0
_WRITTEN: Final = 48.0


@dataclass(frozen=True)
class Progress:
    """How far a job is: percent, frames per second so far, and when it may be expected to end."""

    job: Job
    percent: int
    frames_per_second: float | None = None
    expected: datetime | None = None


@dataclass(frozen=True)
class Desk:
    """The use cases of ``/redactions`` for videos; another tenant's job is an unknown one."""

    store: JobStore
    blobs: BlobStore
    intake: Intake
    endgame: Endgame
    addresses: Addresses
    previews: Previews
    claims: ClaimDesk
    clock: Clock

    def wish(self, invocation: Invocation, asked: JobRequest) -> Wish:
        """Understand what a request asks for; ArgumentError where its claims would be a search."""
        claims = tuple(self.previews.claim(invocation, one) for one in asked.claims)
        wish = asked.wish(claims)
        if claims:
            wanted = [NamedClaim(one.box.box(), str(one.receipt)) for one in claims]
            self.claims.prepare(invocation, wanted)
        return wish

    def start(self, invocation: Invocation, source: str, wish: Wish) -> Outcome[Job]:
        """Start a job on an upload that lies in the inbox: ``inbox/{name}``."""
        name = source.removeprefix(SOURCE_PREFIX)
        if name == source:
            raise ArgumentError("a source is inbox/ and the name of an upload")
        upload = _to_redact(invocation, name)
        found = self.blobs.properties(Container.INBOX, upload.blob)
        if found is None:
            raise NotFoundError("there is no upload of that name")
        held = self.intake.under_way(upload, found.etag)
        if held is not None:
            raise ConflictError("a job works on that upload already, or waits for it")
        return self.intake.start(invocation, upload, found, wish)

    def expect(
        self, invocation: Invocation, name: str, wish: Wish
    ) -> Outcome[tuple[Job, UploadAddress]]:
        """Give an address for the video itself; its job starts when the upload arrives."""
        upload = _to_redact(invocation, name)
        asked = self.addresses.create(invocation, name)
        job = self.intake.new_job(invocation, upload, wish, State.WAITING)

        def release() -> None:
            self.intake.expect(job)
            if asked.release is not None:
                asked.release()

        return Outcome((job, asked.value), release)

    def progress(self, invocation: Invocation, job_id: str) -> Outcome[Progress]:
        """Tell how far one of the tenant's own jobs is."""
        job = self._find(invocation, job_id)
        return Outcome(self._measure(job, self.store.pieces(job)))

    def cancel(self, invocation: Invocation, job_id: str) -> Outcome[Job]:
        """End a job and delete its input; StateError for one that has ended."""
        job = self._find(invocation, job_id)
        if job.is_over or job.state is State.RELEASING:
            raise StateError("the job has ended, or its result is being released")
        return Outcome(job, lambda: self.endgame.cancel(job.tenant, job.id))

    def content(self, invocation: Invocation, job_id: str) -> Outcome[str]:
        """Give a read-only address of the result, which lives for minutes."""
        job = self._find(invocation, job_id)
        result = job.own_result
        there = self.blobs.properties(Container.REDACTED, result) if result else None
        if (
            job.state is not State.DONE
            or there is None
            or there.metadata.get(JOB_METADATA) != job.id  # a later job's result has the name
        ):
            raise NotFoundError("there is no result under that id")
        lifetime = timedelta(seconds=RESULT_ADDRESS_SECONDS)
        return Outcome(self.blobs.read_address(Container.REDACTED, result, lifetime))

    def _find(self, invocation: Invocation, job_id: str) -> Job:
        job = self.store.find(invocation.tenant, job_id)
        if job is None:
            raise NotFoundError("there is no job under that id")
        return job

    def _measure(self, job: Job, rows: dict[int, PieceRow]) -> Progress:
        if job.state is State.DONE:
            return Progress(job, 100, _rate(job, job.ended))
        share = _share(job, rows)
        percent = round(_SCANNED * share[0] + _WRITTEN * share[1])
        if job.is_over or job.started is None or percent == 0:
            return Progress(job, percent)
        now = self.clock()
        elapsed = now - job.started
        expected = job.started + elapsed * (100 / percent)
        worked = job.frames * sum(share) / 2
        seconds = elapsed.total_seconds()
        return Progress(job, percent, worked / seconds if seconds else None, expected)


def _to_redact(invocation: Invocation, name: str) -> UploadName:
    """Take the name of an upload of the caller's own tenant; ArgumentError for no usable one."""
    upload = UploadName.parse(f"{invocation.tenant}/{check_name(name)}")
    if upload.purpose is not Purpose.REDACT:
        raise ArgumentError("what lies below verify/ is not redacted")
    return upload


def _share(job: Job, rows: dict[int, PieceRow]) -> tuple[float, float]:
    """Shares of the pieces that were looked through, and of those that were written."""
    if not job.pieces:
        return 0.0, 0.0
    if job.state in (State.JOINING, State.RELEASING):
        return 1.0, 1.0
    scanned = len(rows) / job.pieces
    return scanned, sum(row.written > job.verified for row in rows.values()) / job.pieces


def _rate(job: Job, until: datetime | None) -> float | None:
    if job.started is None or until is None or until <= job.started:
        return None
    return job.frames / (until - job.started).total_seconds()
