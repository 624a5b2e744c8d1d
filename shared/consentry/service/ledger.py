"""What became of each upload: the row that ``GET /uploads/{id}`` reads.

One row of the table ``uploads`` for each name in a tenant's inbox; it tells of the latest upload
under that name. The row is a convenience: what proves an outcome is the audit record.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from consentry.service.inbox_names import UploadName
from consentry.service.ports import Entity, Table

UPLOAD_METADATA: Final = "upload"  # of a result: the id of the upload that it belongs to


class UploadState(StrEnum):
    """Where an upload stands."""

    WAITING = "waiting"  # an address was given, nothing has arrived
    HELD = "held"  # part of a verification that is not complete, or a video without its job
    WORKING = "working"  # a video's job was started
    DONE = "done"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class UploadStatus:
    """State of the latest upload under one name."""

    state: UploadState
    name: str
    asked_by: str
    consent: str
    etag: str
    reason: str
    result: str
    invocation: str
    updated: datetime


@dataclass(frozen=True)
class UploadLedger:
    """Reads and writes the rows."""

    table: Table

    def expect(
        self, upload: UploadName, *, asked_by: str, now: datetime, consent: str = ""
    ) -> None:
        """Note that ``asked_by`` was given an address for this name, under a consent."""
        waiting = UploadState.WAITING
        self._put(upload, waiting, asked=(asked_by, consent), updated=now)

    def held(self, upload: UploadName, *, etag: str, invocation: str, now: datetime) -> None:
        """Note that it waits for the rest of its verification, or for a request that names it."""
        self._put(upload, UploadState.HELD, etag=etag, invocation=invocation, updated=now)

    def working(self, upload: UploadName, *, etag: str, job: str, now: datetime) -> None:
        """Note the job that works on it."""
        self._put(upload, UploadState.WORKING, etag=etag, invocation=job, updated=now)

    def done(
        self, upload: UploadName, *, etag: str, result: str, invocation: str, now: datetime
    ) -> None:
        """Note the blob name of the durable result."""
        self._put(
            upload, UploadState.DONE, etag=etag, result=result, invocation=invocation, updated=now
        )

    def quarantined(self, upload: UploadName, *, etag: str, reason: str, now: datetime) -> None:
        """Note why it was put away."""
        self._put(upload, UploadState.QUARANTINED, etag=etag, reason=reason, updated=now)

    def asked_by(self, upload: UploadName, etag: str) -> str:
        """Principal that asked for the address of this content, or nothing for a direct drop.

        Whoever asked for an address is not answerable for what came under the name later.
        """
        return self._asked(upload, etag)[0]

    def consent(self, upload: UploadName, etag: str) -> str:
        """What was named as consent when the address of this content was asked for, if any was."""
        return self._asked(upload, etag)[1]

    def _asked(self, upload: UploadName, etag: str) -> tuple[str, str]:
        status = self.find(upload.tenant, upload.upload_id)
        if status is None or (status.state is not UploadState.WAITING and status.etag != etag):
            return "", ""
        return status.asked_by, status.consent

    def is_done(self, upload: UploadName, etag: str) -> bool:
        """Tell whether exactly this content has its result already."""
        status = self.find(upload.tenant, upload.upload_id)
        return status is not None and status.state is UploadState.DONE and status.etag == etag

    def is_held(self, upload: UploadName, etag: str) -> bool:
        """Tell whether exactly this content waits for something else."""
        status = self.find(upload.tenant, upload.upload_id)
        return status is not None and status.state is UploadState.HELD and status.etag == etag

    def find(self, tenant: str, upload_id: str) -> UploadStatus | None:
        """Status by id, of the tenant's own uploads only."""
        entity = self.table.get(tenant, upload_id)
        return None if entity is None else status_of(entity)

    def _put(
        self,
        upload: UploadName,
        state: UploadState,
        *,
        updated: datetime,
        asked: tuple[str, str] | None = None,
        etag: str = "",
        reason: str = "",
        result: str = "",
        invocation: str = "",
    ) -> None:
        asked_by, consent = self._asked(upload, etag) if asked is None else asked
        self.table.put(
            upload.tenant,
            upload.upload_id,
            {
                "state": state.value,
                "name": upload.name,
                "asked_by": asked_by,
                "consent": consent,
                "etag": etag,
                "reason": reason,
                "result": result,
                "invocation": invocation,
                "updated": updated,
            },
        )


def status_of(entity: Entity) -> UploadStatus:
    """Read a row."""
    values = entity.values
    updated = values["updated"]
    if not isinstance(updated, datetime):
        raise TypeError("an upload's row has no time")
    return UploadStatus(
        state=UploadState(str(values["state"])),
        name=str(values["name"]),
        asked_by=str(values["asked_by"]),
        consent=str(values["consent"]),
        etag=str(values["etag"]),
        reason=str(values["reason"]),
        result=str(values["result"]),
        invocation=str(values["invocation"]),
        updated=updated,
    )
