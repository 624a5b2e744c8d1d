"""Uploads that came when their tenant's calls of the minute were used up: they wait their turn.

The platform would deliver such an upload five times within seconds and then give it up, so it is
noted in the table ``quotas`` instead, and a timer takes it up in a minute that has calls left.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from consentry.errors import ConflictError, IntegrityError
from consentry.limits import LATE_UPLOADS_PER_RUN, WAITING_UPLOAD_SECONDS_MAX
from consentry.service.inbox_names import UploadName
from consentry.service.ports import Clock, Entity, Row, Table

_LATE: Final = "late:"


@dataclass(frozen=True)
class LateUpload:
    """An upload that waits, since when, and whether it has waited as long as it may."""

    upload: UploadName
    since: datetime
    is_overdue: bool


@dataclass(frozen=True)
class LateUploads:
    """Reads and writes the rows."""

    table: Table
    clock: Clock

    def note(self, upload: UploadName) -> None:
        """Let an upload wait; one that waits already keeps its place."""
        with suppress(ConflictError):
            row: Row = {"name": upload.name, "since": self.clock()}
            self.table.insert(upload.tenant, _LATE + upload.upload_id, row)

    def next(self, tenant: str) -> Iterable[LateUpload]:
        """Some of those that wait, those that came first in front."""
        now = self.clock()
        rows = islice(self.table.query(tenant, row_prefix=_LATE), LATE_UPLOADS_PER_RUN)
        return sorted((_late(row, now) for row in rows), key=lambda late: late.since)

    def forget(self, upload: UploadName) -> None:
        """Note that an upload had its turn."""
        self.table.delete(upload.tenant, _LATE + upload.upload_id)


def _late(row: Entity, now: datetime) -> LateUpload:
    name, since = row.values.get("name"), row.values.get("since")
    if not isinstance(name, str) or not isinstance(since, datetime):
        raise IntegrityError("the row of a late upload is not complete")
    is_overdue = since + timedelta(seconds=WAITING_UPLOAD_SECONDS_MAX) <= now
    return LateUpload(UploadName.parse(f"{row.partition}/{name}"), since, is_overdue)
