"""Erasures as they are noted while they last, in the container ``deletions``.

``erasing/{tenant}/job.json`` is the job. Beside it lie notes, each a list of names that are about
to be deleted: written first, so that the receipt counts what a killed process deleted. All of it
goes when the receipt is there; ``erased/{tenant}.json`` then says which receipt that is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from consentry.azure.names import Container
from consentry.limits import ERASURE_NOTE_BYTES_MAX, ERASURE_SETTLE_SECONDS, JSON_BYTES_MAX
from consentry.service.identifiers import uuid7
from consentry.service.ports import BlobStore

_UNDER_WAY: Final = "erasing/"
_DONE: Final = "erased/"
_JOB: Final = "/job.json"
_JSON: Final = "application/json"


class Erasure(BaseModel):
    """An erasure under way or done; ``audit`` is the id of the record of who began it.

    ``receipt`` is the id of its receipt, which is there once it is ``done``.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    receipt: str
    audit: str
    begun: AwareDatetime
    closed: AwareDatetime | None = None
    done: AwareDatetime | None = None

    @property
    def receipt_from(self) -> datetime:
        """When the receipt can be issued at the earliest."""
        return (self.closed or self.begun) + timedelta(seconds=ERASURE_SETTLE_SECONDS)


class _Note(BaseModel):
    kind: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ErasureJobs:
    """Reads and writes jobs and their notes."""

    blobs: BlobStore

    def find(self, tenant: str) -> Erasure | None:
        """Give the erasure under way, else the last one done, else None."""
        return self._read(_job(tenant)) or self._read(f"{_DONE}{tenant}.json")

    def under_way(self) -> list[Erasure]:
        """All erasures that are not done."""
        names = [found.name for found in self.blobs.list(Container.DELETIONS, _UNDER_WAY)]
        found = (self._read(name) for name in names if name.endswith(_JOB))
        return [job for job in found if job is not None]

    def add(self, job: Erasure) -> None:
        """Note a new job; ConflictError where one is under way."""
        self._write(_job(job.tenant), job, only_new=True)

    def save(self, job: Erasure) -> None:
        """Note how far a job is."""
        self._write(_job(job.tenant), job)

    def note(self, tenant: str, kind: str, names: tuple[str, ...], now: datetime) -> None:
        """Note names that are about to be deleted."""
        name = f"{_UNDER_WAY}{tenant}/{uuid7(now)}.json"
        self._write(name, _Note(kind=kind, names=names), only_new=True)

    def noted(self, tenant: str) -> dict[str, set[str]]:
        """All names that were noted, by kind."""
        noted: dict[str, set[str]] = {}
        for name in self._notes(tenant):
            blob = self.blobs.read(Container.DELETIONS, name, limit=ERASURE_NOTE_BYTES_MAX)
            if blob is not None:
                note = _Note.model_validate_json(blob.data)
                noted.setdefault(note.kind, set()).update(note.names)
        return noted

    def finish(self, job: Erasure) -> None:
        """Note that a job is done, and forget what was noted for it."""
        self._write(f"{_DONE}{job.tenant}.json", job)
        for name in (*self._notes(job.tenant), _job(job.tenant)):
            self.blobs.delete(Container.DELETIONS, name)

    def _notes(self, tenant: str) -> list[str]:
        found = self.blobs.list(Container.DELETIONS, f"{_UNDER_WAY}{tenant}/")
        return [blob.name for blob in found if blob.name != _job(tenant)]

    def _read(self, name: str) -> Erasure | None:
        blob = self.blobs.read(Container.DELETIONS, name, limit=JSON_BYTES_MAX)
        return None if blob is None else Erasure.model_validate_json(blob.data)

    def _write(self, name: str, document: BaseModel, *, only_new: bool = False) -> None:
        data = document.model_dump_json().encode()
        self.blobs.write(Container.DELETIONS, name, data, content_type=_JSON, only_new=only_new)


def _job(tenant: str) -> str:
    return f"{_UNDER_WAY}{tenant}{_JOB}"
