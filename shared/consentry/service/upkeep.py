"""What must happen although nobody calls: seal the log, delete what has expired, give up."""

from dataclasses import dataclass
from datetime import timedelta

from consentry.azure.names import Container
from consentry.errors import UploadAbandonedError, UploadExpiredError
from consentry.limits import WAITING_UPLOAD_SECONDS_MAX
from consentry.service.inbox_names import UploadName
from consentry.service.invocation import Invocation, Outcome
from consentry.service.pairs import Pairs
from consentry.service.ports import BlobStore
from consentry.service.quarantine import Quarantine
from consentry.service.sealing import Sealer
from consentry.service.templates import TemplateStore


@dataclass(frozen=True)
class Upkeep:
    """The use cases of the timers and of the poison queue."""

    tenants: tuple[str, ...]
    blobs: BlobStore
    templates: TemplateStore
    pairs: Pairs
    quarantine: Quarantine
    sealer: Sealer

    def seal(self, invocation: Invocation) -> Outcome[None]:
        """Sign a checkpoint over everything that the log holds now."""
        invocation.count(chains=self.sealer.seal(invocation.time))
        return Outcome(None)

    def expire_templates(self, invocation: Invocation) -> Outcome[None]:
        """Delete every template whose time to live has ended."""
        invocation.count(templates=self.templates.expire(invocation.time))
        return Outcome(None)

    def expire_held(self, invocation: Invocation) -> Outcome[None]:
        """Put away uploads whose verification was not completed in time."""
        after = timedelta(seconds=WAITING_UPLOAD_SECONDS_MAX)
        expired = UploadExpiredError("the rest of the verification did not arrive in time")
        moved = 0
        for tenant in self.tenants:
            for upload, etag in list(self.pairs.overdue(tenant, invocation.time, after)):
                moved += self.quarantine.take(upload, etag, expired)
        invocation.count(uploads=moved)
        return Outcome(None)

    def give_up(self, invocation: Invocation, blob: str) -> Outcome[None]:
        """Put away an upload that failed at every delivery."""
        upload = UploadName.parse(blob)
        if not upload.is_addressable:
            invocation.count(unreachable=1)
            return Outcome(None)
        found = self.blobs.properties(Container.INBOX, blob)
        if found is None:
            invocation.count(gone=1)
            return Outcome(None)
        abandoned = UploadAbandonedError("the upload failed at every try; ask the operator")
        moved = self.quarantine.take(upload, found.etag, abandoned)
        invocation.count(uploads=int(moved))
        return Outcome(None)
