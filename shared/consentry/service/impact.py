"""What relied on a consent, and how to take it back: outputs in which its face stayed visible."""

from dataclasses import dataclass, replace
from uuid import UUID

from consentry.azure.names import Container
from consentry.errors import NotFoundError, StateError
from consentry.limits import PICTURE_BYTES_MAX
from consentry.service.inbox_names import MANIFEST_SUFFIX, UploadName
from consentry.service.invocation import Invocation, Outcome
from consentry.service.jobs.job import JOB_METADATA
from consentry.service.jobs.store import JobStore
from consentry.service.manifests import MANIFEST_MEDIA_TYPE
from consentry.service.outputs import Output, Outputs
from consentry.service.ports import Blob, BlobProperties, BlobStore
from consentry.service.redactor import Redactor
from consentry.vision import MaskOptions


@dataclass(frozen=True)
class Impact:
    """The use cases ``read`` and ``redact again``."""

    blobs: BlobStore
    redactor: Redactor
    outputs: Outputs
    job_rows: JobStore
    default_mask: MaskOptions

    def read(self, invocation: Invocation, receipt_id: UUID) -> Outcome[list[Output]]:
        """List the tenant's outputs that relied on a receipt, oldest first."""
        found = list(self.outputs.list(invocation.tenant, str(receipt_id)))
        invocation.consent_id = str(receipt_id)
        invocation.count(outputs=len(found))
        return Outcome(found)

    def redact_again(
        self, invocation: Invocation, receipt_id: UUID, output_id: UUID
    ) -> Outcome[Output]:
        """Mask every face of a stored output, without any claim, and put that in its place.

        A video leaves its place at once, and comes back by a job of its own. Raises StateError for
        an output that left over HTTP: only whoever has it can do that.
        """
        tenant = invocation.tenant
        output = self.outputs.find(tenant, str(receipt_id), str(output_id))
        if output is None:
            raise NotFoundError("no such output relied on that receipt")
        invocation.consent_id = output.receipt_id
        if not output.result:
            raise StateError("the output left over HTTP: redact it where it is")
        video = self._video(tenant, output)
        if video is not None:
            return self._again_as_upload(invocation, output, video)
        blob = self._read(tenant, output)
        done = self.redactor.redact(invocation, blob.data, self.default_mask)
        after = replace(output, redacted_again=invocation.id)

        def release() -> None:
            place, properties = output.result, blob.properties
            now = self.blobs.properties(Container.REDACTED, place)
            if now is None or now.etag != properties.etag:
                raise NotFoundError("the output was replaced or removed meanwhile")
            self.blobs.write(
                Container.REDACTED,
                place,
                done.redacted.data,
                content_type=done.redacted.media_type,
                metadata={**properties.metadata, "invocation": invocation.id},
            )
            self.blobs.write(
                Container.REDACTED,
                place + MANIFEST_SUFFIX,
                done.manifest,
                content_type=MANIFEST_MEDIA_TYPE,
            )
            self.outputs.note(tenant, after)

        return Outcome(after, release)

    def _again_as_upload(
        self, invocation: Invocation, output: Output, video: BlobProperties
    ) -> Outcome[Output]:
        """Make an upload of a video that is a result: its arrival starts the job that masks all.

        Raises StateError while another upload has its name, or a job with other wishes awaits one.
        """
        if self.job_rows.is_awaited(UploadName.parse(output.result)):
            raise StateError("a job waits for an upload of that name: try again after it")
        if self.blobs.properties(Container.INBOX, output.result) is not None:
            raise StateError("an upload of that name is in the inbox: try again after its job")
        after = replace(output, redacted_again=invocation.id)

        def release() -> None:
            place = output.result
            metadata = {"invocation": invocation.id}
            self.blobs.move(
                (Container.REDACTED, place),
                (Container.INBOX, place),
                etag=video.etag,
                metadata=metadata,
            )
            self.blobs.delete(Container.REDACTED, place + MANIFEST_SUFFIX)
            self.outputs.note(invocation.tenant, after)

        return Outcome(after, release)

    def _video(self, tenant: str, output: Output) -> BlobProperties | None:
        """Find a stored output that a video's job made, if it is one and still there."""
        name = UploadName.parse(output.result)
        if name.tenant != tenant or not name.is_addressable:
            return None
        found = self.blobs.properties(Container.REDACTED, output.result)
        made_by = None if found is None else found.metadata.get(JOB_METADATA)
        return found if made_by == output.invocation else None

    def _read(self, tenant: str, output: Output) -> Blob:
        """Read a stored output, if it still is the one that the receipt's row tells of."""
        name = UploadName.parse(output.result)
        blob = None
        if name.tenant == tenant and name.is_addressable:
            blob = self.blobs.read(Container.REDACTED, output.result, limit=PICTURE_BYTES_MAX)
        if blob is None or blob.properties.metadata.get("invocation") not in (
            output.invocation,
            output.redacted_again,
        ):
            raise NotFoundError("the output was replaced or removed")
        return blob
