"""Retention: what lies in the containers longer than its tenant's rules allow is deleted.

The rules are settings, for the deployment and for single tenants; where a decision on access names
fewer days, those count for all that shows people (not for the manifests of redactions over HTTP,
which hold hashes and boxes). Beside a result lies its manifest, which goes an hour later, so that
no result is ever without one.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from consentry.azure.names import Container
from consentry.errors import ConflictError
from consentry.limits import RETENTION_DELETIONS_MAX
from consentry.service.access import Access
from consentry.service.inbox_names import MANIFEST_SUFFIX, UploadName
from consentry.service.invocation import Invocation, Outcome
from consentry.service.ports import BlobProperties, BlobStore
from consentry.service.settings import RETAINED, RetentionDays
from consentry.trust.operations import Capability
from consentry.trust.retention import kept_for

SHOWS_PEOPLE: Final = frozenset({Container.INBOX, Container.REDACTED, Container.QUARANTINE})
MANIFEST_AFTER: Final = timedelta(hours=1)

_DELETERS: Final = 8  # threads


@dataclass(frozen=True)
class Kept:
    """A blob, whose it is, and until when it may lie there."""

    container: Container
    tenant: str
    blob: BlobProperties
    until: datetime


@dataclass
class _Rules:
    """The rules of tenants, read once in a run."""

    days: RetentionDays
    access: Access
    known: dict[str, Mapping[Container, timedelta]] = field(default_factory=dict)

    def of(self, tenant: str) -> Mapping[Container, timedelta]:
        if tenant not in self.known:
            decided = [self.access.decided(tenant, capability) for capability in Capability]
            approvals = [approval for approval in decided if approval is not None]
            self.known[tenant] = {
                container: kept_for(days, approvals if container in SHOWS_PEOPLE else ())
                for container, days in self.days.of(tenant).items()
            }
        return self.known[tenant]


@dataclass(frozen=True)
class Retention:
    """The timer's use case, and what it goes by."""

    blobs: BlobStore
    access: Access
    days: RetentionDays
    most: int = RETENTION_DELETIONS_MAX

    def all(self) -> Iterator[Kept]:
        """Everything in the containers that have rules, whosever it is."""
        rules = _Rules(self.days, self.access)
        for container in RETAINED:
            for blob in self.blobs.list(container, ""):
                tenant = UploadName.parse(blob.name).tenant
                until = blob.modified + rules.of(tenant)[container]
                if container is Container.REDACTED and blob.name.endswith(MANIFEST_SUFFIX):
                    until += MANIFEST_AFTER
                yield Kept(container, tenant, blob, until)

    def enforce(self, invocation: Invocation) -> Outcome[None]:
        """Delete what is due; what is more than a run can do is left to the next one."""
        due = (
            kept
            for kept in self.all()
            if kept.until <= invocation.time and UploadName.parse(kept.blob.name).is_addressable
        )
        with ThreadPoolExecutor(_DELETERS) as pool:
            for kept, deleted in pool.map(self._delete, islice(due, self.most)):
                invocation.count(**{kept.container: int(deleted)})
        return Outcome(None)

    def _delete(self, kept: Kept) -> tuple[Kept, bool]:
        """Delete a blob, unless it was replaced meanwhile."""
        with suppress(ConflictError):
            return kept, self.blobs.delete(kept.container, kept.blob.name, etag=kept.blob.etag)
        return kept, False
