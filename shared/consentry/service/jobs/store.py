"""The table ``jobs``: rows of jobs, of their pieces, and of the uploads that they work on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from consentry.errors import ConflictError
from consentry.service.inbox_names import UploadName
from consentry.service.jobs.job import JOB, PIECE, Job, PieceRow
from consentry.service.ports import Table

_SOURCE: Final = "source:"
_TRIES_MAX: Final = 10  # writes that others may get ahead of


@dataclass(frozen=True)
class Holder:
    """Which job works on an upload; ``source_etag`` is empty while the upload is awaited."""

    job: str
    source_etag: str
    etag: str


@dataclass(frozen=True)
class JobStore:
    """Reads and writes the rows."""

    table: Table

    def add(self, job: Job) -> Job:
        """Write a new job; ConflictError if it is there."""
        return job.stamped(self.table.insert(job.tenant, JOB + job.id, job.row()))

    def find(self, tenant: str, job_id: str) -> Job | None:
        """A job of this tenant, or None."""
        entity = self.table.get(tenant, JOB + job_id)
        return None if entity is None else Job.of(entity)

    def all(self, tenant: str) -> Iterator[Job]:
        """All jobs of a tenant."""
        return map(Job.of, self.table.query(tenant, row_prefix=JOB))

    def change(self, job: Job, **changes: Any) -> Job:
        """Write a job's next state; ConflictError if somebody else has changed it."""
        changed = replace(job, **changes)
        etag = self.table.replace(job.tenant, JOB + job.id, changed.row(), etag=job.etag)
        return changed.stamped(etag)

    def move(self, job: Job, now: datetime, **changes: Any) -> Job | None:
        """Move a job on from the state and round that it was seen in.

        None where it is elsewhere by now, so that only one of many who come at once succeeds.
        """
        for _ in range(_TRIES_MAX):
            found = self.find(job.tenant, job.id)
            if found is None or (found.state, found.round) != (job.state, job.round):
                return None
            try:
                return self.change(found, sent=False, updated=now, **changes)
            except ConflictError:
                continue
        raise ConflictError("others changed the job too often")

    def sent(self, job: Job) -> None:
        """Note that the messages of a job's state were sent, if it is still in that state."""
        for _ in range(_TRIES_MAX):
            found = self.find(job.tenant, job.id)
            if found is None or (found.state, found.round) != (job.state, job.round):
                return
            try:
                self.change(found, sent=True)
            except ConflictError:
                continue
            return

    def forget(self, job: Job) -> None:
        """Delete the row of a job that ended long ago."""
        self.table.delete(job.tenant, JOB + job.id)

    def pieces(self, job: Job) -> dict[int, PieceRow]:
        """The pieces that were looked through, by number."""
        rows = map(PieceRow.of, self.table.query(job.tenant, row_prefix=_pieces(job)))
        return {row.number: row for row in rows}

    def scanned(self, job: Job, number: int, frames: int, now: datetime) -> None:
        """Note that a piece was looked through; again is the same as once."""
        try:
            row = PieceRow(number, "", frames, now)
            self.table.insert(job.tenant, _piece(job, number), row.row())
        except ConflictError:
            return

    def written(self, job: Job, number: int, now: datetime) -> None:
        """Note that a piece has been through the job's round, unless a later one was noted."""
        key = _piece(job, number)
        for _ in range(_TRIES_MAX):
            entity = self.table.get(job.tenant, key)
            if entity is None:
                raise ConflictError("the job has ended")
            row = PieceRow.of(entity)
            if row.written >= job.round:
                return
            changed = replace(row, written=job.round, updated=now)
            try:
                self.table.replace(job.tenant, key, changed.row(), etag=row.etag)
            except ConflictError:
                continue
            return
        raise ConflictError("others changed the piece too often")

    def forget_pieces(self, job: Job) -> None:
        """Delete the rows of all pieces."""
        for entity in self.table.query(job.tenant, row_prefix=f"{PIECE}{job.id}:"):
            self.table.delete(job.tenant, entity.row)

    def holder(self, upload: UploadName) -> Holder | None:
        """Which job works on an upload, or waits for it."""
        entity = self.table.get(upload.tenant, _SOURCE + upload.upload_id)
        if entity is None:
            return None
        job, etag = (str(entity.values[name]) for name in ("job", "source_etag"))
        return Holder(job, etag, entity.etag)

    def is_awaited(self, upload: UploadName) -> bool:
        """Tell whether a job waits for an upload of this name."""
        held = self.holder(upload)
        return held is not None and not held.source_etag

    def hold(self, upload: UploadName, job_id: str, source_etag: str, held: Holder | None) -> None:
        """Note that a job works on an upload, instead of ``held``; ConflictError if it lost."""
        values = {"job": job_id, "source_etag": source_etag}
        row = _SOURCE + upload.upload_id
        if held is None:
            self.table.insert(upload.tenant, row, values)
        else:
            self.table.replace(upload.tenant, row, values, etag=held.etag)

    def let_go(self, job: Job) -> None:
        """Let others work on the upload of a job that has ended."""
        held = self.holder(job.upload)
        if held is not None and held.job == job.id:
            self.table.delete(job.tenant, _SOURCE + job.upload.upload_id, etag=held.etag)


def _pieces(job: Job) -> str:
    """Begin the keys of a job's pieces; those of a video that is one piece are others."""
    return f"{PIECE}{job.id}:{'whole' if job.whole else 'cut'}:"


def _piece(job: Job, number: int) -> str:
    return f"{_pieces(job)}{number:05}"
