"""Orphans: things whose other half is gone, by a crash or by hand. The timer cures what is safe.

Nothing that shows people and nothing that proves anything is deleted here for being alone; that is
reported for somebody to look at, and ends by its retention. What is younger than ORPHAN_SECONDS_MIN
may still be on its way, and is left alone.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

from consentry.azure.names import Container, TableName
from consentry.errors import ConflictError
from consentry.limits import ORPHAN_SECONDS_MIN
from consentry.service.datakeys import Purpose, row_name
from consentry.service.inbox_names import (
    MANIFEST_SUFFIX,
    REASON_SUFFIX,
    RESULT_SUFFIX,
    UploadName,
)
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ledger import UploadState, status_of
from consentry.service.ports import BlobProperties, BlobStore, Table

_YOUNG: Final = timedelta(seconds=ORPHAN_SECONDS_MIN)


class OrphanKind(StrEnum):
    """What is alone; the first four are deleted by the timer."""

    MANIFEST_WITHOUT_RESULT = "manifest_without_result"
    REASON_WITHOUT_UPLOAD = "reason_without_upload"
    TEMPLATE_WITHOUT_KEY = "template_without_key"
    STATUS_WITHOUT_UPLOAD = "status_without_upload"
    RESULT_WITHOUT_MANIFEST = "result_without_manifest"
    QUARANTINED_WITHOUT_REASON = "quarantined_without_reason"
    NO_SERVED_TENANT = "no_served_tenant"


@dataclass(frozen=True)
class Orphan:
    """One thing, and how to delete it where that is safe."""

    kind: OrphanKind
    tenant: str
    cure: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Orphans:
    """Finds orphans, and deletes those that nobody can miss."""

    blobs: BlobStore
    table: Callable[[TableName], Table]
    tenants: Collection[str]

    def scan(self, now: datetime) -> Iterator[Orphan]:
        """Look at everything once."""
        inbox, redacted, quarantine = (
            {blob.name: blob for blob in self.blobs.list(container, "")}
            for container in (Container.INBOX, Container.REDACTED, Container.QUARANTINE)
        )
        old = now - _YOUNG
        yield from self._pairs(Container.REDACTED, redacted, MANIFEST_SUFFIX, old)
        yield from self._pairs(Container.QUARANTINE, quarantine, REASON_SUFFIX, old)
        yield from self._templates()
        yield from self._statuses(inbox.keys(), redacted.keys(), quarantine.keys(), old)
        for blob in (*inbox.values(), *redacted.values()):
            tenant = UploadName.parse(blob.name).tenant
            if tenant not in self.tenants and blob.modified <= old:
                yield Orphan(OrphanKind.NO_SERVED_TENANT, tenant)

    def cure(self, invocation: Invocation) -> Outcome[None]:
        """Delete what is safe, and count all."""
        for orphan in list(self.scan(invocation.time)):
            invocation.count(**{orphan.kind: 1})
            if orphan.cure is not None:
                with suppress(ConflictError):
                    invocation.count(deleted=int(orphan.cure()))
        return Outcome(None)

    def _pairs(
        self, place: Container, found: dict[str, BlobProperties], suffix: str, old: datetime
    ) -> Iterator[Orphan]:
        """Of a file and the note beside it, find those that lack the other."""
        notes, files = {
            Container.REDACTED: (
                OrphanKind.MANIFEST_WITHOUT_RESULT,
                OrphanKind.RESULT_WITHOUT_MANIFEST,
            ),
            Container.QUARANTINE: (
                OrphanKind.REASON_WITHOUT_UPLOAD,
                OrphanKind.QUARANTINED_WITHOUT_REASON,
            ),
        }[place]
        for name, blob in found.items():
            upload = UploadName.parse(name)
            if blob.modified > old or name.endswith(RESULT_SUFFIX):
                continue
            if name.endswith(suffix):
                if name.removesuffix(suffix) not in found and upload.is_addressable:
                    cure = partial(self.blobs.delete, place, name, etag=blob.etag)
                    yield Orphan(notes, upload.tenant, cure)
            elif name + suffix not in found:
                yield Orphan(files, upload.tenant)

    def _templates(self) -> Iterator[Orphan]:
        """Find templates that nothing opens any more: a key is there before what it seals."""
        table = self.table(TableName.TEMPLATES)
        rows = list(table.query())
        keys = {(key.partition, key.row) for key in self.table(TableName.DATA_KEYS).query()}
        for row in rows:
            version = row.values.get("key")
            name = row_name(Purpose.TEMPLATES, version if isinstance(version, int) else 0)
            if (row.partition, name) not in keys:
                cure = partial(table.delete, row.partition, row.row, etag=row.etag)
                yield Orphan(OrphanKind.TEMPLATE_WITHOUT_KEY, row.partition, cure)

    def _statuses(
        self,
        inbox: Collection[str],
        redacted: Collection[str],
        quarantine: Collection[str],
        old: datetime,
    ) -> Iterator[Orphan]:
        """Find rows that tell of an upload of which nothing is left."""
        table = self.table(TableName.UPLOADS)
        for row in table.query():
            status = status_of(row)
            upload = UploadName.parse(f"{row.partition}/{status.name}")
            there = {
                UploadState.DONE: status.result in redacted,
                UploadState.QUARANTINED: upload.quarantine_blob in quarantine,
            }.get(status.state, False)
            if status.updated <= old and not there and upload.blob not in inbox:
                cure = partial(table.delete, row.partition, row.row, etag=row.etag)
                yield Orphan(OrphanKind.STATUS_WITHOUT_UPLOAD, row.partition, cure)
